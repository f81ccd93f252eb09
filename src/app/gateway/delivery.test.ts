import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { LogUnavailable } from '../../ports/event-log.ts';
import { messageReceived, replyCompleted, replyFailed, replyStarted } from '../../testing/conversation-events.ts';
import { RecordedTracer } from '../../testing/recorded-tracer.ts';
import { FollowedLog, settled } from '../following/testing/followed-log.ts';
import type { Delivery } from './delivery.ts';
import { SentEvents, SessionWorld } from './testing/session-world.ts';

const unknown = new LogUnavailable('answer lost by the test', 'unknown');

let world: SessionWorld;
let sent: SentEvents;
let delivery: Delivery;

beforeEach(async () => {
  world = new SessionWorld();
  await world.append({ type: 'ConversationStarted', conversationId: 'c', clientId: 'client' });
  await begin();
});
afterEach(() => world[Symbol.asyncDispose]());

/** A session in conversation `c`, live. */
async function begin(): Promise<void> {
  sent = new SentEvents();
  delivery = world.delivery('c', sent);
  delivery.show('c', Number.MAX_SAFE_INTEGER);
  await delivery.showing;
}

/** The same, which is told everything from the beginning, and whose client has read the first only until this is called. */
async function beginSlowly(): Promise<() => void> {
  await begin();
  const { promise, resolve } = Promise.withResolvers<void>();
  sent.held = promise;
  delivery.show('c', 0);
  return resolve;
}

/** The message is on its way into the log. */
function awaiting(messageId: string) {
  return delivery.await(messageId, `chosen ${messageId}`, world.followed.clock.monotonicMs());
}

describe('the place of a message', () => {
  test('is told in the order of the log, each before what comes of it', async () => {
    const accepted = [awaiting('c/1'), awaiting('c/2')];
    expect(delivery.unanswered).toBe(2);
    await world.append(messageReceived('c/2'), messageReceived('c/1'), replyStarted('c/2', ''), replyFailed('c/1', ''));
    expect(sent.lines).toEqual(['accepted c/2 1', 'accepted c/1 2', 'started c/2 #1', 'rejected c/1 PROVIDER_FAILED']);
    expect(await Promise.all(accepted)).toEqual([sent.events[1], sent.events[0]]);
    expect(delivery.unanswered).toBe(1);
  });

  test('is the first of its id, whoever appended that', async () => {
    const accepted = awaiting('c/1');
    await world.append(messageReceived('c/1'), messageReceived('c/1'));
    expect(await accepted).toMatchObject({ sequence: 1, duplicate: false });
    expect(sent.lines).toEqual(['accepted c/1 1']);
  });

  test('is that of before for one that was read already when it was said', async () => {
    await world.append(messageReceived('c/1'));
    const accepted = awaiting('c/1');
    await world.append(messageReceived('c/1'));
    expect(await accepted).toMatchObject({ sequence: 1, duplicate: true });
    expect(sent.lines).toEqual(['user c/1 1', 'accepted c/1 1 again']);
  });

  test('of one that is known to be a repeat is told at once, or where the session comes to it', async () => {
    await world.append(messageReceived('c/1'));
    const at = { sequence: 1, timeMs: 5 };
    await delivery.repeat('c/1', 'chosen c/1', at);
    expect(sent.events.at(-1)).toMatchObject({
      type: 'accepted',
      ...at,
      duplicate: true,
      clientMessageId: 'chosen c/1',
    });

    await world.append(messageReceived('c/2'));
    const goOn = await beginSlowly();
    const repeated = delivery.repeat('c/2', 'chosen c/2', { sequence: 2, timeMs: 5 });
    expect(sent.lines).toEqual(['user c/1 1']);
    // Both are in the log: neither is on its way as well.
    expect(delivery.unanswered).toBe(2);
    goOn();
    expect(await repeated).toMatchObject({ sequence: 2, duplicate: true });
    expect(sent.lines).toEqual(['user c/1 1', 'accepted c/2 2 again']);
  });

  test('of what was said elsewhere is told as what was said', async () => {
    await world.append(messageReceived('c/1'));
    expect(sent.lines).toEqual(['user c/1 1']);
  });
});

describe('a message whose append is not answered well', () => {
  test('is in doubt, and shown when it turns up in the log after all', async () => {
    const accepted = awaiting('c/1');
    delivery.withdraw('c/1', unknown);
    await expect(accepted).rejects.toBe(unknown);
    expect(delivery.unanswered).toBe(0);
    await world.append(messageReceived('c/1'));
    expect(sent.lines).toEqual(['user c/1 1']);
    expect(delivery.unanswered).toBe(1);
    await delivery.repeat('c/1', 'chosen c/1', { sequence: 1, timeMs: 0 });
    await world.append(replyCompleted('c/1', ''));
    expect(sent.lines.slice(1)).toEqual(['accepted c/1 1 again', 'assistant reply to c/1 2']);
  });

  test('is in no doubt when the log was read first', async () => {
    const accepted = awaiting('c/1');
    await world.append(messageReceived('c/1'));
    delivery.withdraw('c/1', unknown);
    expect(await accepted).toMatchObject({ sequence: 1 });
  });

  test('is in doubt when the log has become shorter meanwhile', async () => {
    await world.append(messageReceived('c/1'));
    const accepted = awaiting('c/2');
    world.followed.truncate(1);
    await expect(accepted).rejects.toMatchObject({ outcome: 'unknown' });
    await world.append(messageReceived('c/2'));
    expect(sent.lines).toEqual(['user c/1 1', 'user c/2 1']);
  });
});

describe('a session that has ended', () => {
  test('still answers who waits to learn where a message stands, and sends nothing', async () => {
    const accepted = awaiting('c/1');
    delivery.close();
    await world.append(messageReceived('c/1'), replyCompleted('c/1', ''));
    expect(await accepted).toMatchObject({ sequence: 1, duplicate: false });
    expect([sent.events, world.replied]).toEqual([[], []]);
  });

  test('before it came to a message that the log has answers from the log', async () => {
    await world.append(messageReceived('c/1'), messageReceived('c/2'));
    const goOn = await beginSlowly();
    const repeated = delivery.repeat('c/2', 'chosen c/2', { sequence: 2, timeMs: 0 });
    delivery.close();
    expect(await repeated).toMatchObject({ sequence: 2, duplicate: true });
    goOn();
    await delivery.showing;
    expect(sent.lines).toEqual(['user c/1 1']);
  });

  // Cause: a view that is closed comes to nothing any more, and who ends it looks up only those who wait by then.
  test('answers also the repeat of a message that was on its way when it ended', async () => {
    const first = awaiting('c/1');
    const repeated = first.then((at) => delivery.repeat('c/1', 'chosen c/1', at));
    delivery.close();
    await world.append(messageReceived('c/1'));
    await first;
    let isAnswered = false;
    repeated.then(
      () => {
        isAnswered = true;
      },
      () => {
        isAnswered = true;
      },
    );
    await settled();
    expect(isAnswered).toBe(true);
  });

  test('listens no more once nobody waits', async () => {
    delivery.close();
    const { changes } = world;
    await world.append(messageReceived('c/1'), replyCompleted('c/1', ''));
    expect([sent.events, world.changes]).toEqual([[], changes]);
  });
});

describe('a session that turns to another conversation', () => {
  test('has been told before what became of what it said in the first', async () => {
    const accepted = [awaiting('c/1'), awaiting('c/2')];
    let isOver = false;
    const all = delivery.allAccepted().then(() => {
      isOver = true;
    });
    await world.append(messageReceived('c/1'));
    expect(isOver).toBe(false);
    delivery.withdraw('c/2', unknown);
    await expect(accepted[1]).rejects.toBe(unknown);
    await all;
  });

  test('is told nothing more of the first, counts what is unanswered there, and hears when it has its end', async () => {
    void awaiting('c/1');
    await world.append(messageReceived('c/1'), {
      type: 'ConversationStarted',
      conversationId: 'd',
      clientId: 'client',
    });
    delivery.show('d', Number.MAX_SAFE_INTEGER);
    await delivery.showing;
    expect([delivery.conversationId, delivery.unanswered]).toEqual(['d', 1]);
    const { changes } = world;
    world.followed.clock.advance(70);
    await world.append(replyStarted('c/1', ''), messageReceived('d/1'), replyCompleted('c/1', ''));
    world.publish('c/1', 0, 'late');
    expect(sent.lines).toEqual(['accepted c/1 1', 'user d/1 4']);
    expect([delivery.unanswered, world.replied, world.changes]).toEqual([1, [70], changes + 1]);
  });
});

describe('what happens to the conversation as a whole', () => {
  const renamed = (conversationId: string, title: string) =>
    ({ type: 'ConversationRenamed', conversationId, title }) as const;
  const deleted = (conversationId: string) => ({ type: 'ConversationDeleted', conversationId }) as const;

  test('is told in its place between messages, of the conversation that the session is in alone', async () => {
    const accepted = awaiting('c/1');
    await world.append(renamed('c', 'A'), messageReceived('c/1'), renamed('d', 'D'), renamed('c', 'B'));
    await world.append(replyCompleted('c/1', ''), deleted('d'), deleted('c'), renamed('c', 'C'), deleted('c'));
    await accepted;
    expect(sent.lines).toEqual([
      'renamed 1 A',
      'accepted c/1 2',
      'renamed 4 B',
      'assistant reply to c/1 5',
      'deleted 7',
    ]);
    expect(world.historyReads).toBe(0);
  });

  test('is told from memory to who comes back, each title in its place, and nothing is asked of history', async () => {
    await world.append(renamed('c', 'A'), messageReceived('c/1'), renamed('c', 'B'));
    delivery.show('c', 1);
    await delivery.showing;
    expect(sent.lines.slice(3)).toEqual(['user c/1 2', 'renamed 3 B']);
    expect(world.historyReads).toBe(0);
  });

  test('is told to a client that reads slowly, a deletion before the ends that it brings about', async () => {
    await world.append(messageReceived('c/1'), renamed('c', 'A'));
    const goOn = await beginSlowly();
    await world.append(deleted('c'), replyFailed('c/1', '', 'STOPPED'));
    goOn();
    await delivery.showing;
    expect(sent.lines).toEqual(['user c/1 1', 'renamed 2 A', 'deleted 3', 'rejected c/1 STOPPED']);
  });

  test('is not told when the session has ended', async () => {
    delivery.close();
    await world.append(renamed('c', 'A'), deleted('c'));
    expect(sent.lines).toEqual([]);
  });
});

test('what is unanswered counts, over all conversations of the client and from whichever session', async () => {
  await world.append(messageReceived('c/1'), messageReceived('d/1'), messageReceived('e/1', { clientId: 'another' }));
  expect(delivery.unanswered).toBe(2);
  void awaiting('c/2');
  expect(delivery.unanswered).toBe(3);
  await world.append(messageReceived('c/2'));
  expect(delivery.unanswered).toBe(3);
  await world.append(replyFailed('d/1', ''), replyFailed('c/2', ''));
  expect(delivery.unanswered).toBe(1);
});

test('an answer to what was not said here, but replayed, is shown to its end', async () => {
  await world.append(messageReceived('c/1'), replyStarted('c/1', ''));
  world.publish('c/1', 0, 'Hello');
  await world.append(replyCompleted('c/1', '', { parts: [{ kind: 'text', text: 'Hello' }] }));
  await world.append(replyCompleted('c/1', ''));
  expect(sent.lines).toEqual(['user c/1 1', 'started c/1 #1', 'delta #1 0 Hello', 'assistant reply to c/1 3']);
});

test('the telling of an end is a step of the worker’s or, where that is not known, of the message’s', async () => {
  const tracer = new RecordedTracer();
  await world[Symbol.asyncDispose]();
  const log = new FollowedLog(1, tracer);
  world = new SessionWorld({}, log);
  await begin();
  const say = async (messageId: string, traceparent?: string) => {
    void delivery.await(messageId, messageId, 0, traceparent === undefined ? undefined : { traceparent });
    await world.append(messageReceived(messageId));
  };
  await say('c/a', 'said-a');
  await say('c/b', 'said-b');
  await say('c/untraced');
  await world.append(messageReceived('c/of another session'));
  await log.journal.appendConversation(0, 'c', [replyFailed('c/a', '')], { traceparent: 'done-a' });
  await world.append(replyFailed('c/b', ''), replyFailed('c/untraced', ''), replyFailed('c/of another session', ''));
  const [appended] = tracer.of('append');
  const step = { type: 'deliver', conversationId: 'c' };
  expect(world.tracer.ended).toMatchObject([
    { step: { ...step, messageId: 'c/a' }, parent: appended?.traceparent },
    { step: { ...step, messageId: 'c/b' }, parent: 'said-b' },
  ]);
  expect(world.tracer.open).toBe(0);
});
