import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { nodeCryptoIds } from '../../adapters/ids/node-crypto/node-crypto-ids.ts';
import { messageReceived, replyCompleted, workerClaimed } from '../../testing/conversation-events.ts';
import { HistoryWorld } from '../managing/testing/history-world.ts';
import { Conversations } from './conversations.ts';

let world: HistoryWorld;
let conversations: Conversations;
beforeEach(async () => {
  world = await HistoryWorld.open();
  const { journal, history, progress } = world;
  conversations = new Conversations({ journal, history, progress, ids: nodeCryptoIds });
});
afterEach(() => world[Symbol.asyncDispose]());

// Whoever stopped a reply that had just ended was told that there is no such message while history was behind.
describe('a message that is to be stopped', () => {
  test('and has its answer is there, though history does not know of it yet', async () => {
    await world.hold();
    await world.append(workerClaimed('A'), messageReceived('c/1'), replyCompleted('c/1', 'A'));
    await expect(conversations.ofPendingMessage('c/1', 'client')).rejects.toMatchObject({ reason: 'HISTORY_BEHIND' });
    const found = conversations.ofPendingMessage('c/1', 'client');
    world.project();
    expect(await found).toBeUndefined();
  });

  test('is in its conversation until then, and nobody else’s', async () => {
    await world.append(messageReceived('c/1'));
    expect(await conversations.ofPendingMessage('c/1', 'client')).toBe('c');
    await expect(conversations.ofPendingMessage('c/1', 'another')).rejects.toMatchObject({ reason: 'NOT_YOURS' });
    await expect(conversations.ofPendingMessage('c/2', 'client')).rejects.toMatchObject({ reason: 'NOT_FOUND' });
  });
});

describe('a conversation that is to be joined', () => {
  const begun = { type: 'ConversationStarted', conversationId: 'c', clientId: 'client' } as const;

  test('and that history knows is not waited for', async () => {
    await world.append(begun);
    await world.shown();
    await world.hold();
    await world.append(messageReceived('c/1'));
    await conversations.checkOwned('c', 'client');
    await expect(conversations.checkOwned('c', 'another')).rejects.toMatchObject({ reason: 'NOT_YOURS' });
  });

  test('and has begun a moment ago is waited for', async () => {
    await world.hold();
    await world.append(begun);
    await expect(conversations.checkOwned('c', 'client')).rejects.toMatchObject({ reason: 'HISTORY_BEHIND' });
    const checked = conversations.checkOwned('c', 'client');
    world.project();
    await checked;
    await expect(conversations.checkOwned('never', 'client')).rejects.toMatchObject({ reason: 'NOT_FOUND' });
  });
});

test('what is unanswered comes with how far history was read for it', async () => {
  await world.append(messageReceived('c/1'), messageReceived('c/2'), workerClaimed('A'), replyCompleted('c/1', 'A'));
  const { messages, ends } = await conversations.pendingOf('client', 10);
  expect(messages.map(({ messageId }) => messageId)).toEqual(['c/2']);
  const { log, topics } = world.journal;
  expect(ends).toEqual(await Promise.all(ends.map((_, partition) => log.endOffset(topics.conversations, partition))));
  expect(ends[conversations.partition('c')]).toBe(3);
});
