import { expect, test } from '@jest/globals';
import { nodeCryptoIds } from '../../adapters/ids/node-crypto/node-crypto-ids.ts';
import { inProcessBus } from '../../adapters/live-bus/in-process/in-process-bus.ts';
import { historyPollMs } from '../../domain/limits.ts';
import type { Tracer } from '../../ports/tracing.ts';
import { RecordedTracer } from '../../testing/recorded-tracer.ts';
import { Replies } from './replies.ts';
import type { Accepted, SessionEvent } from './session-event.ts';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const uncounted = { refused() {}, accepted() {}, replied() {}, sessionEnded() {} };

/** A session in conversation `c`; history knows no message, and how far it has come is for the test to say. */
function world(tracer?: Tracer) {
  const events: SessionEvent[] = [];
  const state = { nowMs: 0, checkpoint: 0, exists: true };
  const conversations = {
    partition: () => 0,
    caughtUp: async () => state.checkpoint,
    isGone: async (_conversationId: string, sequence: number) => state.checkpoint > sequence && !state.exists,
    pendingOf: async () => [],
  };
  const bus = inProcessBus();
  const replies = new Replies(
    {
      conversations,
      history: { getMessage: async () => null, async *replay() {} },
      bus,
      clock: { nowMs: () => state.nowMs, monotonicMs: () => state.nowMs, sleep: async () => {} },
      ids: nodeCryptoIds,
      logger: quiet,
      metrics: uncounted,
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
  state.nowMs = historyPollMs + 1;
  const settled = () => new Promise((resolve) => setImmediate(resolve));

  replies.sweep();
  await settled();
  state.exists = false;
  // History lags: that it does not know the conversation says nothing yet.
  state.checkpoint = 7;
  replies.sweep();
  await settled();
  expect(replies.pending.size).toBe(1);
  expect(replies.isDeleted('c')).toBe(false);

  replies.show(0);
  await replies.showing;
  state.checkpoint = 8;
  replies.sweep();
  await settled();
  expect(replies.pending.size).toBe(0);
  expect(replies.isDeleted('c')).toBe(true);
  expect(events.at(-1)).toMatchObject({ type: 'rejected', messageId: 'id', clientMessageId: 'm', reason: 'NOT_FOUND' });
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
