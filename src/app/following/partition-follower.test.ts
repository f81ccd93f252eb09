import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { MessageReceived } from '../../domain/conversation/events.ts';
import { LogDamaged, LogUnavailable } from '../../ports/event-log.ts';
import {
  messageReceived,
  replyCompleted,
  replyFailed,
  replyProgress,
  replyStarted,
  workerClaimed,
} from '../../testing/conversation-events.ts';
import type { ClientListener, Following } from './following.ts';
import { followRetryInitialDelayMs, followRetryMaxDelayMs } from './limits.ts';
import { conversationOf, type FollowedRecord, isAboutMessage } from './recent-records.ts';
import { FollowedLog, settled } from './testing/followed-log.ts';

/** Keeps what it is told, each as one line. */
class Notes implements ClientListener {
  readonly lines: string[] = [];

  followed(record: FollowedRecord): void {
    const { event, offset } = record;
    this.lines.push(
      `${offset} ${event.type} ${isAboutMessage(record) ? record.message.messageId : conversationOf(record)}`,
    );
  }

  repeated({ messageId }: MessageReceived): void {
    this.lines.push(`repeated ${messageId}`);
  }

  shortened(partition: number, endOffset: number): void {
    this.lines.push(`shortened ${partition} ${endOffset}`);
  }
}

const started = (conversationId: string) =>
  ({ type: 'ConversationStarted', conversationId, clientId: 'client' }) as const;
const renamed = (conversationId: string, title: string) =>
  ({ type: 'ConversationRenamed', conversationId, title }) as const;
const deleted = (conversationId: string) => ({ type: 'ConversationDeleted', conversationId }) as const;

let log: FollowedLog;
let notes: Notes;
beforeEach(() => {
  log = new FollowedLog();
  notes = new Notes();
});
afterEach(() => log[Symbol.asyncDispose]());

/** Follows the log, and has caught up. */
async function followed(over: Parameters<FollowedLog['follow']>[0] = {}): Promise<Following> {
  const following = log.follow(over);
  following.listen('client', notes);
  await settled();
  await following.caughtUp();
  return following;
}

describe('a partition that is followed', () => {
  test('tells each record that counts, in order, with the message as it stood', async () => {
    const following = await followed();
    await log.append(started('c'), messageReceived('c/1'), workerClaimed('A'), replyStarted('c/1', 'A'));
    await log.append(replyStarted('c/1', 'B'), replyCompleted('c/1', 'B'), replyCompleted('c/1', 'A'));
    await log.append(messageReceived('c/2'), replyFailed('c/2', 'A'), replyFailed('c/2', 'A'));
    await following.caughtUp();
    expect(notes.lines).toEqual([
      '1 MessageReceived c/1',
      '3 ReplyStarted c/1',
      '6 ReplyCompleted c/1',
      '7 MessageReceived c/2',
      '8 ReplyFailed c/2',
    ]);
    expect(
      following
        .at(0)
        .recent.after('c', -1)
        ?.map(({ offset }) => offset),
    ).toEqual([1, 6, 7, 8]);
    expect(following.at(0).state.pending.size).toBe(0);
  });

  test('tells of drafts as they grow, and keeps none of them once the reply has its end', async () => {
    const following = await followed();
    const progress = replyProgress('c/1', '', { offsetBytes: 0, text: 'Once ' });
    await log.append(started('c'), messageReceived('c/1'), replyStarted('c/1', ''), progress, progress);
    await log.append(replyCompleted('c/1', ''));
    await following.caughtUp();
    expect(notes.lines.slice(1)).toEqual(['2 ReplyStarted c/1', '3 ReplyProgress c/1', '5 ReplyCompleted c/1']);
    const recent = following.at(0).recent.after('c', -1) ?? [];
    expect(recent.filter(isAboutMessage).map(({ offset, message }) => [offset, message.draft.text])).toEqual([
      [1, ''],
      [5, ''],
    ]);
  });

  test('tells of a repeat that it is one, and nothing else', async () => {
    await log.append(messageReceived('c/1'));
    await log.commit(1);
    const following = await followed();
    await log.append(messageReceived('c/1'), messageReceived('c/2'), messageReceived('c/2'));
    await following.caughtUp();
    expect(notes.lines).toEqual(['repeated c/1', '2 MessageReceived c/2', 'repeated c/2']);
    expect(following.at(0).state.known.offsetOf('c/1')).toBe(0);
  });

  test('passes over what cannot be read', async () => {
    const following = await followed();
    await log.appendUnreadable(2);
    await log.append(messageReceived('c/1'));
    await following.caughtUp();
    expect(notes.lines).toEqual(['2 MessageReceived c/1']);
    expect(following.at(0).next).toBe(3);
  });

  test('gives of a conversation that was deleted nothing that was said before', async () => {
    await log.append(started('c'), messageReceived('c/1'), deleted('c'));
    const following = await followed();
    expect(following.at(0).saidAfter('c', -1)).toEqual([{ offset: 2, event: deleted('c') }]);
    expect(following.at(0).state.deleted.has('c')).toBe(true);
  });

  test('tells each title of a conversation, the same again as well, and the first deletion, in their places', async () => {
    const following = await followed();
    await log.append(started('c'), messageReceived('c/1'), renamed('c', 'A'), renamed('c', 'A'));
    await log.append(replyCompleted('c/1', ''), deleted('c'), renamed('c', 'B'), deleted('c'));
    await following.caughtUp();
    expect(notes.lines).toEqual([
      '1 MessageReceived c/1',
      '2 ConversationRenamed c',
      '3 ConversationRenamed c',
      '4 ReplyCompleted c/1',
      '5 ConversationDeleted c',
    ]);
    // A later repeat says nothing new either.
    expect(following.at(0).saidAfter('c', 1)).toEqual([{ offset: 5, event: deleted('c') }]);
  });

  test('tells no title that was erased before it was read: its deletion follows', async () => {
    await log.append(started('c'), renamed('c', ''), deleted('c'));
    await followed();
    expect(notes.lines).toEqual(['2 ConversationDeleted c']);
  });

  test('tells a new title while messages are pending, and what ends them after a deletion', async () => {
    const following = await followed();
    await log.append(started('c'), messageReceived('c/1'), renamed('c', 'A'), deleted('c'), replyFailed('c/1', ''));
    await following.caughtUp();
    expect(notes.lines.slice(1)).toEqual(['2 ConversationRenamed c', '3 ConversationDeleted c', '4 ReplyFailed c/1']);
    expect(following.at(0).state.pending.size).toBe(0);
    expect(
      following
        .at(0)
        .saidAfter('c', -1)
        ?.map(({ offset }) => offset),
    ).toEqual([3, 4]);
  });

  test('tells no title of a conversation that was deleted before the fold began', async () => {
    await log.append(started('c'), messageReceived('c/1'), deleted('c'));
    await log.commit(3);
    const following = await followed();
    await log.append(renamed('c', 'A'));
    await following.caughtUp();
    expect(notes.lines).toEqual([]);
  });

  test('ends the process when its log is damaged', async () => {
    const following = await followed();
    const damaged = new LogDamaged('test.conversations', 0, 0, 'by the test');
    log.log.tailFault = damaged;
    const waiting = following.folded(0, 5);
    await log.append(messageReceived('c/1'));
    await expect(waiting).rejects.toBeInstanceOf(LogUnavailable);
    expect(log.faults).toEqual([damaged]);
    await expect(following.folded(0, 1)).rejects.toBeInstanceOf(LogUnavailable);
  });
});

describe('the fold begins where the workers have committed', () => {
  const history = [started('c'), messageReceived('c/1'), replyCompleted('c/1', 'A'), messageReceived('c/2')];

  test('tells nothing of what is before, and knows what it looked back at', async () => {
    await log.append(...history);
    await log.commit(3);
    const fold = (await followed()).at(0);
    expect(notes.lines).toEqual(['3 MessageReceived c/2']);
    expect([...fold.state.pending].map(({ messageId }) => messageId)).toEqual(['c/2']);
    expect([fold.state.known.offsetOf('c/1'), fold.index.ownerOf('c'), fold.knownFrom]).toEqual([1, 'client', 0]);
    expect([fold.beganSinceKnown('c'), fold.beganSinceKnown('never')]).toEqual([true, true]);
  });

  test('and looks back so many records, no more', async () => {
    await log.append(...history);
    await log.commit(3);
    const following = await followed({ lookBackRecords: 1 });
    const fold = following.at(0);
    await log.append(started('d'), messageReceived('d/1'));
    await following.caughtUp();
    expect([fold.knownFrom, fold.index.completeFrom, fold.state.known.has('c/1')]).toEqual([2, 2, false]);
    expect([fold.beganSinceKnown('c'), fold.beganSinceKnown('d')]).toEqual([false, true]);
    // What was recorded of `c` since does not say that nothing was before.
    expect(fold.saidAfter('c', -1)).toBeUndefined();
    expect(fold.saidAfter('d', -1)?.map(({ offset }) => offset)).toEqual([5]);
  });

  // Cause: who waited was looked at when records were read, not when the fold had begun behind what it waited for: it waited for the next record.
  test('and whoever waited meanwhile for what is before waits no longer', async () => {
    await log.append(...history);
    await log.commit(4);
    let isFolded = false;
    log
      .follow()
      .at(0)
      .folded(4)
      .then(
        () => {
          isFolded = true;
        },
        () => {},
      );
    await settled();
    expect(isFolded).toBe(true);
  });

  test('and knows the deletions there', async () => {
    await log.append(started('c'), messageReceived('c/1'), deleted('c'));
    await log.commit(3);
    expect((await followed()).at(0).state.deleted.has('c')).toBe(true);
  });

  // The end of a message before the committed position may stand behind it, and the fold passes over it: from the log alone nobody could tell it.
  test('and gives what was said as a whole only from its end at that moment, before which older messages have theirs', async () => {
    await log.append(started('c'), messageReceived('c/1'), messageReceived('d/1'), replyCompleted('c/1', 'A'));
    await log.commit(2, 4);
    const following = await followed();
    const fold = following.at(0);
    expect(fold.recent.completeFrom).toBe(4);
    await log.append(messageReceived('c/2'));
    await following.caughtUp();
    expect([fold.saidAfter('c', 1), fold.saidAfter('c', 2)]).toEqual([undefined, undefined]);
    expect(fold.saidAfter('c', 3)?.map(({ offset }) => offset)).toEqual([4]);
    expect(fold.saidAfter('quiet', 0)).toEqual([]);
  });

  test('keeps a window of the ids of messages', async () => {
    const following = await followed({ windowIds: 8 });
    await log.append(
      ...Array.from({ length: 20 }, (_, index) => [
        messageReceived(`c/${index}`),
        replyFailed(`c/${index}`, ''),
      ]).flat(),
    );
    await following.caughtUp();
    // Trimmed after each batch.
    await log.append(
      ...Array.from({ length: 20 }, (_, index) => [
        messageReceived(`d/${index}`),
        replyFailed(`d/${index}`, ''),
      ]).flat(),
    );
    await following.caughtUp();
    const { state, knownFrom } = following.at(0);
    expect(state.known.size).toBeLessThan(40);
    expect([state.known.has('d/19'), state.known.has('c/0')]).toEqual([true, false]);
    expect(knownFrom).toBeGreaterThan(0);
  });
});

describe('a log that has become shorter', () => {
  test('is folded anew from its beginning, and everybody is told so', async () => {
    await log.append(started('c'), messageReceived('c/1'), messageReceived('c/2'));
    const following = await followed();
    const waiting = following.folded(0, 4);
    log.truncate(2);
    await expect(waiting).rejects.toBeInstanceOf(LogUnavailable);
    await following.folded(0, 2);
    expect(notes.lines.slice(2)).toEqual(['shortened 0 2', '1 MessageReceived c/1']);
    expect([...following.at(0).state.pending].map(({ messageId }) => messageId)).toEqual(['c/1']);
    expect([following.at(0).knownFrom, following.at(0).recent.completeFrom]).toEqual([0, 0]);
    expect(log.logged).toEqual([{ level: 'error', fields: { partition: 0, offset: 3, endOffset: 2 } }]);
    await log.append(messageReceived('c/2'));
    await following.caughtUp();
    expect(notes.lines.at(-1)).toBe('2 MessageReceived c/2');
  });

  test.each([
    ['the committed position', 9, 9],
    ['where the workers had read', 1, 9],
    ['the committed position of an earlier release', 9, 0],
  ])('than %s is folded from its beginning', async (_, committed, read) => {
    await log.append(messageReceived('c/1'), messageReceived('c/2'));
    await log.commit(committed, read);
    const following = await followed();
    await following.folded(0, 2);
    expect(notes.lines).toEqual(['shortened 0 2', '0 MessageReceived c/1', '1 MessageReceived c/2']);
  });
});

describe('a log that is away', () => {
  const away = new LogUnavailable('away', 'unknown');

  test('is tried again when it cannot be asked where to begin', async () => {
    await log.append(messageReceived('c/1'));
    const committed = log.log.committed.bind(log.log);
    let asked = 0;
    log.log.committed = (...args) => {
      asked += 1;
      return asked <= 2 ? Promise.reject(away) : committed(...args);
    };
    const following = log.follow();
    await settled();
    expect([asked, log.clock.sleeping]).toEqual([1, 1]);
    log.clock.advance(followRetryInitialDelayMs);
    await settled();
    log.clock.advance(2 * followRetryInitialDelayMs);
    await following.folded(0, 1);
    expect(log.logged).toEqual(Array(2).fill({ level: 'warn', fields: { partition: 0, err: away } }));
  });

  test('is read on where it was, after waits that grow up to a limit and begin anew once something was read', async () => {
    const following = await followed();
    const tail = log.log.tail.bind(log.log);
    const slept: number[] = [];
    const sleep = log.clock.sleep.bind(log.clock);
    log.clock.sleep = (ms, signal) => {
      slept.push(ms);
      return sleep(ms, signal);
    };
    // The tail that waits ends with it, and the next ones at once.
    log.log.tailFault = away;
    log.log.tail = () => {
      throw away;
    };
    await log.append(messageReceived('c/1'));
    for (let tries = 0; tries < 10; tries += 1) {
      await settled();
      log.clock.advance(followRetryMaxDelayMs);
    }
    await settled();
    expect(notes.lines).toEqual([]);
    log.log.tail = tail;
    log.clock.advance(followRetryMaxDelayMs);
    await following.at(0).folded(1);
    expect(notes.lines).toEqual(['0 MessageReceived c/1']);
    expect(slept.slice(0, 3)).toEqual([1, 2, 4].map((times) => times * followRetryInitialDelayMs));
    expect(slept.at(-1)).toBe(followRetryMaxDelayMs);

    log.log.tailFault = away;
    await log.append(messageReceived('c/2'));
    await settled();
    expect(slept.at(-1)).toBe(followRetryInitialDelayMs);
    log.clock.advance(followRetryInitialDelayMs);
    await following.at(0).folded(2);
    expect(notes.lines).toEqual(['0 MessageReceived c/1', '1 MessageReceived c/2']);
  });
});
