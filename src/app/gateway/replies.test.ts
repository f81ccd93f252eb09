import { expect, test } from '@jest/globals';
import { nodeCryptoIds } from '../../adapters/ids/node-crypto/node-crypto-ids.ts';
import { inProcessBus } from '../../adapters/live-bus/in-process/in-process-bus.ts';
import { historyPollMs, maxPieceBytes, maxReplyBytes, maxUnsentBytes } from '../../domain/limits.ts';
import type { HistoryMessage } from '../../ports/history.ts';
import type { Tracer } from '../../ports/tracing.ts';
import { eventually } from '../../testing/guests.ts';
import { RecordedTracer } from '../../testing/recorded-tracer.ts';
import { Replies } from './replies.ts';
import type { Accepted, SessionEvent } from './session-event.ts';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const uncounted = { refused() {}, accepted() {}, replied() {}, historyRead() {}, sessionEnded() {} };

/** A session in conversation `c`; history knows no message, and how far it has come is for the test to say. */
function world(tracer?: Tracer) {
  const events: SessionEvent[] = [];
  /** Batch by batch. */
  const missed: HistoryMessage[][] = [];
  const state = {
    nowMs: 0,
    checkpoint: 0,
    exists: true,
    asked: 0,
    reads: 0,
    waits: 0,
    /** What the client has said and has no answer to, when history has been read. */
    unanswered: Promise.resolve<readonly HistoryMessage[]>([]),
    answer: Promise.resolve(null),
    missed,
    getMessage(_messageId: string): Promise<HistoryMessage | null> {
      state.asked += 1;
      return state.answer;
    },
  };
  const conversations = {
    partition: () => 0,
    async caughtUp() {
      state.waits += 1;
      return state.checkpoint;
    },
    isGone: async () => !state.exists,
    async pendingOf() {
      const ends = [state.checkpoint];
      return { messages: await state.unanswered, ends };
    },
  };
  const bus = inProcessBus();
  const replies = new Replies(
    {
      conversations,
      history: {
        getMessage: (messageId) => state.getMessage(messageId),
        async *replay() {
          yield* state.missed;
        },
      },
      bus,
      clock: { nowMs: () => state.nowMs, monotonicMs: () => state.nowMs, sleep: async () => {} },
      ids: nodeCryptoIds,
      logger: quiet,
      metrics: {
        ...uncounted,
        historyRead() {
          state.reads += 1;
        },
      },
      tracer,
      output: { emit: (event) => void events.push(event), writable: async () => {}, end() {} },
      onChange() {},
      onFault: (refused) => {
        throw refused;
      },
    },
    'c',
  );
  return { replies, bus, events, state };
}

const accepted: Accepted = {
  type: 'accepted',
  clientMessageId: 'm',
  messageId: 'id',
  conversationId: 'c',
  sequence: 7,
  timeMs: 0,
  duplicate: false,
};

test('a message that history does not know yet stays pending, and one that went with its conversation is given up', async () => {
  const { replies, events, state } = world();
  replies.pending.add('id', 'c', 'm', 0);
  replies.acknowledge(accepted);
  const sweep = () => {
    state.nowMs += historyPollMs + 1;
    replies.sweep();
  };
  const settled = () => new Promise((resolve) => setImmediate(resolve));

  sweep();
  await settled();
  // History does not know of the deletion yet: that it lacks the message says nothing.
  state.checkpoint = 7;
  sweep();
  await settled();
  expect(replies.pending.size).toBe(1);
  expect(replies.isDeleted('c')).toBe(false);

  replies.show(0);
  await replies.showing;
  state.checkpoint = 8;
  state.exists = false;
  sweep();
  await settled();
  expect(replies.pending.size).toBe(0);
  expect(replies.isDeleted('c')).toBe(true);
  expect(events.at(-1)).toMatchObject({ type: 'rejected', messageId: 'id', clientMessageId: 'm', reason: 'NOT_FOUND' });
});

// Sweeps come every half second, and each asked for all that was overdue: a store that answered late was asked more and more.
test('history is asked for an unanswered message at its intervals, and not while it has not answered', async () => {
  const { replies, state } = world();
  replies.pending.add('id', 'c', 'm', 0);
  replies.acknowledge(accepted);
  const sweepAt = async (nowMs: number) => {
    state.nowMs = nowMs;
    replies.sweep();
    await new Promise((resolve) => setImmediate(resolve));
    return state.asked;
  };
  expect(await sweepAt(historyPollMs)).toBe(0);
  expect(await sweepAt(historyPollMs + 1)).toBe(1);
  expect(await sweepAt(historyPollMs + 500)).toBe(1);
  const late = Promise.withResolvers<null>();
  state.answer = late.promise;
  expect(await sweepAt(2 * historyPollMs + 2)).toBe(2);
  expect(await sweepAt(4 * historyPollMs)).toBe(2);
  late.resolve(null);
  await late.promise;
  await new Promise((resolve) => setImmediate(resolve));
  expect(await sweepAt(4 * historyPollMs + 1)).toBe(3);
});

test('every read of history that makes up for what a session missed is counted', async () => {
  const { replies, state } = world();
  const reads = async (act: () => void) => {
    state.reads = 0;
    act();
    await replies.showing;
    await new Promise((resolve) => setImmediate(resolve));
    return state.reads;
  };
  expect(await reads(() => replies.showNew())).toBe(0);
  expect(await reads(() => replies.show(0))).toBe(1);
  state.missed.push([], []);
  expect(await reads(() => replies.show(0))).toBe(2);
  replies.pending.add('id', 'c', 'm', 0);
  replies.acknowledge(accepted);
  expect(await reads(() => replies.sweep())).toBe(0);
  state.nowMs = historyPollMs + 1;
  expect(await reads(() => replies.sweep())).toBe(1);
});

// A reply that came between the reading of what is unanswered and the first listening to the bus was asked for again, and the session of whoever had
// said all it would was held open for it.
test.each([
  ['its reply', { role: 'assistant', replyToMessageId: 'id', failureReason: '' }],
  ['that there is none', { role: 'user', messageId: 'id', failureReason: 'POISON' }],
])('a message of which history tells %s is not asked for again', async (_, told) => {
  const { replies, state } = world();
  for (const messageId of ['id', 'other']) {
    replies.pending.add(messageId, 'c', messageId, 0);
    replies.acknowledge({ ...accepted, messageId });
  }
  replies.pending.add('unacknowledged', 'c', 'u', 0);
  state.missed.push([
    { sequence: 9, ...told } as HistoryMessage,
    { role: 'assistant', replyToMessageId: 'unacknowledged', sequence: 10 } as HistoryMessage,
  ]);
  replies.show(0);
  await replies.showing;
  expect([replies.pending.get('id'), replies.pending.size]).toEqual([undefined, 2]);
  state.nowMs = historyPollMs + 1;
  replies.sweep();
  await new Promise((resolve) => setImmediate(resolve));
  expect(state.asked).toBe(1);
});

// It was told by the bus before anybody knew that it was waited for, or history was waited for a second time.
test('what the bus tells while history is read for what is unanswered is told once, and history is waited for once', async () => {
  const { replies, bus, events, state } = world();
  const unanswered = Promise.withResolvers<readonly HistoryMessage[]>();
  state.unanswered = unanswered.promise;
  state.checkpoint = 9;
  const loaded = replies.loadPending('client', 10);
  const parts = [{ kind: 'text', text: 'Hello' }] as const;
  const reply = { replyMessageId: 'reply', attempt: 1, timeMs: 0, parts, model: '', outcome: 'completed' } as const;
  bus.publish('c', { ...reply, type: 'completed', messageId: 'id', sequence: 9 });
  unanswered.resolve([
    { messageId: 'id', conversationId: 'c', clientMessageId: 'm', sequence: 7 } as HistoryMessage,
    { messageId: 'elsewhere', conversationId: 'd', clientMessageId: 'n', sequence: 8 } as HistoryMessage,
  ]);
  await loaded;
  expect([events, replies.pending.get('id'), replies.pending.size]).toEqual([[], undefined, 1]);
  replies.show(7);
  await replies.showing;
  expect(events).toMatchObject([{ type: 'message', message: { messageId: 'reply', sequence: 9 } }]);
  expect([state.waits, state.asked]).toEqual([0, 0]);

  bus.publish('d', { ...reply, type: 'completed', messageId: 'elsewhere', sequence: 10 });
  expect(replies.pending.size).toBe(0);
  replies.turnTo('d');
  replies.show(0);
  await replies.showing;
  expect(state.waits).toBe(1);
});

test('a session that has ended while history was read listens to nothing', async () => {
  const { replies, bus, state } = world();
  const unanswered = Promise.withResolvers<readonly HistoryMessage[]>();
  state.unanswered = unanswered.promise;
  const heard: string[] = [];
  const subscribe = bus.subscribe.bind(bus);
  bus.subscribe = (conversationId, handler) => {
    heard.push(conversationId);
    const stop = subscribe(conversationId, handler);
    return () => {
      heard.splice(heard.indexOf(conversationId), 1);
      stop();
    };
  };
  const loaded = replies.loadPending('client', 10);
  expect(heard).toEqual(['c']);
  replies.close();
  unanswered.resolve([{ messageId: 'id', conversationId: 'd', clientMessageId: 'm', sequence: 7 } as HistoryMessage]);
  await loaded;
  expect(heard).toEqual([]);
});

test('a session that comes to a reply in its midst asks for its draft once, however many pieces came meanwhile', async () => {
  const { replies, bus, events } = world();
  const begun = { messageId: 'id', replyMessageId: 'reply', attempt: 1 };
  let asked = 0;
  bus.requestDrafts = (_conversationId, handler) => {
    asked += 1;
    // As over a network: what is asked for comes later.
    setImmediate(() => {
      handler({ ...begun, type: 'started' });
      handler({ ...begun, type: 'piece', offsetBytes: 0, text: '01234567' });
    });
  };
  replies.show(0);
  for (const offsetBytes of [4, 5, 6, 7])
    bus.publish('c', { ...begun, type: 'piece', offsetBytes, text: `${offsetBytes}` });
  await replies.showing;
  await new Promise((resolve) => setTimeout(resolve, 1));
  expect(asked).toBe(1);
  expect(events.map((event) => (event.type === 'delta' ? event.text : event.type))).toEqual(['started', '01234567']);
});

test('the deletion of a conversation is heard from the bus, or seen when the session comes to it', async () => {
  const heard = world();
  heard.replies.show(0);
  await heard.replies.showing;
  expect(heard.replies.isDeleted('c')).toBe(false);
  heard.bus.publish('c', { type: 'deleted' });
  expect(heard.replies.isDeleted('c')).toBe(true);

  const late = world();
  late.state.checkpoint = 8;
  late.state.exists = false;
  late.replies.show(0);
  await late.replies.showing;
  expect(late.replies.isDeleted('c')).toBe(true);
});

test('what becomes of a message before the client knows that it is in the log is told after', () => {
  const { replies, bus, events } = world();
  replies.show(0);
  replies.pending.add('id', 'c', 'm', 0);
  const failed = { type: 'failed', messageId: 'id', clientMessageId: 'm', reason: 'POISON', detail: '' } as const;
  bus.publish('c', failed);
  expect(events).toEqual([]);
  replies.acknowledge(accepted);
  expect(events[0]).toEqual(accepted);
  expect(replies.pending.size).toBe(0);
});

test('the telling of an end is a step of the worker’s or, where that is not known, of the message’s', () => {
  const tracer = new RecordedTracer();
  const { replies, bus } = world(tracer);
  replies.show(0);
  const say = (messageId: string, traceparent?: string) => {
    replies.pending.add(messageId, 'c', messageId, 0, traceparent === undefined ? undefined : { traceparent });
    replies.pending.acknowledge(messageId, 7);
  };
  const end = (messageId: string, traced: { readonly traceparent?: string }) =>
    bus.publish('c', {
      type: 'failed',
      messageId,
      clientMessageId: messageId,
      reason: 'POISON',
      detail: '',
      ...traced,
    });
  say('a', 'said-a');
  say('b', 'said-b');
  say('untraced');
  end('a', { traceparent: 'done-a' });
  end('b', {});
  end('untraced', {});
  end('of somebody else', { traceparent: 'done-other' });
  const step = { type: 'deliver', conversationId: 'c' };
  expect(tracer.ended).toMatchObject([
    { step: { ...step, messageId: 'a' }, parent: 'done-a' },
    { step: { ...step, messageId: 'b' }, parent: 'said-b' },
  ]);
  expect(tracer.open).toBe(0);
});

test('an answer to what was not said here, but replayed, is shown to its end; one whose beginning was not shown is not', () => {
  const { replies, bus, events } = world();
  const replyMessageId = nodeCryptoIds.replyMessageId('other');
  const begun = { messageId: 'other', replyMessageId, attempt: 1 };
  const parts = [{ kind: 'text', text: 'Hello' }] as const;
  const end = { ...begun, type: 'completed', sequence: 9, timeMs: 0, parts, model: '', outcome: 'completed' } as const;
  replies.showNew();
  bus.publish('c', end);
  expect(events).toEqual([]);
  bus.publish('c', { ...begun, type: 'started' });
  bus.publish('c', { ...begun, type: 'piece', offsetBytes: 0, text: 'Hello' });
  bus.publish('c', end);
  bus.publish('c', end);
  expect(events.map(({ type }) => type)).toEqual(['started', 'delta', 'message']);
});

// The projection may be faster than the worker that wrote the reply: what it still told of its draft was drawn, and never ended.
test('a reply that history has told is not begun again by the worker that wrote it', async () => {
  const { replies, bus, events, state } = world();
  const begun = { messageId: 'id', replyMessageId: 'reply', attempt: 1 };
  const started = { ...begun, type: 'started' } as const;
  const piece = { ...begun, type: 'piece', offsetBytes: 0, text: 'Hello' } as const;
  const parts = [{ kind: 'text', text: 'Hello' }] as const;
  state.missed.push([{ messageId: 'reply', role: 'assistant', sequence: 9, parts } as unknown as HistoryMessage]);
  state.checkpoint = 10;
  bus.serveDrafts(() => [started, piece]);
  replies.show(0);
  bus.publish('c', started);
  bus.publish('c', piece);
  await replies.showing;
  bus.publish('c', { ...begun, type: 'completed', sequence: 9, timeMs: 0, parts, model: '', outcome: 'completed' });
  expect(events.map(({ type }) => type)).toEqual(['message']);
});

// The reply to `a` reached history right after history was asked for it, that to `b` right after, and was told first.
test('what history is asked for is told in its order, and before what the bus tells meanwhile', async () => {
  const { replies, bus, events, state } = world();
  const parts = [{ kind: 'text', text: 'x' }] as const;
  const replyIds = new Map(['a', 'b', 'c'].map((id) => [id, nodeCryptoIds.replyMessageId(id)]));
  const stored = (messageId: string, isComplete: boolean, sequence: number) => {
    const replyMessageId = isComplete ? (replyIds.get(messageId) ?? '') : '';
    return {
      messageId,
      conversationId: 'c',
      sequence,
      completeTimeMs: isComplete ? 1 : null,
      replyMessageId,
      parts,
      failureReason: '',
    };
  };
  const end = (messageId: string, sequence: number) =>
    ({
      type: 'completed',
      messageId,
      replyMessageId: replyIds.get(messageId) ?? '',
      attempt: 1,
      sequence,
      timeMs: 1,
      parts,
      model: '',
      outcome: 'completed',
    }) as const;
  let asked = 0;
  state.getMessage = async (id) => {
    asked += 1;
    if (asked === 6) bus.publish('c', end('c', 232));
    const said = ['a', 'b', 'c'].indexOf(id);
    if (said < 0) return stored(id, true, id === replyIds.get('a') ? 230 : 231) as unknown as HistoryMessage;
    return stored(id, asked > 1 && id !== 'c', said + 1) as unknown as HistoryMessage;
  };
  replies.showNew();
  for (const [index, messageId] of ['a', 'b', 'c'].entries()) {
    replies.pending.add(messageId, 'c', messageId, 0);
    replies.acknowledge({ ...accepted, messageId, clientMessageId: messageId, sequence: index + 1 });
  }
  state.nowMs = historyPollMs + 1;
  replies.sweep();
  await eventually(
    async () => replies.pending.size,
    (size) => size === 0,
  );
  const told = events.flatMap((event) => (event.type === 'message' ? [event.message.sequence] : []));
  expect(told).toEqual([230, 231, 232]);
});

// Cause: what came while older things were being sent was kept without bound, however long that took.
test('what comes while older things are being sent is bounded, and what does not fit is told when history is asked', async () => {
  const { replies, bus, events, state } = world();
  const reading = Promise.withResolvers<readonly HistoryMessage[]>();
  state.unanswered = reading.promise;
  const ids = ['a', 'b', 'c'];
  const text = 'x'.repeat(maxReplyBytes - 1_000);
  const loaded = replies.loadPending('client', 10);
  reading.resolve([]);
  await loaded;
  for (const id of ids) {
    replies.pending.add(id, 'c', id, 0);
    replies.acknowledge({ ...accepted, messageId: id, clientMessageId: id });
  }
  // Not yet shown: everything is early.
  ids.forEach((messageId, index) => {
    const end = { messageId, replyMessageId: `${messageId}-r`, attempt: 1, sequence: 10 + index, timeMs: 0, model: '' };
    bus.publish('c', { type: 'completed', ...end, parts: [{ kind: 'text', text }], outcome: 'completed' });
  });
  bus.publish('c', { type: 'failed', messageId: 'a', clientMessageId: 'a', reason: 'POISON', detail: '' });
  expect(replies.pending.size).toBe(1);
  replies.show(0);
  await replies.showing;
  const told = events.flatMap((event) => (event.type === 'message' ? [event.message.messageId] : []));
  expect(told).toEqual(['a-r', 'b-r']);
  expect(replies.pending.get('c')).toBeDefined();
  // The bus has lost it, as far as anybody can tell; history is asked as for any such message.
  state.nowMs += historyPollMs + 1;
  replies.sweep();
  await new Promise((resolve) => setImmediate(resolve));
  expect(state.asked).toBeGreaterThan(0);
});

test('of pieces that come before the log has answered, no more is kept than a few of the longest', () => {
  const { replies, bus, events } = world();
  replies.showNew();
  replies.pending.add('id', 'c', 'm', 0);
  const text = 'x'.repeat(maxPieceBytes / 2);
  for (let index = 0; index < 100; index += 1) {
    const offsetBytes = index * text.length;
    bus.publish('c', { type: 'piece', messageId: 'id', replyMessageId: 'r', attempt: 1, offsetBytes, text });
  }
  replies.acknowledge(accepted);
  const deltas = events.flatMap((event) => (event.type === 'delta' ? [event.text.length] : []));
  expect(deltas.length).toBe(3);
  expect(deltas.length * text.length).toBeLessThan(maxUnsentBytes);
});
