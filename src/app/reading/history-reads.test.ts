import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { MediaPart } from '../../domain/conversation/events.ts';
import { maxPageBytes } from '../../domain/limits.ts';
import type { HistoryMessage } from '../../ports/history.ts';
import { messageReceived, replyCompleted, workerClaimed } from '../../testing/conversation-events.ts';
import { anybody, type Caller } from '../caller.ts';
import { HistoryWorld } from '../managing/testing/history-world.ts';
import { searchedWords } from './history-reads.ts';

let world: HistoryWorld;
beforeEach(async () => {
  world = await HistoryWorld.open();
});
afterEach(() => world[Symbol.asyncDispose]());

const client = (clientId: string): Caller => ({
  kind: 'client',
  clientId,
  isOperator: false,
  expireTimeMs: Number.MAX_SAFE_INTEGER,
});
const firstPage = { pageSize: 0, pageToken: '' };
const allMessages = { ...firstPage, newestFirst: false, atLeastSequence: 0 };
const refused = (reason: string) => expect.objectContaining({ reason });

const picture: MediaPart = { kind: 'image', mediaId: 'p', contentType: 'image/png', sizeBytes: 67, sha256: '00' };

describe('whose history it is', () => {
  beforeEach(async () => {
    await world.append(messageReceived('anns/1', { clientId: 'ann' }), messageReceived('bobs/1', { clientId: 'bob' }));
    await world.shown();
  });

  test('a client has its own, without naming itself', async () => {
    const { reads } = world;
    const { items } = await reads.listConversations(client('ann'), '', firstPage);
    expect(items.map(({ conversationId }) => conversationId)).toEqual(['anns']);
    expect(await reads.getConversation(client('ann'), 'anns')).toMatchObject({ clientId: 'ann' });
    expect((await reads.listMessages(client('ann'), 'anns', allMessages)).items).toHaveLength(1);
    expect((await reads.searchMessages(client('ann'), '', 'what about', firstPage)).items).toHaveLength(1);
  });

  test("nobody has another's", async () => {
    const { reads } = world;
    const notYours = refused('NOT_YOURS');
    await expect(reads.listConversations(client('ann'), 'bob', firstPage)).rejects.toEqual(notYours);
    await expect(reads.getConversation(client('ann'), 'bobs')).rejects.toEqual(notYours);
    await expect(reads.listMessages(client('ann'), 'bobs', allMessages)).rejects.toEqual(notYours);
    await expect(reads.searchMessages(client('ann'), 'bob', 'what', firstPage)).rejects.toEqual(notYours);
    const { items } = await reads.searchMessages(client('ann'), 'ann', 'bobs', firstPage);
    expect(items).toEqual([]);
  });

  test('what is not there is not found, whoever asks', async () => {
    for (const caller of [anybody, client('ann')]) {
      await expect(world.reads.getConversation(caller, 'never')).rejects.toEqual(refused('NOT_FOUND'));
      await expect(world.reads.listMessages(caller, 'never', allMessages)).rejects.toEqual(refused('NOT_FOUND'));
    }
  });

  test('with authentication off it is that of whoever is named, and somebody must be', async () => {
    const { reads } = world;
    expect((await reads.listConversations(anybody, 'bob', firstPage)).items).toHaveLength(1);
    expect((await reads.listMessages(anybody, 'bobs', allMessages)).items).toHaveLength(1);
    await expect(reads.searchMessages(anybody, '', 'what', firstPage)).rejects.toEqual(refused('CLIENT_ID_INVALID'));
  });
});

describe('a history that is behind', () => {
  test('is waited for, and then answered from', async () => {
    await world.hold();
    const sequence = await world.append(
      { type: 'ConversationStarted', conversationId: 'c', clientId: 'client' },
      messageReceived('c/1'),
    );
    const reading = world.reads.listMessages(anybody, 'c', { ...allMessages, atLeastSequence: sequence });
    world.project();
    expect((await reading).items.map(({ message }) => message.messageId)).toEqual(['c/1']);
  });

  test('is not believed that there is no such conversation', async () => {
    await world.hold();
    await world.append({ type: 'ConversationStarted', conversationId: 'c', clientId: 'client' });
    await expect(world.reads.getConversation(anybody, 'c')).rejects.toEqual(refused('HISTORY_BEHIND'));
    const reading = world.reads.listMessages(anybody, 'c', allMessages);
    world.project();
    expect((await reading).items).toEqual([]);
    await expect(world.reads.getConversation(anybody, 'never')).rejects.toEqual(refused('NOT_FOUND'));
  });

  test('says how far it has come when the time is over', async () => {
    const shown = await world.append(messageReceived('c/1'));
    await world.shown();
    await world.hold();
    const sequence = await world.append(messageReceived('c/2'));
    const behind = world.reads.listMessages(anybody, 'c', { ...allMessages, atLeastSequence: sequence });
    await expect(behind).rejects.toMatchObject({
      reason: 'HISTORY_BEHIND',
      message: `history has come to sequence ${shown}; ${sequence} did not come within 5000 ms`,
      retryDelayMs: expect.any(Number),
    });
    const before = await world.reads.listMessages(anybody, 'c', { ...allMessages, atLeastSequence: shown });
    expect(before.items).toHaveLength(1);
  });

  test('says so, too, when it holds nothing', async () => {
    await world.hold();
    const sequence = await world.append(messageReceived('c/1'));
    const behind = world.reads.listMessages(anybody, 'c', { ...allMessages, atLeastSequence: sequence + 1 });
    await expect(behind).rejects.toMatchObject({ message: expect.stringMatching(/^history holds nothing yet; 1 did/) });
  });
});

describe('a page', () => {
  test('has fresh URLs of media, in lists and in what was found', async () => {
    await world.append(messageReceived('c/1', { parts: [picture, { kind: 'text', text: 'my cat' }] }));
    await world.shown();
    const listed = await world.reads.listMessages(anybody, 'c', allMessages);
    const found = await world.reads.searchMessages(anybody, 'client', 'cat', firstPage);
    for (const { items } of [listed, found]) {
      expect(items).toHaveLength(1);
      expect(items[0]?.links.get('p')?.url).toBe('https://media.test/p');
    }
  });

  test.each([
    ['long texts', [{ kind: 'text', text: `long ${'x'.repeat(maxPageBytes / 4)}` }]],
    ['many pictures', [{ kind: 'text', text: 'long' }, ...Array.from({ length: 300 }, () => picture)]],
  ] as const)('is cut where %s would not fit, and goes on with the next token', async (_what, parts) => {
    const ids = ['c/1', 'c/2', 'c/3', 'c/4', 'c/5'];
    for (const id of ids) await world.append(messageReceived(id, { parts }));
    await world.shown();
    const { reads } = world;
    const lists = [
      (pageToken: string) => reads.listMessages(anybody, 'c', { ...allMessages, pageToken }),
      (pageToken: string) => reads.searchMessages(anybody, 'client', 'long', { ...firstPage, pageToken }),
    ];
    for (const list of lists) {
      const pages: string[][] = [];
      let token = '';
      do {
        const page = await list(token);
        pages.push(page.items.map(({ message }) => message.messageId));
        token = page.nextPageToken;
      } while (token !== '');
      expect(pages.map((page) => page.length)).toEqual([3, 2]);
      expect(pages.flat().toSorted()).toEqual(ids);
    }
  });
});

describe('search', () => {
  test('gives what holds all words, newest first, questions and answers, by pages', async () => {
    await world.append(
      workerClaimed('A'),
      messageReceived('c/1', { parts: [{ kind: 'text', text: 'A café in Zürich' }] }),
      messageReceived('d/1', { parts: [{ kind: 'text', text: 'Zurich, and no coffee' }] }),
      replyCompleted('c/1', 'A', { parts: [{ kind: 'text', text: 'The CAFE of ZURICH is closed' }] }),
    );
    await world.shown();
    const found: HistoryMessage[] = [];
    let pageToken = '';
    do {
      const page = await world.reads.searchMessages(anybody, 'client', 'zurich cafe', { pageSize: 1, pageToken });
      found.push(...page.items.map(({ message }) => message));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(found.map(({ messageId }) => messageId).toSorted()).toEqual(['c/1', 'reply to c/1']);
    const times = found.map(({ createTimeMs }) => createTimeMs);
    expect(times).toEqual(times.toSorted((left, right) => right - left));
  });

  test('takes a token only with the query and the client that it was given for', async () => {
    for (const id of ['c/1', 'c/2']) await world.append(messageReceived(id));
    await world.shown();
    const search = (clientId: string, query: string, pageToken: string) =>
      world.reads.searchMessages(anybody, clientId, query, { pageSize: 1, pageToken });
    const { nextPageToken } = await search('client', 'what about', '');
    expect(nextPageToken).not.toBe('');
    expect((await search('client', 'What  ABOUT?', nextPageToken)).items).toHaveLength(1);
    const invalid = refused('PAGE_TOKEN_INVALID');
    await expect(search('client', 'about', nextPageToken)).rejects.toEqual(invalid);
    await expect(search('another', 'what about', nextPageToken)).rejects.toEqual(invalid);
    await expect(
      world.reads.listConversations(anybody, 'client', { pageSize: 1, pageToken: nextPageToken }),
    ).rejects.toEqual(invalid);
  });

  test.each([
    ['no word', ' … — !'],
    ['nothing', ''],
    ['21 words', Array.from({ length: 21 }, (_, index) => `word${index}`).join(' ')],
    ['more than a query may be', 'word '.repeat(1_000_000)],
  ])('refuses %s', (_what, query) => {
    expect(() => searchedWords(query)).toThrow(refused('QUERY_INVALID'));
  });

  test('counts a word once, however often it is said', () => {
    expect(searchedWords('word Word WÖRD '.repeat(100))).toEqual(['word']);
    expect(searchedWords(Array.from({ length: 20 }, (_, index) => `${index}`.padEnd(64, 'x')).join(' '))).toHaveLength(
      20,
    );
  });
});
