import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { messageReceived } from '../../testing/conversation-events.ts';
import { anybody, type Caller } from '../caller.ts';
import { checkedTitle } from './conversations-manager.ts';
import { HistoryWorld } from './testing/history-world.ts';

let world: HistoryWorld;
beforeEach(async () => {
  world = await HistoryWorld.open();
  await world.append({ type: 'ConversationStarted', conversationId: 'c', clientId: 'client' }, messageReceived('c/1'));
});
afterEach(() => world[Symbol.asyncDispose]());

const client = (clientId: string): Caller => ({
  kind: 'client',
  clientId,
  isOperator: true,
  expireTimeMs: Number.MAX_SAFE_INTEGER,
});
const refused = (reason: string) => expect.objectContaining({ reason });
const changes = async () =>
  (await world.events('c')).map(({ type }) => type).filter((type) => /Renamed|Deleted/.test(type));

describe('renaming', () => {
  test('answers with the conversation as it stands after its own event, and puts it into the log once', async () => {
    const renamed = await world.manager.rename(client('client'), 'c', '  Plans for Zoë 🙂 ');
    expect(renamed).toMatchObject({ conversationId: 'c', title: 'Plans for Zoë 🙂', messageCount: 1 });
    expect(await changes()).toEqual(['ConversationRenamed']);
    expect(await world.reads.getConversation(anybody, 'c')).toEqual(renamed);
  });

  test('refuses what is not there, what is somebody else’s, and what is no id, before anything is in the log', async () => {
    const { manager } = world;
    await expect(manager.rename(anybody, 'never', 'x')).rejects.toEqual(refused('NOT_FOUND'));
    await expect(manager.rename(client('another'), 'c', 'x')).rejects.toEqual(refused('NOT_YOURS'));
    await expect(manager.rename(anybody, 'no id', 'x')).rejects.toEqual(refused('CONVERSATION_ID_INVALID'));
    await expect(manager.rename(anybody, 'c', ' ')).rejects.toEqual(refused('TITLE_INVALID'));
    expect(await changes()).toEqual([]);
  });

  test('says that the title is in the log when history does not show it in time', async () => {
    await world.shown();
    const renaming = world.manager.rename(anybody, 'c', 'New');
    await world.hold();
    await expect(renaming).rejects.toMatchObject({
      reason: 'HISTORY_BEHIND',
      message: 'the new title is in the log, and history does not show it yet',
    });
    world.project();
    await world.shown();
    expect(await world.reads.getConversation(anybody, 'c')).toMatchObject({ title: 'New' });
  });
});

// Cause: the wait for history ended with what was known of a store that had been replaced since, and what the new one lacked was taken for deleted.
test('a conversation is not said to be gone while a replaced store is folded again', async () => {
  const { manager } = world;
  await world.shown();
  await world.loseHistory();
  await expect(manager.rename(anybody, 'c', 'New')).rejects.toEqual(refused('HISTORY_BEHIND'));
  world.project();
  await world.shown();
  await world.loseHistory();
  await expect(manager.delete(anybody, 'c')).rejects.toEqual(refused('HISTORY_BEHIND'));
  world.project();
  expect(await manager.rename(anybody, 'c', 'Newer')).toMatchObject({ title: 'Newer' });
  expect(await changes()).toEqual(['ConversationRenamed']);
});

describe('a title', () => {
  test('of 1 to 200 characters is taken, counted as people count', () => {
    expect(checkedTitle('x')).toBe('x');
    expect(checkedTitle('🙂'.repeat(200))).toHaveLength(400);
    expect(checkedTitle(` ${'x'.repeat(200)}\n`)).toHaveLength(200);
  });

  test.each([
    ['empty', ''],
    ['of spaces', ' \t\n'],
    ['of 201 characters', 'x'.repeat(201)],
    ['of 201 astral characters', '🙂'.repeat(201)],
    ['as large as a frame', 'x'.repeat(4_000_000)],
    ['with a line break', 'a\nb'],
    ['with an escape', 'a\u001b[2Jb'],
    ['with a line separator', 'a\u2028b'],
    ['with half a character', 'a\ud800b'],
  ])('%s is refused', (_what, title) => {
    expect(() => checkedTitle(title)).toThrow(refused('TITLE_INVALID'));
  });
});

describe('deleting', () => {
  test('takes a conversation out of every read, once', async () => {
    await world.manager.delete(client('client'), 'c');
    const { reads } = world;
    await expect(reads.getConversation(anybody, 'c')).rejects.toEqual(refused('NOT_FOUND'));
    const page = { pageSize: 0, pageToken: '' };
    expect((await reads.listConversations(anybody, 'client', page)).items).toEqual([]);
    expect((await reads.searchMessages(anybody, 'client', 'what', page)).items).toEqual([]);
    await expect(world.manager.delete(anybody, 'c')).rejects.toEqual(refused('NOT_FOUND'));
    await expect(world.manager.rename(anybody, 'c', 'x')).rejects.toEqual(refused('NOT_FOUND'));
    expect(await changes()).toEqual(['ConversationDeleted']);
  });

  test('finds a conversation that has only just begun', async () => {
    await world.append({ type: 'ConversationStarted', conversationId: 'new', clientId: 'client' });
    await world.manager.delete(client('client'), 'new');
    await expect(world.reads.getConversation(anybody, 'new')).rejects.toEqual(refused('NOT_FOUND'));
  });

  test('asked for ten times at once happens once', async () => {
    const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => world.manager.delete(anybody, 'c')));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes.slice(1)) expect(outcome).toMatchObject({ reason: refused('NOT_FOUND') });
    expect(await changes()).toEqual(['ConversationDeleted']);
  });

  test('refuses what is somebody else’s, and leaves the log as it is', async () => {
    await expect(world.manager.delete(client('another'), 'c')).rejects.toEqual(refused('NOT_YOURS'));
    await expect(world.manager.delete(anybody, '')).rejects.toEqual(refused('CONVERSATION_ID_INVALID'));
    expect(await changes()).toEqual([]);
  });

  test('says that it is in the log when history does not show it in time; asked again, there is nothing left', async () => {
    await world.shown();
    const deleting = world.manager.delete(anybody, 'c');
    await world.hold();
    await expect(deleting).rejects.toMatchObject({ reason: 'HISTORY_BEHIND' });
    world.project();
    await expect(world.manager.delete(anybody, 'c')).rejects.toEqual(refused('NOT_FOUND'));
    expect(await changes()).toEqual(['ConversationDeleted']);
  });
});
