import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { withToken } from '../testing/black-box-client.ts';
import { call, clientOf, type Dynamic, hangUp } from '../testing/contract.ts';
import { type ParleyServer, runParley, startServer } from '../testing/server.ts';
import { eventually, TestSessions } from '../testing/test-sessions.ts';

const password = 'a long password';
const noToken = { code: 'UNAUTHENTICATED', reason: 'UNAUTHENTICATED' };
const notYours = { code: 'PERMISSION_DENIED', reason: 'NOT_YOURS' };
const forOperators = { code: 'PERMISSION_DENIED', reason: 'OPERATOR_REQUIRED' };

interface Person {
  readonly clientId: string;
  readonly accessToken: string;
}

let server: ParleyServer;
let ann: Person;
let bob: Person;
let olga: Person;
/** Ann's, in which she said something. */
let conversationId: string;
let messageId: string;

beforeAll(async () => {
  server = await startServer({ env: { PARLEY_AUTH: 'accounts', PARLEY_SIMULATED_TEXT_DELAY_MS: '0' } });
  ann = await signed('SignUp', 'ann');
  bob = await signed('SignUp', 'bob');
  const passwordFile = join(server.dataDir, 'password');
  await writeFile(passwordFile, password);
  const addOlga = ['user', 'add', 'olga', '--operator', '--password-file', passwordFile];
  expect(await runParley(addOlga, { PARLEY_DATA_DIR: server.dataDir })).toMatchObject({ code: 0 });
  olga = await signed('SignIn', 'olga');
  await using testSessions = new TestSessions(server, 'bidi');
  const session = testSessions.dial({ clientId: '' }, ann.accessToken);
  conversationId = (await session.welcome()).conversationId;
  const { accepted, reply } = await session.ask('The secret word is xylophone');
  messageId = accepted.messageId;
  await ask(ann, 'HistoryService/ListMessages', { conversationId, atLeastSequence: reply.sequence });
});
afterAll(() => server?.[Symbol.asyncDispose]());

async function signed(method: string, userName: string): Promise<Person> {
  return (await ask(undefined, `AccountService/${method}`, { userName, password })).tokens;
}

/** The answer to a call, or how it was refused. */
async function ask(person: Person | undefined, name: string, request: object): Promise<Dynamic> {
  const [service, method = ''] = name.split('/');
  const client = clientOf(`chat.v1.${service}`, server.address);
  try {
    return await call(client, method, request, undefined, withToken(person?.accessToken));
  } catch (error) {
    return error;
  } finally {
    hangUp(client);
  }
}

/** Each call of the two services, about what is Ann's. The deletion last. */
const ofConversations: readonly (readonly [string, () => object])[] = [
  ['HistoryService/ListConversations', () => ({ clientId: ann.clientId })],
  ['HistoryService/GetConversation', () => ({ conversationId })],
  ['HistoryService/ListMessages', () => ({ conversationId })],
  ['HistoryService/SearchMessages', () => ({ clientId: ann.clientId, query: 'xylophone' })],
  ['HistoryService/RenameConversation', () => ({ conversationId, title: 'Music' })],
  ['HistoryService/DeleteConversation', () => ({ conversationId })],
];
const ofOperators: readonly (readonly [string, () => object])[] = [
  ['SpendingService/SetPriceList', () => ({ currency: 'EUR', prices: [] })],
  ['SpendingService/GetPriceList', () => ({})],
  [
    'SpendingService/SetBudget',
    () => ({ scope: 'BUDGET_SCOPE_ALL', period: 'BUDGET_PERIOD_DAY', unit: 'BUDGET_UNIT_COST', amount: 5 }),
  ],
  ['SpendingService/ListBudgets', () => ({})],
  ['OperationsService/GetUsage', () => ({})],
  ['OperationsService/ListActiveConnections', () => ({})],
  ['OperationsService/ExplainMessage', () => ({ messageId })],
  ['OperationsService/ListParked', () => ({})],
  ['OperationsService/ReplayParked', () => ({ messageId })],
  ['OperationsService/DisconnectClient', () => ({ clientId: ann.clientId, reason: 'none' })],
];

describe('with authentication on', () => {
  test.each([...ofConversations, ...ofOperators])('%s needs a token', async (name, request) => {
    expect(await ask(undefined, name, request())).toMatchObject(noToken);
    expect(await ask({ clientId: '', accessToken: 'forged' }, name, request())).toMatchObject(noToken);
  });

  test.each(ofConversations)('%s gives nobody what is another’s, operators included', async (name, request) => {
    for (const person of [bob, olga]) expect(await ask(person, name, request())).toMatchObject(notYours);
  });

  test.each(ofOperators)('%s is refused without the role', async (name, request) => {
    expect(await ask(ann, name, request())).toMatchObject(forOperators);
  });

  test('a client that names nobody has its own, and only that', async () => {
    expect(await ask(bob, 'HistoryService/ListConversations', {})).toMatchObject({ conversations: [] });
    expect(await ask(bob, 'HistoryService/SearchMessages', { query: 'xylophone' })).toMatchObject({ messages: [] });
    const { conversations } = await ask(ann, 'HistoryService/ListConversations', {});
    expect(conversations).toMatchObject([{ conversationId, clientId: ann.clientId }]);
    const { messages } = await ask(ann, 'HistoryService/SearchMessages', { query: 'xylophone' });
    expect(messages.map((message: Dynamic) => message.messageId)).toContain(messageId);
  });

  test('QueryUsage tells operators of everybody, others of themselves', async () => {
    const question = { groupBy: ['USAGE_GROUPING_CLIENT'] };
    const clientsOf = ({ rows }: Dynamic) => rows.map((row: Dynamic) => row.clientId);
    expect(await ask(undefined, 'UsageService/QueryUsage', question)).toMatchObject(noToken);
    expect(clientsOf(await ask(olga, 'UsageService/QueryUsage', question))).toEqual([ann.clientId]);
    expect(clientsOf(await ask(ann, 'UsageService/QueryUsage', question))).toEqual([ann.clientId]);
    expect(clientsOf(await ask(bob, 'UsageService/QueryUsage', question))).toEqual([]);
    const others = { filter: `client = "${ann.clientId}"` };
    expect(await ask(bob, 'UsageService/QueryUsage', others)).toMatchObject(notYours);
  });

  test('GetBudget tells operators of anybody, others of themselves', async () => {
    const ofAnn = { clientId: ann.clientId };
    for (const person of [olga, ann])
      expect(await ask(person, 'SpendingService/GetBudget', ofAnn)).toEqual({ budgets: [] });
    expect(await ask(bob, 'SpendingService/GetBudget', ofAnn)).toMatchObject(notYours);
    expect(await ask(undefined, 'SpendingService/GetBudget', ofAnn)).toMatchObject(noToken);
  });

  test('a budget of a group counts what its members say together, and of nobody else', async () => {
    for (const name of ['bob', 'olga'])
      await runParley(['user', 'set-group', name, 'team'], { PARLEY_DATA_DIR: server.dataDir });
    const budget = { scope: 'BUDGET_SCOPE_GROUP', group: 'team', period: 'BUDGET_PERIOD_MONTH' };
    expect(await ask(olga, 'SpendingService/SetBudget', { ...budget, amount: 1 })).toEqual({});
    await using testSessions = new TestSessions(server, 'split');
    const says = async ({ accessToken }: Person) => {
      const session = testSessions.dial({ clientId: '' }, accessToken);
      await session.welcome();
      await session.ask('One for all.');
      await session.goodbye();
    };
    await says(olga);
    await expect(says(bob)).rejects.toMatchObject({ reason: 'BUDGET_EXHAUSTED' });
    await runParley(['user', 'set-group', 'olga'], { PARLEY_DATA_DIR: server.dataDir });
    await says(olga);
    const { budgets } = await ask(bob, 'SpendingService/GetBudget', {});
    expect(budgets).toMatchObject([{ ...budget, amount: 1 }]);
    expect(budgets[0].left).toBeUndefined();
    expect(await ask(olga, 'SpendingService/ListBudgets', {})).toMatchObject({ budgets: [{ ...budget, left: 0 }] });
    await ask(olga, 'SpendingService/SetBudget', budget);
    const byGroup = { groupBy: ['USAGE_GROUPING_GROUP'], filter: 'group = team' };
    const { rows } = await eventually(
      () => ask(olga, 'UsageService/QueryUsage', byGroup),
      (report) => report.total.completed === 1,
    );
    expect(rows).toMatchObject([{ group: 'team', completed: 1, clientId: '' }]);
  });

  test('operators are answered', async () => {
    expect(await ask(olga, 'OperationsService/GetUsage', {})).toMatchObject({ maxClients: 50 });
    expect(await ask(olga, 'OperationsService/ListActiveConnections', {})).toMatchObject({ nextPageToken: '' });
    expect((await ask(olga, 'OperationsService/ExplainMessage', { messageId })).steps).toHaveLength(3);
    expect(await ask(olga, 'OperationsService/ListParked', {})).toEqual({ parked: [], nextPageToken: '' });
    const answered = await ask(olga, 'OperationsService/ReplayParked', { messageId });
    expect(answered).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'NOT_REPLAYABLE' });
    const nobody = await ask(olga, 'OperationsService/DisconnectClient', { clientId: 'nobody' });
    expect(nobody).toMatchObject({ reason: 'NOT_FOUND' });
  });

  test('owners rename and delete', async () => {
    const renamed = await ask(ann, 'HistoryService/RenameConversation', { conversationId, title: 'Music' });
    expect(renamed).toMatchObject({ conversation: { title: 'Music' } });
    expect(await ask(ann, 'HistoryService/DeleteConversation', { conversationId })).toEqual({});
    expect(await ask(ann, 'HistoryService/ListConversations', {})).toMatchObject({ conversations: [] });
  });
});
