import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { nodeCryptoIds } from '../../adapters/node/node-crypto-ids.ts';
import { messageReceived } from '../../testing/conversation-events.ts';
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

describe('a conversation that is looked up', () => {
  const begun = { type: 'ConversationStarted', conversationId: 'c', clientId: 'client' } as const;

  test('and that history knows is not waited for', async () => {
    await world.append(begun);
    await world.shown();
    await world.hold();
    await world.append(messageReceived('c/1'));
    expect(await conversations.find('c')).toMatchObject({ conversationId: 'c', clientId: 'client' });
  });

  test('and that history knows to be deleted is not waited for', async () => {
    await world.append(begun, { type: 'ConversationDeleted', conversationId: 'c' });
    await world.shown();
    await world.hold();
    await world.append(messageReceived('c/1'));
    expect(await conversations.find('c')).toBeNull();
  });

  test('and has begun a moment ago is waited for', async () => {
    await world.hold();
    await world.append(begun);
    await expect(conversations.find('c')).rejects.toMatchObject({ reason: 'HISTORY_BEHIND' });
    const found = conversations.find('c');
    world.project();
    expect(await found).toMatchObject({ clientId: 'client' });
    expect(await conversations.find('never')).toBeNull();
  });
});
