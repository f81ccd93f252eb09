import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { call, clientOf, type DynamicClient, hangUp } from '../testing/contract.ts';
import { scraped } from '../testing/scraped.ts';
import { type ParleyServer, startServer } from '../testing/server.ts';
import { eventually, refusalOf, TestSessions } from '../testing/test-sessions.ts';

let server: ParleyServer;
let history: DynamicClient;
beforeAll(async () => {
  server = await startServer();
  history = clientOf('chat.v1.HistoryService', server.address);
});
afterAll(async () => {
  hangUp(history);
  await server?.[Symbol.asyncDispose]();
});

const counts = () => scraped(server.httpAddress);
const calls = (method: string) => `parley_calls_total{method="chat.v1.${method}"}`;
const errors = (method: string, reason: string) =>
  `parley_call_errors_total{method="chat.v1.${method}",reason="${reason}"}`;
const ended = (kind: 'call' | 'stream', method: string) => `parley_${kind}_seconds_count{method="chat.v1.${method}"}`;

describe('the metrics tell of calls', () => {
  test('every method of the contract from the start, at 0', async () => {
    const before = await counts();
    expect(before[calls('MediaService/CreateUpload')]).toBe(0);
    expect(before[errors('OperationsService/GetUsage', 'LOG_UNAVAILABLE')]).toBe(0);
    expect(before[ended('call', 'AccountService/SignIn')]).toBe(0);
    expect(before[ended('stream', 'ChatService/Open')]).toBe(0);
  });

  test('of one request: that it came, how it ended, and how long it took', async () => {
    await call(history, 'ListConversations', { clientId: 'ann' });
    await expect(call(history, 'GetConversation', { conversationId: 'none' })).rejects.toThrow('NOT_FOUND');
    await eventually(counts, (now) => now[ended('call', 'HistoryService/GetConversation')] === 1);
    expect(await counts()).toMatchObject({
      [calls('HistoryService/ListConversations')]: 1,
      [ended('call', 'HistoryService/ListConversations')]: 1,
      [errors('HistoryService/GetConversation', 'NOT_FOUND')]: 1,
      'parley_call_seconds_bucket{le="15",method="chat.v1.HistoryService/GetConversation"}': 1,
    });
  });

  test('of a stream: when it begins, and when it has ended', async () => {
    await using testSessions = new TestSessions(server, 'bidi');
    const { session, clientId } = await testSessions.connect();
    const during = await counts();
    expect(during[calls('ChatService/Chat')]).toBe(1);
    expect(during[ended('stream', 'ChatService/Chat')]).toBe(0);
    expect(await refusalOf(testSessions.dial({ clientId }))).toMatchObject({ reason: 'ALREADY_CONNECTED' });
    await session.goodbye();
    await eventually(counts, (now) => now[ended('stream', 'ChatService/Chat')] === 2);
    expect((await counts())[errors('ChatService/Chat', 'ALREADY_CONNECTED')]).toBe(1);
  });

  test('of one that its client gave up, as CANCELLED', async () => {
    await using testSessions = new TestSessions(server, 'split');
    const { session } = await testSessions.connect();
    session.drop();
    await eventually(counts, (now) => now[errors('ChatService/Open', 'CANCELLED')] === 1);
  });
});
