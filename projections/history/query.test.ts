import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { messageOverheadBytes } from '../../src/domain/conversation/history-bytes.ts';
import type { HistoryPlace, Missed } from '../../src/ports/history.ts';
import {
  conversationDeleted,
  conversationErased,
  conversationRenamed,
  conversationStarted,
  media,
  messageReceived,
  replyCompleted,
  replyFailed,
  text,
  workerClaimed,
} from '../testing/conversation-events.ts';
import { type Harness, openHarness } from '../testing/harness.ts';
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

const nameOf = (missed: Missed) => ('title' in missed ? missed.title : missed.message.messageId);

async function replayed(afterSequence: number, batchSize = 100): Promise<string[]> {
  const found: string[] = [];
  for await (const batch of queries.replay('talk', afterSequence, batchSize)) {
    expect(batch.length).toBeLessThanOrEqual(batchSize);
    found.push(...batch.map(nameOf));
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

  test('of a client come to what was said and answered in them, without those that are deleted', async () => {
    await harness.append(
      0,
      workerClaimed('claim'),
      conversationStarted('talk'),
      messageReceived('a', { parts: [text('für')] }),
      replyCompleted('a', { parts: [text('fünf')] }),
      conversationStarted('gone'),
      messageReceived('b', { conversationId: 'gone' }),
    );
    await harness.project();
    const talk = { conversations: 1, messages: 2, bytes: 2 * messageOverheadBytes + 4 + 5 };
    const gone = { conversations: 2, messages: 3 };
    expect(await queries.usageOf('ann')).toMatchObject(gone);
    await harness.append(0, conversationDeleted('gone'));
    await harness.project();
    expect(await queries.usageOf('ann')).toEqual(talk);
    expect(await queries.usageOf('bob')).toEqual({ conversations: 0, messages: 0, bytes: 0 });
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

  test('before a sequence are the context of what comes there, newest first', async () => {
    expect(idsOf(await queries.contextBefore('talk', 7, 3))).toEqual(['reply-to-c', 'c', 'b']);
    expect(await queries.contextBefore('talk', 1, 3)).toEqual([]);
  });

  test('are replayed with the place where each was said or ended', async () => {
    const found: [number, string][] = [];
    for await (const batch of queries.replay('talk', 3, 2)) {
      found.push(...batch.map((missed): [number, string] => [missed.at, nameOf(missed)]));
    }
    expect(found).toEqual([
      [4, 'c'],
      [5, 'b'],
      [6, 'reply-to-c'],
      [7, 'd'],
    ]);
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

  test.each([
    ['the newest title only, in its place', -1, ['a', 'reply-to-a', 'b', 'c', 'reply-to-c', 'd', 'Newer', 'e']],
    ['the title between messages', 7, ['Newer', 'e']],
    ['no title for one who knows it', 9, ['e']],
  ])('are replayed with %s', async (_name, afterSequence, expected) => {
    // Offsets: 8 and 9 the titles, 10 e.
    await harness.append(0, conversationRenamed('Older'), conversationRenamed('Newer'), messageReceived('e'));
    await harness.project();
    for (const batchSize of [100, 1, 2, 3]) expect(await replayed(afterSequence, batchSize)).toEqual(expected);
  });

  test('of a conversation that was deleted are not replayed, nor is its title', async () => {
    await harness.append(0, conversationRenamed('Plans'), conversationDeleted());
    await harness.project();
    expect(await replayed(-1)).toEqual([]);
  });
});

const said = (messageId: string, words: string, conversationId = 'talk', clientId = 'ann') =>
  messageReceived(messageId, { parts: [text(words)], conversationId, clientId });

describe('searching', () => {
  test('finds what the client and its model said, newest first, over all conversations', async () => {
    await harness.append(0, workerClaimed('claim'), said('a', 'The night train to Zürich'));
    await harness.append(
      1,
      said('b', 'Which TRAIN goes at night?', 'other'),
      said('c', 'night train', 'theirs', 'bob'),
    );
    await harness.append(0, replyCompleted('a', { parts: [text('No train at night.'), media('p0')] }));
    await harness.project();
    const found = async (...words: string[]) => idsOf((await queries.searchMessages('ann', words, { limit: 9 })).items);
    expect(await found('train')).toEqual(['reply-to-a', 'b', 'a']);
    expect(await found('train', 'zurich')).toEqual(['a']);
    expect(await found('boat')).toEqual([]);
    const first = await queries.searchMessages('ann', ['train'], { limit: 2 });
    expect(idsOf(first.items)).toEqual(['reply-to-a', 'b']);
    const second = await queries.searchMessages('ann', ['train'], { limit: 2, after: first.next ?? undefined });
    expect(idsOf(second.items)).toEqual(['a']);
    expect(second.next).toBeNull();
  });

  test('finds other forms and beginnings, ß as ss, and marks what it found', async () => {
    await harness.append(0, said('a', 'Die Züge in der Großstraße fahren'), said('b', 'Trains and training'));
    await harness.project();
    const found = async (...words: string[]) =>
      (await queries.searchMessages('ann', words, { limit: 9 })).items.map(({ excerpt }) =>
        excerpt.map(({ text: piece, isFound }) => (isFound ? `[${piece}]` : piece)).join(''),
      );
    expect(await found('grossstrassen')).toEqual(['Die Züge in der [Großstraße] fahren']);
    expect(await found('zug', 'fah')).toEqual(['Die [Züge] in der Großstraße [fahren]']);
    expect(await found('train')).toEqual(['[Trains] and [training]']);
  });

  test('looks through what the index names and is not found, and says where to go on', async () => {
    for (let index = 0; index < 45; index++) await harness.append(0, said(`m${index}`, 'a citizen'));
    await harness.append(0, said('last', 'many citizens'));
    for (let index = 0; index < 5; index++) await harness.append(0, said(`n${index}`, 'a citizen'));
    await harness.append(1, said('other', 'a city', 'other'));
    await harness.project();
    expect(idsOf((await queries.searchMessages('ann', ['cities'], { limit: 4 })).items)).toEqual(['other']);
    let pages = 0;
    const found: string[] = [];
    for (let next: HistoryPlace | null | undefined; next !== null; pages++) {
      const page = await queries.searchMessages('ann', ['cities'], { limit: 1, after: next });
      found.push(...idsOf(page.items));
      next = page.next;
    }
    expect(found).toEqual(['other']);
    expect(pages).toBe(3);
  });

  test('finds titles that somebody gave, until they are changed or deleted', async () => {
    const found = async (word: string, clientId = 'ann') =>
      talksOf((await queries.searchTitles(clientId, [word], { limit: 9 })).items);
    await harness.append(0, said('a', 'First words'), said('b', 'Second words', 'other'), conversationStarted('empty'));
    await harness.append(0, conversationRenamed('Über Leuchttürme'), conversationRenamed('Leuchtturm', 'empty'));
    await harness.project();
    expect([await found('leuchtturm'), await found('leuchtturm', 'bob'), await found('words')]).toEqual([
      ['talk'],
      [],
      [],
    ]);
    const { items } = await queries.searchTitles('ann', ['leu'], { limit: 9 });
    expect(items).toMatchObject([
      {
        title: 'Über Leuchttürme',
        messageCount: 1,
        excerpt: [{ text: 'Über ' }, { text: 'Leuchttürme', isFound: true }],
      },
    ]);
    await harness.append(
      0,
      said('c', 'More'),
      conversationRenamed('Lighthouses', 'other'),
      conversationRenamed('Lights'),
    );
    await harness.project();
    expect([await found('leuchtturm'), await found('light')]).toEqual([[], ['other', 'talk']]);
    await harness.append(0, conversationDeleted('other'));
    await harness.project();
    expect(await found('light')).toEqual(['talk']);
  });
});

describe('references to media', () => {
  test('are of messages that count, in conversations that are not deleted', async () => {
    await harness.append(
      0,
      workerClaimed('claim'),
      messageReceived('a', { parts: [media('p0'), media('p1')] }),
      messageReceived('a', { parts: [media('p0'), media('p1')] }),
      messageReceived('b', { parts: [media('p0')], conversationId: 'other' }),
      replyCompleted('a', { parts: [text('see'), media('r0')] }),
      replyCompleted('a', { parts: [text('see'), media('r1')] }),
    );
    await harness.project();
    const all = ['p0', 'p1', 'r0', 'r1', 'never', 'p0'];
    expect(await queries.references(all)).toEqual(
      new Map([
        ['p0', 2],
        ['p1', 1],
        ['r0', 1],
      ]),
    );
    await harness.append(0, conversationDeleted());
    await harness.project();
    expect(await queries.references(all)).toEqual(new Map([['p0', 1]]));
    expect(await queries.references([])).toEqual(new Map());
  });
});

test('references are counted over any number of conversations', async () => {
  const talks = Array.from({ length: 250 }, (_, index) => `talk-${index}`);
  await harness.append(
    0,
    ...talks.map((conversationId) => messageReceived(`m-${conversationId}`, { conversationId, parts: [media('p')] })),
  );
  await harness.project();
  expect(await queries.references(['p'])).toEqual(new Map([['p', talks.length]]));
});

describe('a deleted conversation', () => {
  /** Whether the word is in any file of the read models. */
  async function isInFiles(word: string): Promise<boolean> {
    const folder = dirname(harness.path);
    const files = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name))));
    return files.some((bytes) => bytes.includes(word));
  }

  test('is found by nothing, in no file, while others are as they were', async () => {
    await harness.append(
      0,
      workerClaimed('claim'),
      said('a', 'xyzzy one'),
      said('b', 'xyzzy two'),
      said('k', 'kept', 'other'),
    );
    await harness.append(0, replyCompleted('a', { parts: [text('plugh xyzzy')] }), conversationRenamed('Xyzzy plans'));
    await harness.append(0, messageReceived('c', { parts: [text('xyzzy three')], clientMessageId: 'xyzzy' }));
    await harness.project();
    expect(await isInFiles('xyzzy')).toBe(true);
    expect(idsOf((await queries.searchMessages('ann', ['xyzzy'], { limit: 9 })).items)).toHaveLength(4);
    await harness.append(
      0,
      conversationDeleted(),
      said('d', 'xyzzy late'),
      replyCompleted('b', { parts: [text('xyzzy')] }),
    );
    await harness.project();
    expect(await queries.getConversation('talk')).toBeNull();
    for (const id of ['a', 'reply-to-a', 'b', 'reply-to-b', 'c', 'd']) expect(await queries.getMessage(id)).toBeNull();
    expect((await queries.listMessages('talk', { limit: 9 })).items).toEqual([]);
    expect((await queries.listMessages('talk', { limit: 2 }, true)).items).toEqual([]);
    expect(await replayed(-1)).toEqual([]);
    expect(await queries.contextBefore('talk', 99, 9)).toEqual([]);
    expect((await queries.searchMessages('ann', ['xyzzy'], { limit: 9 })).items).toEqual([]);
    expect(talksOf((await queries.listConversations('ann', { limit: 9 })).items)).toEqual(['other']);
    expect(idsOf((await queries.searchMessages('ann', ['kept'], { limit: 9 })).items)).toEqual(['k']);
    expect(await harness.store.scrub()).toBe(true);
    expect(await isInFiles('xyzzy')).toBe(false);
    expect(await isInFiles('Xyzzy')).toBe(false);
    expect(await isInFiles('kept')).toBe(true);
  });

  test('of any length is removed, whatever lies between', async () => {
    const many = Array.from({ length: 1_300 }, (_, index) => index);
    await harness.append(0, workerClaimed('claim'));
    for (const index of many) {
      await harness.append(0, said(`m${index}`, `word ${index}`, index % 13 === 0 ? 'other' : 'talk'));
      if (index % 2 === 0) await harness.append(0, replyFailed(`m${index}`));
    }
    await harness.append(0, conversationDeleted());
    await harness.project();
    const { items } = await queries.searchMessages('ann', ['word'], { limit: 2_000 });
    expect(items.map(({ conversationId }) => conversationId)).toEqual(Array.from({ length: 100 }, () => 'other'));
    expect((await queries.listMessages('other', { limit: 2_000 })).items).toHaveLength(100);
  });

  test('waits for its words to leave the log, the one deleted first before others', async () => {
    for (const talk of ['a', 'b', 'c']) await harness.append(0, said(`m-${talk}`, 'words', talk));
    for (const talk of ['c', 'a', 'b']) await harness.append(0, conversationDeleted(talk));
    await harness.project();
    expect(talksOf(await queries.awaitingErasure(2))).toEqual(['c', 'a']);
    const [first] = await queries.awaitingErasure(1);
    expect(first).toMatchObject({ clientId: 'ann', title: '', updateTimeMs: 1_040 });
    await harness.append(0, conversationErased('c'), conversationErased('b'));
    await harness.project();
    expect(talksOf(await queries.awaitingErasure(9))).toEqual(['a']);
    await harness.append(0, said('late', 'words', 'c'));
    await harness.project();
    expect(talksOf(await queries.awaitingErasure(9))).toEqual(['c', 'a']);
  });
});
