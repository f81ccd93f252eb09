import { afterEach, describe, expect, test } from '@jest/globals';
import { ReadModelUnavailable } from '../../ports/read-model.ts';
import { messageReceived, replyCompleted } from '../../testing/conversation-events.ts';
import { maxRefoldRecords } from '../following/limits.ts';
import { FollowedLog, settled } from '../following/testing/followed-log.ts';
import { SessionWorld } from './testing/session-world.ts';

const started = (conversationId: string, clientId = 'client') =>
  ({ type: 'ConversationStarted', conversationId, clientId }) as const;
const deleted = (conversationId: string) => ({ type: 'ConversationDeleted', conversationId }) as const;
const refused = (reason: string) => expect.objectContaining({ reason });

let world: SessionWorld;
afterEach(() => world[Symbol.asyncDispose]());

/** Everything here is from before the fold: nothing of it is known from the log that is followed. */
async function long(
  ago = [started('c'), messageReceived('c/1'), replyCompleted('c/1', ''), started('gone'), deleted('gone')],
) {
  const log = new FollowedLog();
  const offset = await log.append(...ago);
  await log.commit(offset + 1);
  world = new SessionWorld({ lookBackRecords: 0 }, log);
  await settled();
}

describe('whose a conversation is', () => {
  test('is known at once from what was recorded lately', async () => {
    world = new SessionWorld();
    world.isHistoryAway = true;
    await world.append(started('c'));
    const { conversations } = world;
    await conversations.checkOwned('c', 'client');
    await expect(conversations.checkOwned('c', 'another')).rejects.toEqual(refused('NOT_YOURS'));
  });

  // Whoever reloads a page must not be told that there is no such conversation.
  test('is known when it began a moment ago elsewhere, and the log is still to be read', async () => {
    world = new SessionWorld();
    await settled();
    world.followed.stall();
    await world.followed.append(started('c'));
    const checked = world.conversations.checkOwned('c', 'client');
    await settled();
    world.followed.goOn();
    await checked;
  });

  test('is nobody’s when the whole log is known and has none, or it was deleted', async () => {
    world = new SessionWorld();
    world.isHistoryAway = true;
    await world.append(started('c'), deleted('c'));
    const { conversations } = world;
    await expect(conversations.checkOwned('never', 'client')).rejects.toEqual(refused('NOT_FOUND'));
    expect(conversations.isDeleted('c')).toBe(true);
    await expect(conversations.checkOwned('c', 'client')).rejects.toEqual(refused('NOT_FOUND'));
  });

  test('is asked of history when nothing was recorded in it lately, and that is not waited for when it knows', async () => {
    await long();
    await world.project();
    await world.append(messageReceived('d/1'));
    world.followed.log.read = () => Promise.reject(new Error('the log need not be read'));
    const { conversations } = world;
    await conversations.checkOwned('c', 'client');
    await expect(conversations.checkOwned('c', 'another')).rejects.toEqual(refused('NOT_YOURS'));
    await expect(conversations.checkOwned('gone', 'client')).rejects.toEqual(refused('NOT_FOUND'));
    await expect(conversations.checkOwned('never', 'client')).rejects.toEqual(refused('NOT_FOUND'));
  });

  test.each([
    ['away', true],
    ['behind', false],
  ])('is read from the beginning of the log when history is %s', async (_, isAway) => {
    await long();
    world.isHistoryAway = isAway;
    const { conversations } = world;
    await conversations.checkOwned('c', 'client');
    await expect(conversations.checkOwned('c', 'another')).rejects.toEqual(refused('NOT_YOURS'));
    await expect(conversations.checkOwned('gone', 'client')).rejects.toEqual(refused('NOT_FOUND'));
    await expect(conversations.checkOwned('never', 'client')).rejects.toEqual(refused('NOT_FOUND'));
  });

  test('waits for history when the log is too long to be read from its beginning', async () => {
    const log = new FollowedLog();
    await log.append(started('c'));
    await log.appendUnreadable(maxRefoldRecords);
    await log.commit(maxRefoldRecords + 1);
    world = new SessionWorld({ lookBackRecords: 0 }, log);
    await settled();
    world.isHistoryAway = true;
    await expect(world.conversations.checkOwned('c', 'client')).rejects.toBeInstanceOf(ReadModelUnavailable);
  });
});

test('a conversation that is begun is known when that is answered', async () => {
  world = new SessionWorld();
  await settled();
  await world.conversations.start('c', 'client');
  expect(world.following.of('c').index.ownerOf('c')).toBe('client');
});

describe('where a message was said first', () => {
  test('is known from the log as it is followed, with the log’s time, also when it has its end', async () => {
    world = new SessionWorld();
    world.isHistoryAway = true;
    await world.append(started('c'), messageReceived('c/1'));
    const timeMs = world.followed.clock.nowMs();
    world.followed.clock.advance(70);
    const { conversations } = world;
    expect(await conversations.said('c', 'c/1')).toEqual({ sequence: 1, timeMs });
    await world.append(replyCompleted('c/1', ''), messageReceived('c/1'));
    expect(await conversations.said('c', 'c/1')).toEqual({ sequence: 1, timeMs });
    expect(await conversations.said('c', 'c/2')).toBeUndefined();
  });

  test('is asked of history in a conversation that is older, once history has come so far', async () => {
    await long();
    await world.project();
    world.followed.log.read = () => Promise.reject(new Error('the log need not be read'));
    expect(await world.conversations.said('c', 'c/1')).toMatchObject({ sequence: 1 });
    expect(await world.conversations.said('c', 'c/2')).toBeUndefined();
  });

  // Cause: history was asked for the first of the two once it had come so far, and not whether it still had: a repeat was taken for new.
  test('is asked of no store that has taken the place of the one that had come so far', async () => {
    await long();
    await world.project();
    world.replaceHistory();
    expect(await world.conversations.said('c', 'c/1')).toMatchObject({ sequence: 1 });
  });

  test('is not asked in one that began since', async () => {
    await long();
    world.isHistoryAway = true;
    await world.append(started('d'));
    world.followed.log.read = () => Promise.reject(new Error('the log need not be read'));
    expect(await world.conversations.said('d', 'd/1')).toBeUndefined();
  });

  test.each([
    ['away', true],
    ['behind', false],
  ])('is read from the beginning of the log when history is %s, once for all that is asked', async (_, isAway) => {
    await long();
    world.isHistoryAway = isAway;
    const { log } = world.followed;
    const read = log.read.bind(log);
    let reads = 0;
    log.read = (...args) => {
      reads += 1;
      return read(...args);
    };
    const { conversations } = world;
    await conversations.checkOwned('c', 'client');
    expect(await conversations.said('c', 'c/1')).toMatchObject({ sequence: 1 });
    expect(await conversations.said('c', 'c/2')).toBeUndefined();
    expect(reads).toBe(1);
  });

  test('is read anew once the log has become shorter', async () => {
    await long();
    world.isHistoryAway = true;
    const { conversations } = world;
    expect(await conversations.said('c', 'c/1')).toMatchObject({ sequence: 1 });
    world.followed.truncate(1);
    await settled();
    expect(await conversations.said('c', 'c/1')).toBeUndefined();
  });

  test('is asked again when the log could not be read', async () => {
    await long();
    world.isHistoryAway = true;
    const { log } = world.followed;
    const read = log.read.bind(log);
    const away = new Error('away');
    log.read = () => Promise.reject(away);
    await expect(world.conversations.said('c', 'c/1')).rejects.toBe(away);
    log.read = read;
    expect(await world.conversations.said('c', 'c/1')).toMatchObject({ sequence: 1 });
  });
});

// Whoever stopped a reply that had just ended was told that there is no such message while history was behind.
describe('a message that is to be stopped', () => {
  const stops = async () =>
    (await world.followed.journal.read('test.conversations', 0, 0, 100)).filter(
      ({ decoded }) => decoded.kind === 'event' && decoded.event.type === 'StopRequested',
    ).length;

  test('and is unanswered is the client’s, whatever history knows', async () => {
    world = new SessionWorld();
    world.isHistoryAway = true;
    await world.append(started('c'), messageReceived('c/1'));
    const { conversations } = world;
    await expect(conversations.requestStop('c/1', 'another', undefined)).rejects.toEqual(refused('NOT_YOURS'));
    expect(await stops()).toBe(0);
    await conversations.requestStop('c/1', 'client', undefined);
    await settled();
    expect(await stops()).toBe(1);
    expect(world.following.pendingMessage('c/1')).toMatchObject({ stopRequested: true });
  });

  test('and was said a moment ago elsewhere is found when the log has been read', async () => {
    world = new SessionWorld();
    await settled();
    world.followed.stall();
    await world.followed.append(messageReceived('c/1'));
    const stopped = world.conversations.requestStop('c/1', 'client', undefined);
    await settled();
    world.followed.goOn();
    await stopped;
    expect(await stops()).toBe(1);
  });

  test('and has its answer is there, and nothing is recorded, as soon as history knows of it', async () => {
    world = new SessionWorld();
    await world.append(messageReceived('c/1'), replyCompleted('c/1', ''));
    const { conversations } = world;
    await expect(conversations.requestStop('c/1', 'client', undefined)).rejects.toEqual(refused('HISTORY_BEHIND'));
    await world.project();
    await conversations.requestStop('c/1', 'client', undefined);
    await expect(conversations.requestStop('c/1', 'another', undefined)).rejects.toEqual(refused('NOT_YOURS'));
    await expect(conversations.requestStop('c/2', 'client', undefined)).rejects.toEqual(refused('NOT_FOUND'));
    expect(await stops()).toBe(0);
  });
});

test('every read of history that makes up for what a session missed is counted', async () => {
  await long([started('c'), ...Array.from({ length: 150 }, (_, index) => messageReceived(`c/${index}`))]);
  await world.project();
  let missed = 0;
  for await (const batch of world.conversations.missed('c', 0, 140)) missed += batch.length;
  expect([missed, world.historyReads]).toEqual([139, 2]);
});
