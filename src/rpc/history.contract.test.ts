import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { textOf } from '../testing/black-box-client.ts';
import { call, clientOf, type Dynamic, type DynamicClient, hangUp, timestampMs } from '../testing/contract.ts';
import { type ParleyServer, startServer } from '../testing/server.ts';
import { eventually, TestSessions } from '../testing/test-sessions.ts';

const exchanges = 6;
const conversationsOfChatty = 3;

let server: ParleyServer;
let history: DynamicClient;
let clientId: string;
let conversationId: string;
let lastSequence: number;
const said: string[] = [];

beforeAll(async () => {
  server = await startServer({ env: { PARLEY_SIMULATED_TEXT_DELAY_MS: '0', PARLEY_SIMULATED_PIECES: '2' } });
  history = clientOf('chat.v1.HistoryService', server.address);
  await using testSessions = new TestSessions(server, 'bidi');
  const { session, welcome, clientId: id } = await testSessions.connect();
  clientId = id;
  conversationId = welcome.conversationId;
  for (let index = 0; index < exchanges; index += 1) {
    const { accepted, reply } = await session.ask(`Message number ${index}`);
    said.push(accepted.messageId, reply.messageId);
    lastSequence = reply.sequence;
  }
});
afterAll(async () => {
  hangUp(history);
  await server?.[Symbol.asyncDispose]();
});

/** All pages of a list, following the tokens. */
async function pages(method: string, request: object): Promise<Dynamic[]> {
  const all: Dynamic[] = [];
  let pageToken = '';
  do {
    const page = await call(history, method, { ...request, pageToken });
    all.push(page);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return all;
}

const ids = (messages: Dynamic[]) => messages.map((message) => message.messageId);
const refusal = (method: string, request: object) => call(history, method, request).catch((error: unknown) => error);

describe('ListMessages', () => {
  test('tells both sides of the conversation, oldest first, with every field', async () => {
    const { messages, nextPageToken } = await call(history, 'ListMessages', {
      conversationId,
      atLeastSequence: lastSequence,
    });
    expect(ids(messages)).toEqual(said);
    expect(nextPageToken).toBe('');
    const [question, answer] = messages;
    expect(question).toMatchObject({
      conversationId,
      role: 'ROLE_USER',
      status: 'MESSAGE_STATUS_COMPLETED',
      replyToMessageId: '',
    });
    expect(textOf(question)).toBe('Message number 0');
    expect(answer).toMatchObject({ role: 'ROLE_ASSISTANT', replyToMessageId: question.messageId, clientMessageId: '' });
    expect(timestampMs(question.completeTime)).toBeGreaterThanOrEqual(timestampMs(question.createTime));
    expect(
      messages.every(
        (message: Dynamic, index: number) => index === 0 || message.sequence > messages[index - 1].sequence,
      ),
    ).toBe(true);
  });

  test.each([1, 3, 5, 12])('by pages of %i, each message once', async (pageSize) => {
    const all = await pages('ListMessages', { conversationId, pageSize });
    expect(all.every((page, index) => page.messages.length === pageSize || index === all.length - 1)).toBe(true);
    expect(all.flatMap((page) => ids(page.messages))).toEqual(said);
  });

  test('newest first by pages', async () => {
    const all = await pages('ListMessages', { conversationId, pageSize: 5, newestFirst: true });
    expect(all.flatMap((page) => ids(page.messages))).toEqual(said.toReversed());
  });

  test('cuts a page size beyond its maximum instead of refusing it', async () => {
    const { messages } = await call(history, 'ListMessages', { conversationId, pageSize: 2_000_000_000 });
    expect(ids(messages)).toEqual(said);
  });

  test('refuses a negative page size and tokens that are not its own', async () => {
    const invalid = { code: 'INVALID_ARGUMENT', reason: 'PAGE_TOKEN_INVALID', domain: 'parley' };
    expect(await refusal('ListMessages', { conversationId, pageSize: -1 })).toMatchObject(invalid);
    expect(await refusal('ListMessages', { conversationId, pageToken: 'no token' })).toMatchObject(invalid);
    const { nextPageToken } = await call(history, 'ListMessages', { conversationId, pageSize: 2 });
    expect(
      await refusal('ListMessages', { conversationId, pageToken: nextPageToken, newestFirst: true }),
    ).toMatchObject(invalid);
    expect(await refusal('ListConversations', { clientId, pageToken: nextPageToken })).toMatchObject(invalid);
  });

  test('answers NOT_FOUND for a conversation that never was, and refuses what cannot be one', async () => {
    expect(await refusal('ListMessages', { conversationId: 'never-was' })).toMatchObject({
      code: 'NOT_FOUND',
      reason: 'NOT_FOUND',
    });
    const malformed = await refusal('ListMessages', { conversationId: '' });
    expect(malformed).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'CONVERSATION_ID_INVALID',
      fields: ['conversation_id'],
    });
  });

  test('waits for a sequence that is not there yet, and says so when it does not come', async () => {
    const behind = await refusal('ListMessages', { conversationId, atLeastSequence: lastSequence + 1_000_000 });
    expect(behind).toMatchObject({
      code: 'UNAVAILABLE',
      reason: 'HISTORY_BEHIND',
      domain: 'parley',
      retryDelayMs: expect.any(Number),
    });
  });

  test('reads the writes of its own client at once', async () => {
    await using testSessions = new TestSessions(server, 'bidi');
    const { session, welcome } = await testSessions.connect();
    for (let index = 0; index < 20; index += 1) {
      const accepted = await session.text(`write ${index}`);
      const { messages } = await call(history, 'ListMessages', {
        conversationId: welcome.conversationId,
        atLeastSequence: accepted.sequence,
        pageSize: 200,
      });
      expect(ids(messages)).toContain(accepted.messageId);
      await session.reply(accepted.messageId);
    }
  });
});

describe('conversations', () => {
  test('GetConversation tells title, times, counts', async () => {
    const { conversation } = await call(history, 'GetConversation', { conversationId });
    expect(conversation).toMatchObject({ conversationId, clientId, messageCount: 2 * exchanges, lastSequence });
    expect(conversation.title).toContain('Message number 0');
    expect(timestampMs(conversation.updateTime)).toBeGreaterThanOrEqual(timestampMs(conversation.createTime));
    expect(await refusal('GetConversation', { conversationId: 'never-was' })).toMatchObject({ reason: 'NOT_FOUND' });
  });

  test('ListConversations tells those of one client, newest activity first, by pages', async () => {
    const chatty = randomUUID();
    await using testSessions = new TestSessions(server, 'bidi');
    const { session, welcome } = await testSessions.connect({ clientId: chatty });
    const spoken = [welcome.conversationId];
    await session.ask('in the first');
    for (let index = 1; index < conversationsOfChatty; index += 1) {
      spoken.unshift((await session.join('')).conversationId);
      await session.ask(`in number ${index}`);
    }
    await session.join(welcome.conversationId);
    const { reply } = await session.ask('in the first again');
    spoken.unshift(spoken.pop() as string);
    await call(history, 'ListMessages', { conversationId: welcome.conversationId, atLeastSequence: reply.sequence });
    const all = await pages('ListConversations', { clientId: chatty, pageSize: 2 });
    const listed = all.flatMap((page) => page.conversations);
    expect(listed.map((conversation) => conversation.conversationId)).toEqual(spoken);
    expect(listed.every((conversation) => conversation.clientId === chatty)).toBe(true);
    expect(all).toHaveLength(2);
  });

  test('ListConversations needs a client where there is no authentication', async () => {
    const refused = await refusal('ListConversations', {});
    expect(refused).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'CLIENT_ID_INVALID', fields: ['client_id'] });
  });

  test('a client that said nothing has none', async () => {
    expect(await call(history, 'ListConversations', { clientId: 'nobody' })).toEqual({
      conversations: [],
      nextPageToken: '',
    });
  });
});

describe('SearchMessages', () => {
  test('finds both sides of what was said, newest first, by pages, and nothing of another client', async () => {
    await using testSessions = new TestSessions(server, 'bidi');
    const { session, welcome, clientId: seeker } = await testSessions.connect();
    const first = await session.ask('Where is Zoë’s xylophone?');
    const second = await session.ask('I said: the XYLOPHONE of Zoe!');
    await call(history, 'ListMessages', {
      conversationId: welcome.conversationId,
      atLeastSequence: second.reply.sequence,
    });
    const all = await pages('SearchMessages', { clientId: seeker, query: 'zoe XYLOPHONE', pageSize: 1 });
    const found = all.flatMap((page) => page.messages);
    expect(ids(found)).toEqual(expect.arrayContaining([second.accepted.messageId, first.accepted.messageId]));
    const times = found.map((message) => timestampMs(message.createTime));
    expect(times).toEqual(times.toSorted((left, right) => right - left));
    expect(found.every((message) => message.conversationId === welcome.conversationId)).toBe(true);
    expect((await call(history, 'SearchMessages', { clientId, query: 'xylophone' })).messages).toEqual([]);
  });

  test('marks what it found, in messages and in titles that somebody gave', async () => {
    await using testSessions = new TestSessions(server, 'bidi');
    const { session, welcome, clientId: seeker } = await testSessions.connect();
    const { conversationId } = welcome;
    const { reply } = await session.ask('Zwei Straßen weiter');
    await call(history, 'ListMessages', { conversationId, atLeastSequence: reply.sequence });
    await call(history, 'RenameConversation', { conversationId, title: 'Auf der Straße' });
    const { messages, excerpts, conversations } = await eventually(
      () => call(history, 'SearchMessages', { clientId: seeker, query: 'strasse' }),
      (found) => found.conversations.length > 0,
    );
    const asked = messages.findIndex(({ messageId }: { messageId: string }) => messageId === reply.replyToMessageId);
    expect(excerpts).toHaveLength(messages.length);
    expect(excerpts[asked].pieces).toEqual([
      { text: 'Zwei ', found: false },
      { text: 'Straßen', found: true },
      { text: ' weiter', found: false },
    ]);
    expect(conversations).toMatchObject([
      {
        conversation: { conversationId, title: 'Auf der Straße' },
        title: { pieces: [{ text: 'Auf der ' }, { text: 'Straße', found: true }] },
      },
    ]);
  });

  test('refuses a query without a word, one with too many, and one of nobody', async () => {
    const invalid = { code: 'INVALID_ARGUMENT', reason: 'QUERY_INVALID', fields: ['query'] };
    const tooMany = Array.from({ length: 21 }, (_, index) => `word${index}`).join(' ');
    for (const query of ['', '?!', tooMany]) {
      expect(await refusal('SearchMessages', { clientId, query })).toMatchObject(invalid);
    }
    expect(await refusal('SearchMessages', { query: 'hello' })).toMatchObject({ reason: 'CLIENT_ID_INVALID' });
  });

  test('takes a token only with its own query', async () => {
    const { nextPageToken } = await call(history, 'SearchMessages', { clientId, query: 'message number', pageSize: 1 });
    expect(nextPageToken).not.toBe('');
    const other = { clientId, query: 'number message', pageSize: 1, pageToken: nextPageToken };
    expect(await refusal('SearchMessages', other)).toMatchObject({ reason: 'PAGE_TOKEN_INVALID' });
  });
});

describe('RenameConversation', () => {
  test('answers with the conversation and its new title, which every read then shows', async () => {
    await using testSessions = new TestSessions(server, 'bidi');
    const { session, welcome, clientId: owner } = await testSessions.connect();
    await session.ask('Some first words');
    const { conversationId: renamed } = welcome;
    const title = 'Plans for Zoë 🙂';
    const { conversation } = await call(history, 'RenameConversation', {
      conversationId: renamed,
      title: ` ${title} `,
    });
    expect(conversation).toMatchObject({ conversationId: renamed, clientId: owner, title, messageCount: 2 });
    await session.ask('Some later words');
    const { conversations } = await call(history, 'ListConversations', { clientId: owner });
    expect(conversations).toMatchObject([{ title }]);
  });

  test('refuses titles that are none, and conversations that are not there', async () => {
    const invalid = { code: 'INVALID_ARGUMENT', reason: 'TITLE_INVALID', fields: ['title'] };
    for (const title of ['', ' ', 'x'.repeat(201), 'two\nlines']) {
      expect(await refusal('RenameConversation', { conversationId, title })).toMatchObject(invalid);
    }
    const missing = await refusal('RenameConversation', { conversationId: 'never-was', title: 'x' });
    expect(missing).toMatchObject({ code: 'NOT_FOUND', reason: 'NOT_FOUND' });
  });
});

describe('DeleteConversation', () => {
  test('takes a conversation out of every read, and a second time there is none', async () => {
    await using testSessions = new TestSessions(server, 'bidi');
    const { session, welcome, clientId: owner } = await testSessions.connect();
    const { accepted } = await session.ask('Words that must go: zeppelin');
    const { conversationId: doomed } = welcome;
    const kept = (await session.join('')).conversationId;
    const { reply } = await session.ask('Words that stay');
    await call(history, 'ListMessages', { conversationId: kept, atLeastSequence: reply.sequence });
    await call(history, 'DeleteConversation', { conversationId: doomed });
    const gone = { code: 'NOT_FOUND', reason: 'NOT_FOUND' };
    expect(await refusal('GetConversation', { conversationId: doomed })).toMatchObject(gone);
    expect(await refusal('ListMessages', { conversationId: doomed })).toMatchObject(gone);
    expect(await refusal('RenameConversation', { conversationId: doomed, title: 'x' })).toMatchObject(gone);
    expect(await refusal('DeleteConversation', { conversationId: doomed })).toMatchObject(gone);
    expect((await call(history, 'SearchMessages', { clientId: owner, query: 'zeppelin' })).messages).toEqual([]);
    const { conversations } = await call(history, 'ListConversations', { clientId: owner });
    expect(conversations.map((conversation: Dynamic) => conversation.conversationId)).toEqual([kept]);
    const operations = clientOf('chat.v1.OperationsService', server.address);
    const explained = call(operations, 'ExplainMessage', { messageId: accepted.messageId });
    await expect(explained).rejects.toMatchObject(gone);
    hangUp(operations);
  });

  test('finds a conversation in which nothing was said yet', async () => {
    await using testSessions = new TestSessions(server, 'bidi');
    const { welcome } = await testSessions.connect();
    await call(history, 'DeleteConversation', { conversationId: welcome.conversationId });
    expect(await refusal('GetConversation', { conversationId: welcome.conversationId })).toMatchObject({
      reason: 'NOT_FOUND',
    });
  });

  test('ends what is being answered in it: nothing stays in processing', async () => {
    await using testSessions = new TestSessions(server, 'bidi');
    const { session, welcome } = await testSessions.connect();
    await session.text('And this?');
    await call(history, 'DeleteConversation', { conversationId: welcome.conversationId });
    const operations = clientOf('chat.v1.OperationsService', server.address);
    const idle = (usage: Dynamic) => usage.processing === 0 && usage.queued === 0;
    expect(await eventually(() => call(operations, 'GetUsage', {}), idle)).toMatchObject({ oldestQueuedMs: 0 });
    hangUp(operations);
  });
});
