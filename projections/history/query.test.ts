import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  conversationDeleted,
  conversationStarted,
  messageReceived,
  replyCompleted,
  replyFailed,
  workerClaimed,
} from '../testing/conversation-events.ts';
import { type Harness, openHarness } from '../testing/harness.ts';
import type { MessageDocument } from './document.ts';
import { type HistoryQueries, history } from './query.ts';

let harness: Harness;
let queries: HistoryQueries;

beforeEach(async () => {
  harness = await openHarness();
  queries = history(harness.store);
});
afterEach(() => harness?.[Symbol.asyncDispose]());

const idsOf = (messages: readonly { messageId: string }[]) => messages.map(({ messageId }) => messageId);
const talksOf = (conversations: readonly { conversationId: string }[]) =>
  conversations.map(({ conversationId }) => conversationId);

async function replayed(afterSequence: number, batchSize = 100): Promise<MessageDocument['messageId'][]> {
  const found: string[] = [];
  for await (const batch of queries.replay('talk', afterSequence, batchSize)) {
    expect(batch.length).toBeLessThanOrEqual(batchSize);
    found.push(...idsOf(batch));
  }
  return found;
}

describe('conversations', () => {
  test('of a client are all of its own and nothing of another, newest activity first', async () => {
    await harness.append(
      0,
      conversationStarted('old'),
      messageReceived('a', { conversationId: 'old' }),
      conversationStarted('theirs', 'bob'),
      messageReceived('b', { conversationId: 'theirs', clientId: 'bob' }),
    );
    await harness.append(1, conversationStarted('new'), messageReceived('c', { conversationId: 'new' }));
    await harness.project();
    expect(talksOf((await queries.listConversations('ann', { limit: 10 })).items)).toEqual(['new', 'old']);
    expect(talksOf((await queries.listConversations('bob', { limit: 10 })).items)).toEqual(['theirs']);
    expect((await queries.listConversations('an', { limit: 10 })).items).toEqual([]);
  });

  test('in which nothing was said, and deleted ones, are not listed', async () => {
    await harness.append(0, conversationStarted('silent'), conversationStarted('gone'));
    await harness.append(0, messageReceived('a', { conversationId: 'gone' }), conversationDeleted('gone'));
    await harness.project();
    expect((await queries.listConversations('ann', { limit: 10 })).items).toEqual([]);
    expect(await queries.getConversation('silent')).toMatchObject({ messageCount: 0 });
    expect(await queries.getConversation('gone')).toBeNull();
    expect(await queries.getConversation('never')).toBeNull();
  });

  test('come in pages', async () => {
    const talks = ['a', 'b', 'c', 'd', 'e'];
    for (const talk of talks) await harness.append(0, messageReceived(`m-${talk}`, { conversationId: talk }));
    await harness.project();
    const first = await queries.listConversations('ann', { limit: 3 });
    expect(talksOf(first.items)).toEqual(['e', 'd', 'c']);
    const second = await queries.listConversations('ann', { limit: 3, after: first.next ?? undefined });
    expect(talksOf(second.items)).toEqual(['b', 'a']);
    expect(second.next).toBeNull();
  });
});

describe('messages', () => {
  beforeEach(async () => {
    // Offsets: 0 claim, 1 a, 2 answer to a, 3 b, 4 c, 5 failure of b, 6 answer to c, 7 d.
    await harness.append(0, workerClaimed('claim'), messageReceived('a'), replyCompleted('a'), messageReceived('b'));
    await harness.append(0, messageReceived('c'), replyFailed('b'), replyCompleted('c'), messageReceived('d'));
    await harness.project();
  });

  const all = ['a', 'reply-to-a', 'b', 'c', 'reply-to-c', 'd'];

  test('come in pages by sequence, in both directions', async () => {
    const first = await queries.listMessages('talk', { limit: 4 });
    expect(idsOf(first.items)).toEqual(all.slice(0, 4));
    const rest = await queries.listMessages('talk', { limit: 4, after: first.next ?? undefined });
    expect(idsOf(rest.items)).toEqual(all.slice(4));
    expect(rest.next).toBeNull();
    expect(idsOf((await queries.listMessages('talk', { limit: 2 }, true)).items)).toEqual(['d', 'reply-to-c']);
    expect((await queries.listMessages('talk', { limit: 6 })).next).toBeNull();
    expect((await queries.listMessages('other', { limit: 6 })).items).toEqual([]);
  });

  test('unanswered are those without a final status', async () => {
    expect(idsOf(await queries.pendingOf('ann', 10))).toEqual(['d']);
    expect(await queries.pendingOf('bob', 10)).toEqual([]);
  });

  test('before a sequence are the context of what comes there, newest first', async () => {
    expect(idsOf(await queries.contextBefore('talk', 7, 3))).toEqual(['reply-to-c', 'c', 'b']);
    expect(await queries.contextBefore('talk', 1, 3)).toEqual([]);
  });

  test.each([
    ['everything for one who knows nothing', -1, all],
    ['what ended without a reply after what is known, where it ended', 3, ['c', 'b', 'reply-to-c', 'd']],
    ['what ended last, too', 4, ['b', 'reply-to-c', 'd']],
    ['nothing twice: what ended before is known', 5, ['reply-to-c', 'd']],
    ['nothing for one who knows all', 7, []],
  ])('are replayed: %s', async (_name, afterSequence, expected) => {
    expect(await replayed(afterSequence)).toEqual(expected);
    expect(await replayed(afterSequence, 1)).toEqual(expected);
    expect(await replayed(afterSequence, 2)).toEqual(expected);
  });
});
