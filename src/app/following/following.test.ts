import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { LogUnavailable } from '../../ports/event-log.ts';
import { messageReceived, replyFailed } from '../../testing/conversation-events.ts';
import { followedWithinMs, overdueTickMs } from './limits.ts';
import { type FollowedRecord, isAboutMessage } from './recent-records.ts';
import { FollowedLog, settled } from './testing/followed-log.ts';

const nameOf = (record: FollowedRecord) =>
  isAboutMessage(record) ? record.message.messageId : `${record.event.type} ${record.event.conversationId}`;

let log: FollowedLog;
beforeEach(() => {
  log = new FollowedLog(2);
});
afterEach(() => log[Symbol.asyncDispose]());

/** How often the log is asked for its ends from now on, in both partitions. */
function countEnds(): () => number {
  const endOffset = log.log.endOffset.bind(log.log);
  let asked = 0;
  log.log.endOffset = (...args) => {
    asked += 1;
    return endOffset(...args);
  };
  return () => asked;
}

describe('whoever waits until the log is folded', () => {
  test('finds everything folded that was appended before', async () => {
    const following = log.follow();
    await log.append(messageReceived('c/1'), messageReceived('d/1'), messageReceived('d/2'));
    await following.caughtUp();
    expect(following.partitionOf('c')).not.toBe(following.partitionOf('d'));
    expect([following.of('c').next, following.of('d').next]).toEqual([1, 2]);
  });

  test('is told in time that it takes too long, and the next who asks waits anew', async () => {
    const following = log.follow();
    await following.caughtUp();
    log.stall();
    await log.append(messageReceived('c/1'));
    const waiting = [following.caughtUp(), following.folded(following.partitionOf('c'), 1)];
    const outcomes = Promise.allSettled(waiting);
    await settled();
    log.clock.advance(followedWithinMs - 1);
    await settled();
    // Looked at a tick later at most.
    log.clock.advance(overdueTickMs + 1);
    for (const outcome of await outcomes)
      expect(outcome).toEqual({ status: 'rejected', reason: expect.any(LogUnavailable) });
    const again = following.caughtUp();
    await settled();
    log.goOn();
    await again;
    await settled();
    log.clock.advance(overdueTickMs);
    await settled();
    expect(log.clock.sleeping).toBe(0);
  });

  // Cause: only the wait for the fold has a limit; the question for the ends of the partitions has none.
  test('is told in time also when the log does not say where it ends', async () => {
    const following = log.follow();
    await following.caughtUp();
    log.log.endOffset = () => new Promise(() => {});
    let isRejected = false;
    following.caughtUp().catch(() => {
      isRejected = true;
    });
    await settled();
    log.clock.advance(followedWithinMs + overdueTickMs);
    await settled();
    log.clock.advance(overdueTickMs);
    await settled();
    expect(isRejected).toBe(true);
  });

  test('shares the question for the ends with all who come before it is asked, and takes no older answer', async () => {
    const following = log.follow();
    await following.caughtUp();
    const asked = countEnds();
    const first = following.caughtUp();
    await Promise.resolve();
    await log.append(messageReceived('c/1'));
    const others = Array.from({ length: 100 }, () => following.caughtUp());
    await Promise.all([first, ...others]);
    expect(following.of('c').next).toBe(1);
    expect(asked()).toBeLessThanOrEqual(4);
  });

  test('is refused with what the log is asked in vain, and the next who asks is not', async () => {
    const following = log.follow();
    await following.caughtUp();
    const endOffset = log.log.endOffset.bind(log.log);
    const away = new LogUnavailable('away', 'unknown');
    log.log.endOffset = () => Promise.reject(away);
    await expect(following.caughtUp()).rejects.toBe(away);
    log.log.endOffset = endOffset;
    await following.caughtUp();
  });

  test('is refused once nobody follows the log any more', async () => {
    const following = log.follow();
    await following.caughtUp();
    const waiting = following.folded(0, 100);
    await Promise.all([following.stop(), expect(waiting).rejects.toBeInstanceOf(LogUnavailable)]);
    await expect(following.folded(0, 100)).rejects.toBeInstanceOf(LogUnavailable);
    expect(log.server.waitingTails).toBe(0);
  });
});

describe('a client', () => {
  test('hears of its own messages alone, until it leaves; leaving twice is leaving once', async () => {
    const following = log.follow();
    const heard: string[] = [];
    const listener = (name: string) => ({
      followed: (record: FollowedRecord) => void heard.push(`${name} ${nameOf(record)}`),
      repeated() {},
      shortened() {},
    });
    const leave = following.listen('ann', listener('first'));
    following.listen('ann', listener('second'));
    await log.append(messageReceived('c/1', { clientId: 'ann' }), messageReceived('d/1', { clientId: 'bob' }));
    await following.caughtUp();
    leave();
    leave();
    await log.append(messageReceived('d/2', { clientId: 'ann' }));
    await following.caughtUp();
    expect(heard).toEqual(['first c/1', 'second c/1', 'second d/2']);
  });

  test('hears of its own conversations and, where nobody has spoken for long, of one that may be another’s', async () => {
    await log.append(
      { type: 'ConversationStarted', conversationId: 'old', clientId: 'ann' },
      { type: 'ConversationStarted', conversationId: 'c', clientId: 'ann' },
    );
    for (const partition of [0, 1])
      await log.log.commit(
        'test.workers',
        'test.conversations',
        partition,
        partition === log.partitionOf('old') ? 1 : 0,
      );
    const following = log.follow({ lookBackRecords: 0 });
    const heard: string[] = [];
    for (const clientId of ['ann', 'bob'])
      following.listen(clientId, {
        followed: (record) => void heard.push(`${clientId} ${nameOf(record)}`),
        repeated() {},
        shortened() {},
      });
    await log.append({ type: 'ConversationRenamed', conversationId: 'c', title: 'A' });
    await log.append({ type: 'ConversationDeleted', conversationId: 'old' });
    await following.caughtUp();
    expect(heard.toSorted()).toEqual([
      'ann ConversationDeleted old',
      'ann ConversationRenamed c',
      'bob ConversationDeleted old',
    ]);
  });

  test('has so many messages without an end, over all partitions', async () => {
    const following = log.follow();
    await log.append(messageReceived('c/1'), messageReceived('d/1'), messageReceived('d/2', { clientId: 'another' }));
    await following.caughtUp();
    expect([following.pendingCount('client'), following.pendingCount('nobody')]).toEqual([2, 0]);
    expect(following.pendingMessage('d/1')).toMatchObject({ conversationId: 'd', clientId: 'client' });
    await log.append(replyFailed('d/1', ''));
    await following.caughtUp();
    expect([following.pendingCount('client'), following.pendingMessage('d/1')]).toEqual([1, undefined]);
  });
});
