import { afterEach, describe, expect, test } from '@jest/globals';
import { maxPieceBytes } from '../../domain/limits.ts';
import {
  messageReceived,
  replyCompleted,
  replyFailed,
  replyProgress,
  replyStarted,
  workerClaimed,
} from '../../testing/conversation-events.ts';
import { maxRecentBytes } from '../following/limits.ts';
import { FollowedLog, settled } from '../following/testing/followed-log.ts';
import type { Delivery } from './delivery.ts';
import { SentEvents, SessionWorld } from './testing/session-world.ts';

const begun = { type: 'ConversationStarted', conversationId: 'c', clientId: 'client' } as const;
const text = (words: string) => ({ parts: [{ kind: 'text', text: words }] }) as const;

let world: SessionWorld;
let sent: SentEvents;
afterEach(() => world[Symbol.asyncDispose]());

/** A session in conversation `c` that is told what came after the sequence. */
async function shown(afterSequence = Number.MAX_SAFE_INTEGER): Promise<Delivery> {
  await settled();
  await world.following.caughtUp();
  sent = new SentEvents();
  const delivery = world.delivery('c', sent);
  delivery.show('c', afterSequence);
  await settled();
  return delivery;
}

/** A session that is live, with one message being answered. */
async function underWay(): Promise<Delivery> {
  world = new SessionWorld();
  await world.append(begun);
  const delivery = await shown();
  await world.append(messageReceived('c/1'), replyStarted('c/1', ''));
  sent.events.length = 0;
  return delivery;
}

describe('the wait for another attempt', () => {
  const delay = (attempt: number, retryInMs: number) => {
    const { messageId, replyMessageId } = world.piece('c/1', 0, '');
    return { type: 'delay', messageId, replyMessageId, attempt, retryInMs } as const;
  };

  test('is told where the attempt that failed is the one shown, also if the bus was ahead of the log', async () => {
    await underWay();
    world.publish('c/1', 0, 'one');
    world.bus.publish('c', delay(1, 100));
    world.bus.publish('c', delay(2, 200));
    await world.append(replyStarted('c/1', '', 2));
    world.bus.publish('c', delay(1, 300));
    await world.append(replyFailed('c/1', ''));
    world.bus.publish('c', delay(2, 400));
    const told = ['delta #1 0 one', 'delayed #1 100', 'started c/1 #2', 'delayed #2 200'];
    expect(sent.lines).toEqual([...told, 'rejected c/1 PROVIDER_FAILED']);
  });

  test('is told to who comes meanwhile', async () => {
    world = new SessionWorld();
    world.bus.serveDrafts(() => [world.piece('c/1', 0, 'one'), delay(1, 100)]);
    await world.append(begun, messageReceived('c/1'), replyStarted('c/1', ''));
    await shown();
    expect(sent.lines).toEqual(['started c/1 #1', 'delta #1 0 one', 'delayed #1 100']);
  });
});

describe('pieces of a reply', () => {
  test('are shown as they come, without what was shown before', async () => {
    await underWay();
    world.publish('c/1', 0, 'Grüße');
    world.publish('c/1', 0, 'Grüße');
    world.publish('c/1', 2, 'üße, Welt');
    await world.append(replyCompleted('c/1', '', text('Grüße, Welt')));
    expect(sent.lines).toEqual(['delta #1 0 Grüße', 'delta #1 7 , Welt', 'assistant reply to c/1 3']);
  });

  // The append of its start runs beside the call to the model, so the bus may be ahead of the log.
  test('are shown only when the log says that the attempt has begun', async () => {
    world = new SessionWorld();
    await world.append(begun);
    await shown();
    await world.append(messageReceived('c/1'));
    world.publish('c/1', 0, 'Hel');
    world.publish('c/1', 3, 'lo');
    world.publish('c/1', 0, 'Something else', 2);
    expect(sent.lines).toEqual(['user c/1 1']);
    await world.append(replyStarted('c/1', ''));
    expect(sent.lines.slice(1)).toEqual(['started c/1 #1', 'delta #1 0 Hel', 'delta #1 3 lo']);
    await world.append(replyStarted('c/1', '', 2));
    expect(sent.lines.slice(4)).toEqual(['started c/1 #2', 'delta #2 0 Something else']);
  });

  test('of messages of which the log does not tell, or which have their end, are neither shown nor kept', async () => {
    await underWay();
    world.publish('c/2', 0, 'early');
    await world.append(replyCompleted('c/1', '', text('Hello')), messageReceived('c/2'), replyStarted('c/2', ''));
    world.publish('c/1', 0, 'late');
    world.publish('c/1', 0, 'late', 2);
    expect(sent.lines).toEqual(['delta #1 0 Hello', 'assistant reply to c/1 3', 'user c/2 4', 'started c/2 #1']);
  });

  test('that came early are kept up to a few of the longest, and what was not kept is asked for', async () => {
    world = new SessionWorld();
    await world.append(begun);
    await shown();
    await world.append(messageReceived('c/1'));
    const long = 'x'.repeat(maxPieceBytes / 2);
    for (let index = 0; index < 100; index += 1) world.publish('c/1', index * long.length, long);
    await world.append(replyStarted('c/1', ''));
    expect(sent.drawn.length).toBe(3 * long.length);
    const draft = long.repeat(101);
    world.bus.serveDrafts(() => [world.piece('c/1', 0, draft)]);
    world.publish('c/1', 100 * long.length, long);
    await settled();
    expect(sent.drawn).toBe(draft);
  });

  test('that came early for a reply that has its end leave room for those of the next', async () => {
    await underWay();
    const long = 'x'.repeat(maxPieceBytes / 2);
    for (let index = 0; index < 4; index += 1) world.publish('c/1', index * long.length, long, 2);
    await world.append(replyFailed('c/1', ''), messageReceived('c/2'));
    world.publish('c/2', 0, long);
    await world.append(replyStarted('c/2', ''));
    expect(sent.drawn).toBe(long);
  });

  test('of an older attempt are not shown once the next has begun', async () => {
    await underWay();
    world.publish('c/1', 0, 'one');
    await world.append(replyStarted('c/1', '', 2));
    world.publish('c/1', 3, ' more');
    world.publish('c/1', 0, 'two', 2);
    expect(sent.lines).toEqual(['delta #1 0 one', 'started c/1 #2', 'delta #2 0 two']);
  });

  test('that were lost are asked for once, however many pieces show the hole', async () => {
    await underWay();
    let asked = 0;
    world.bus.serveDrafts((conversationId) => {
      asked += 1;
      return conversationId === 'c' ? [world.piece('c/1', 0, '01234567')] : [];
    });
    world.publish('c/1', 0, '0');
    for (const offsetBytes of [4, 5, 6, 7]) world.publish('c/1', offsetBytes, `${offsetBytes}`);
    await settled();
    expect([asked, sent.lines]).toEqual([1, ['delta #1 0 0', 'delta #1 1 1234567']]);
  });

  test('that were lost are made up when the reply is complete', async () => {
    await underWay();
    world.publish('c/1', 0, 'Grü');
    world.publish('c/1', 9, 'Welt');
    await world.append(replyCompleted('c/1', '', text('Grüße, Welt')));
    expect(sent.lines).toEqual(['delta #1 0 Grü', 'delta #1 4 ße, Welt', 'assistant reply to c/1 3']);
  });

  test('of an attempt that completed and whose start was never written are made up as those of that attempt', async () => {
    await underWay();
    world.publish('c/1', 0, 'one');
    world.publish('c/1', 0, 'tw', 2);
    await world.append(replyCompleted('c/1', '', { ...text('two'), attempt: 2 }));
    expect(sent.lines).toEqual([
      'delta #1 0 one',
      'started c/1 #2',
      'delta #2 0 tw',
      'delta #2 2 o',
      'assistant reply to c/1 3',
    ]);
  });

  test('are not shown of a message that was given up, nor to a session that has ended', async () => {
    const delivery = await underWay();
    await world.append(replyFailed('c/1', ''));
    world.publish('c/1', 0, 'late');
    expect(sent.lines).toEqual(['rejected c/1 PROVIDER_FAILED']);
    await world.append(messageReceived('c/2'), replyStarted('c/2', ''));
    const before = sent.events.length;
    delivery.close();
    world.publish('c/2', 0, 'Hello');
    await world.append(replyCompleted('c/2', ''));
    expect(sent.events).toHaveLength(before);
  });
});

describe('what the log has of a reply', () => {
  const progress = (offsetBytes: number, said: string, attempt = 1, claimId = '') =>
    replyProgress('c/1', claimId, { offsetBytes, text: said, attempt });

  test('is shown where the bus brings nothing at all', async () => {
    await underWay();
    await world.append(progress(0, 'Grü'));
    expect(sent.lines).toEqual(['delta #1 0 Grü']);
    await world.append(progress(4, 'ße, '), replyCompleted('c/1', '', text('Grüße, Welt')));
    expect(sent.lines.slice(1)).toEqual(['delta #1 4 ße, ', 'delta #1 9 Welt', 'assistant reply to c/1 5']);
  });

  test('is not shown again where the bus was ahead of it, and closes a hole where it lost some', async () => {
    await underWay();
    world.publish('c/1', 0, 'Grüße');
    await world.append(progress(0, 'Grü'));
    expect(sent.lines).toEqual(['delta #1 0 Grüße']);
    await world.append(progress(4, 'ße, Welt'));
    expect(sent.lines.slice(1)).toEqual(['delta #1 7 , Welt']);
    world.publish('c/1', 13, '!');
    expect(sent.drawn).toBe('Grüße, Welt!');
  });

  test('is cut into pieces that a frame holds', async () => {
    await underWay();
    const long = 'x'.repeat(maxPieceBytes);
    await world.append(progress(0, `${long}yz`));
    expect(sent.events).toMatchObject([
      { type: 'delta', offsetBytes: 0, text: long },
      { type: 'delta', offsetBytes: maxPieceBytes, text: 'yz' },
    ]);
  });

  test('of an attempt before is no part of one that begins anew', async () => {
    await underWay();
    await world.append(progress(0, 'one'), replyStarted('c/1', '', 2));
    await world.append(progress(3, ' more'), progress(0, 'two', 2));
    expect(sent.lines).toEqual(['delta #1 0 one', 'started c/1 #2', 'delta #2 0 two']);
  });

  test('is shown from its beginning under the attempt that goes on from it, and its pieces behind it', async () => {
    await underWay();
    world.publish('c/1', 0, 'Grüße und mehr');
    world.publish('c/1', 7, ' aus', 2);
    await world.append(progress(0, 'Grüße un'), workerClaimed('b'), replyStarted('c/1', 'b', 2, 7));
    expect(sent.lines).toEqual([
      'delta #1 0 Grüße und mehr',
      'started c/1 #2 from 7',
      'delta #2 0 Grüße',
      'delta #2 7  aus',
    ]);
  });

  test('is the whole reply when it is stopped after the loss of its worker', async () => {
    await underWay();
    await world.append(progress(0, 'Grüße'), workerClaimed('b'));
    await world.append(replyCompleted('c/1', 'b', { ...text('Grüße'), attempt: 2, outcome: 'stopped' }));
    expect(sent.lines).toEqual([
      'delta #1 0 Grüße',
      'started c/1 #2 from 7',
      'delta #2 0 Grüße',
      'assistant reply to c/1 5',
    ]);
  });

  test('is told to a session that comes while the message waits for its next worker, and what follows it then', async () => {
    world = new SessionWorld();
    await world.append(
      begun,
      messageReceived('c/1'),
      replyStarted('c/1', ''),
      progress(0, 'Grüße'),
      workerClaimed('b'),
    );
    await shown(1);
    expect(sent.lines).toEqual(['started c/1 #1', 'delta #1 0 Grüße']);
    await world.append(replyStarted('c/1', 'b', 2, 7), progress(7, '!', 2, 'b'));
    expect(sent.lines.slice(2)).toEqual(['started c/1 #2 from 7', 'delta #2 0 Grüße', 'delta #2 7 !']);
  });

  test('is told to a session that comes in its midst, though no worker answers it', async () => {
    world = new SessionWorld();
    await world.append(begun, messageReceived('c/1'), replyStarted('c/1', ''), progress(0, 'Grüße'));
    await shown(1);
    world.publish('c/1', 7, '!');
    expect(sent.lines).toEqual(['started c/1 #1', 'delta #1 0 Grüße', 'delta #1 7 !']);
  });
});

describe('a session that comes to a reply in its midst', () => {
  test('is told that it has begun, and asks for its draft', async () => {
    world = new SessionWorld();
    await world.append(begun, messageReceived('c/1'), replyStarted('c/1', ''), replyStarted('c/1', '', 2));
    world.bus.serveDrafts(() => [world.piece('c/1', 0, 'Hello', 2)]);
    await shown(1);
    world.publish('c/1', 5, ' there', 2);
    expect(sent.lines).toEqual(['started c/1 #2', 'delta #2 0 Hello', 'delta #2 5  there']);
  });

  test('of another conversation, or of a message in the queue, is told nothing of it', async () => {
    world = new SessionWorld();
    await world.append(begun, messageReceived('c/1'), messageReceived('d/1'), replyStarted('d/1', ''));
    await shown(1);
    expect(sent.lines).toEqual([]);
  });
});

describe('what came after the sequence that the client knows', () => {
  const said = [begun, messageReceived('c/1'), replyStarted('c/1', ''), replyCompleted('c/1', '')];
  const more = [
    messageReceived('d/1'),
    messageReceived('c/2'),
    replyFailed('c/2', '', 'POISON'),
    messageReceived('c/3'),
  ];
  const all = ['user c/1 1', 'assistant reply to c/1 3', 'user c/2 5', 'rejected c/2 POISON', 'user c/3 7'];

  test('is told from what was read of the log lately, in its order, and then what happens', async () => {
    world = new SessionWorld();
    await world.append(...said, ...more);
    world.isHistoryAway = true;
    await shown(0);
    await world.append(replyFailed('c/3', ''));
    expect(sent.lines).toEqual([...all, 'rejected c/3 PROVIDER_FAILED']);
    expect(world.historyReads).toBe(0);
    for (const [after, count] of [
      [1, 4],
      [3, 3],
      [5, 2],
      [6, 1],
      [7, 0],
    ] as const) {
      await shown(after);
      expect(sent.lines.slice(0, count)).toEqual(all.slice(all.length - count));
    }
  });

  /** A gateway that begins behind most of it. */
  async function begunLate(): Promise<void> {
    const log = new FollowedLog();
    await log.append(...said, ...more);
    await log.commit(7);
    world = new SessionWorld({ lookBackRecords: 2 }, log);
  }

  test('is told from history, and from the log where history is behind, without a hole or a repeat', async () => {
    await begunLate();
    await world.project();
    await world.append(replyFailed('c/3', ''));
    await shown(0);
    // History shows with a message that it was given up.
    expect(sent.lines).toEqual([...all.filter((line) => !line.includes('POISON')), 'rejected c/3 PROVIDER_FAILED']);
    expect(world.historyReads).toBe(1);
    await shown(5);
    expect(sent.lines).toEqual(['rejected c/2 POISON', 'user c/3 7', 'rejected c/3 PROVIDER_FAILED']);
  });

  test.each([
    ['away', true],
    ['behind', false],
  ])('is folded from the beginning of the log when history is %s', async (_, isAway) => {
    await begunLate();
    if (isAway) await world.project();
    world.isHistoryAway = isAway;
    await shown(0);
    expect(sent.lines).toEqual(all);
    await world.append(messageReceived('c/4'));
    expect(sent.lines.at(-1)).toBe('user c/4 8');
  });

  // Cause: that history has come so far is known before it is read, and not asked again after: what the new store lacks was taken for never said.
  test('is told whole though another store of history takes the place of the one that had come so far', async () => {
    await begunLate();
    await world.project();
    world.replaceHistory();
    await shown(0);
    expect(sent.lines).toEqual(all);
  });

  const renamed = (title: string) => ({ type: 'ConversationRenamed', conversationId: 'c', title }) as const;
  const deleted = { type: 'ConversationDeleted', conversationId: 'c' } as const;
  const withTitles = [begun, renamed('A'), messageReceived('c/1'), renamed('B'), replyCompleted('c/1', '')];

  /** A gateway that begins behind all of it. */
  async function begunAfterTitles(): Promise<void> {
    const log = new FollowedLog();
    await log.append(...withTitles);
    await log.commit(withTitles.length);
    world = new SessionWorld({ lookBackRecords: 0 }, log);
  }

  test.each([
    ['the newest title in its place by history', false, ['user c/1 2', 'renamed 3 B', 'assistant reply to c/1 4']],
    [
      'each title in its place by the log',
      true,
      ['renamed 1 A', 'user c/1 2', 'renamed 3 B', 'assistant reply to c/1 4'],
    ],
  ])('is told with %s', async (_, isAway, expected) => {
    await begunAfterTitles();
    await world.project();
    world.isHistoryAway = isAway;
    await shown(0);
    await world.append(renamed('C'));
    expect(sent.lines).toEqual([...expected, 'renamed 5 C']);
    await shown(3);
    expect(sent.lines).toEqual(['assistant reply to c/1 4', 'renamed 5 C']);
  });

  test.each([
    ['history', false],
    ['the log', true],
  ])('ends with a deletion that is not held in memory any more, whether the rest is asked of %s', async (_, isAway) => {
    await begunAfterTitles();
    await settled();
    await world.append(deleted, renamed('C'));
    // Enough to drop the deletion from what is remembered.
    const long = text('x'.repeat(maxRecentBytes / 4));
    await world.append(...[1, 2, 3].map((count) => messageReceived(`d/${count}`, long)));
    await world.project();
    world.isHistoryAway = isAway;
    await shown(2);
    expect(world.following.of('c').recent.completeFrom).toBeGreaterThan(5);
    expect(sent.lines).toEqual(['deleted 5']);
  });

  test('is told as fast as the client reads, and what comes meanwhile comes after', async () => {
    world = new SessionWorld();
    await world.append(...said);
    await settled();
    sent = new SentEvents();
    const reading = Promise.withResolvers<void>();
    sent.held = reading.promise;
    const delivery = world.delivery('c', sent);
    delivery.show('c', 0);
    await world.append(...more);
    expect(sent.lines).toEqual(all.slice(0, 1));
    reading.resolve();
    await delivery.showing;
    expect(sent.lines).toEqual(all);
  });

  test('is nothing for a sequence that the log never gave, which hides nothing of what it gives next', async () => {
    world = new SessionWorld();
    await world.append(...said);
    await shown(1_000);
    await world.append(messageReceived('c/2'));
    expect(sent.lines).toEqual(['user c/2 4']);
  });

  test('ends the session when neither history nor the log can be read', async () => {
    await begunLate();
    world.isHistoryAway = true;
    await settled();
    const { log } = world.followed;
    log.read = () => Promise.reject(new Error('away'));
    await shown(0);
    expect([sent.events, world.refused]).toEqual([[], ['INTERNAL']]);
  });
});

describe('a log that becomes shorter', () => {
  test('is shown on from its new end', async () => {
    world = new SessionWorld();
    await world.append(begun, messageReceived('c/1'), messageReceived('c/2'));
    await shown(0);
    world.followed.truncate(2);
    await settled();
    await world.append(messageReceived('c/3'));
    expect(sent.lines).toEqual(['user c/1 1', 'user c/2 2', 'user c/3 2']);
  });

  // Cause: what was missed of the log before went on to be told, and with it the place that the client was thought to know went beyond the new end.
  test('while older things are being told is shown on from its new end', async () => {
    world = new SessionWorld();
    await world.append(begun, messageReceived('c/1'), messageReceived('c/2'), messageReceived('c/3'));
    sent = new SentEvents();
    const reading = Promise.withResolvers<void>();
    sent.held = reading.promise;
    const delivery = world.delivery('c', sent);
    delivery.show('c', 0);
    await settled();
    world.followed.truncate(2);
    await settled();
    reading.resolve();
    await delivery.showing;
    await world.append(messageReceived('c/4'));
    expect(sent.lines.at(-1)).toBe('user c/4 2');
  });
});
