import type { ClientReadableStream, StatusObject } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  CallRefused,
  type ContractField,
  call,
  clientOf,
  type Dynamic,
  type DynamicClient,
  fieldsOf,
  hangUp,
} from '../testing/contract.ts';
import { type ParleyServer, startServer } from '../testing/server.ts';
import { bidi, TestSessions } from '../testing/test-sessions.ts';

/*
 * Every field of every request at its extremes. Causes found so far: a `wait_for_slot` with a fraction of a millisecond was no integer
 * for the log, and INTERNAL.
 */

const maxInt64 = '9223372036854775807';
const minInt64 = '-9223372036854775808';

/** Page tokens as the server makes them, of places that it never gave. */
const forgedTokens = ['conversations/extreme', 'connections', 'search/extreme/hello'].flatMap((list) =>
  [[list, {}, 1], [list, -1, ''], [list, null, null], [list, 1e308, 'x'], [list, '\u0000', []], [list]].map((token) =>
    btoa(encodeURIComponent(JSON.stringify(token))),
  ),
);

/** Of fields that are no messages. */
const scalars: Readonly<Record<string, readonly unknown[]>> = {
  TYPE_STRING: [
    '',
    ' ',
    '\0',
    '../..',
    '\ud800',
    '\u202e',
    'x'.repeat(129),
    'x'.repeat(100_000),
    '%00',
    '{}',
    ...forgedTokens,
  ],
  TYPE_INT32: [0, 1, -1, 2 ** 31 - 1, -(2 ** 31)],
  TYPE_INT64: ['0', '1', '-1', '9007199254740991', '9007199254740992', '9007199254740993', maxInt64, minInt64],
  TYPE_BOOL: [true, false],
  TYPE_BYTES: [Buffer.alloc(0), Buffer.alloc(1), Buffer.alloc(31), Buffer.alloc(33), Buffer.alloc(100_000, 255)],
  TYPE_ENUM: [0, 1, 2, 3, 4, 99, -1, 2 ** 31 - 1],
};

/** Of well-known messages: what is out of range, too. */
const moments = [
  ...['0', '1', '-1', '253402300800', '315576000001', '8640000000001', '9007199254740993', maxInt64, minInt64].flatMap(
    (seconds) =>
      [0, 1, -1, 1_500, 567_800_000, 999_999_999, 2 ** 31 - 1, -(2 ** 31)].map((nanos) => ({ seconds, nanos })),
  ),
];

function extremesOf({ type, typeName, isRepeated }: ContractField, normal: Dynamic): readonly unknown[] {
  const values = scalars[type] ?? [];
  if (type !== 'TYPE_MESSAGE') return isRepeated ? [[], values, ...values.map((value) => [value])] : values;
  if (typeName.startsWith('google.protobuf.')) return [undefined, {}, ...moments];
  const one = isRepeated ? normal?.[0] : normal;
  const varied = variationsOf(typeName, one ?? {});
  return isRepeated
    ? [[], ...varied.map((item) => [item]), Array.from({ length: 17 }, () => one ?? {})]
    : [undefined, ...varied];
}

/** The request with each of its fields at each of its extremes, one at a time. */
function variationsOf(typeName: string, normal: Dynamic): Dynamic[] {
  const fields = fieldsOf(typeName);
  return [
    {},
    ...fields.flatMap((field) => extremesOf(field, normal[field.name]).map((value) => varied(normal, field, value))),
  ];
}

/** Of a oneof the field takes the place of the others. */
function varied(normal: Dynamic, { name }: ContractField, value: unknown): Dynamic {
  const exclusive = ['text', 'media', 'place', 'messageId'].includes(name) && !('sessionId' in normal);
  return exclusive ? { [name]: value } : { ...normal, [name]: value };
}

let server: ParleyServer;
let withAccounts: ParleyServer;
const clients: DynamicClient[] = [];

beforeAll(async () => {
  server = await startServer({ env: { PARLEY_SIMULATED_TEXT_DELAY_MS: '0' } });
  withAccounts = await startServer({ env: { PARLEY_AUTH: 'accounts' } });
});
afterAll(async () => {
  for (const client of clients) hangUp(client);
  await server?.[Symbol.asyncDispose]();
  await withAccounts?.[Symbol.asyncDispose]();
});

function client(service: string, of = server): DynamicClient {
  const made = clientOf(service, of.address);
  clients.push(made);
  return made;
}

/** What is wrong with how a call was refused: nothing but a reason of the catalogue may be told. */
function problemOf(refused: CallRefused): string | undefined {
  if (refused.reason !== '' && refused.code !== 'INTERNAL' && refused.code !== 'UNKNOWN') return undefined;
  return refused.message;
}

function shown(request: unknown): string {
  return JSON.stringify(request, (_, value) =>
    typeof value === 'string' && value.length > 40 ? value.slice(0, 40) : value,
  );
}

const hello = { clientId: 'extreme', timeZone: 'Europe/Paris' };
const message = { clientMessageId: 'm', parts: [{ text: 'hello' }] };
const media = {
  kind: 2,
  contentType: 'audio/mpeg',
  inlineData: Buffer.alloc(10),
  mediaId: '',
  sizeBytes: '10',
  sha256: Buffer.alloc(32),
};

/** Calls that answer once, with a request that is in order. `session` and `conversation` are filled in. */
const unaryCalls: readonly (readonly [service: string, method: string, normal: object])[] = [
  [
    'ChatService',
    'Join',
    { sessionId: 'session', conversation: { conversationId: 'conversation', afterSequence: '0' } },
  ],
  ['ChatService', 'Send', { sessionId: 'session', message }],
  ['ChatService', 'Send', { sessionId: 'session', message: { ...message, parts: [{ media }] } }],
  ['ChatService', 'StopReply', { sessionId: 'session', messageId: 'm' }],
  ['ChatService', 'Heartbeat', { sessionId: 'session' }],
  ['HistoryService', 'ListConversations', { clientId: 'extreme' }],
  ['HistoryService', 'GetConversation', { conversationId: 'conversation' }],
  ['HistoryService', 'ListMessages', { conversationId: 'conversation' }],
  ['HistoryService', 'SearchMessages', { clientId: 'extreme', query: 'hello' }],
  ['HistoryService', 'RenameConversation', { conversationId: 'conversation', title: 'title' }],
  ['HistoryService', 'DeleteConversation', { conversationId: 'nobody' }],
  [
    'MediaService',
    'CreateUpload',
    { clientId: 'extreme', kind: 2, contentType: 'audio/mpeg', sizeBytes: '10', sha256: Buffer.alloc(32) },
  ],
  ['MediaService', 'GetMedia', { mediaId: 'm' }],
  ['UsageService', 'QueryUsage', { filter: 'client = "extreme"', groupBy: [1, 3] }],
  ['SpendingService', 'GetPriceList', {}],
  ['SpendingService', 'GetBudget', { clientId: 'extreme' }],
  ['SpendingService', 'ListBudgets', {}],
  // Of somebody who says nothing: the others go on.
  ['SpendingService', 'SetBudget', { scope: 3, clientId: 'silent', period: 4, unit: 1, amount: 1_000_000_000 }],
  [
    'SpendingService',
    'SetPriceList',
    { currency: 'EUR', prices: [{ provider: 'simulated', model: 'simulated', inputPerMillion: 1 }] },
  ],
  ['OperationsService', 'GetUsage', {}],
  ['OperationsService', 'ListActiveConnections', {}],
  ['OperationsService', 'DisconnectClient', { clientId: 'nobody', reason: 'r' }],
  ['OperationsService', 'ExplainMessage', { messageId: 'm' }],
  ['OperationsService', 'ListParked', {}],
  ['OperationsService', 'ReplayParked', { place: { topic: 'parley.conversations', partition: 0, offset: '0' } }],
];

/** The same of a server that keeps accounts. */
const accountCalls: readonly (readonly [method: string, normal: object])[] = [
  ['SignUp', { userName: 'somebody', password: 'a long password' }],
  ['SignIn', { userName: 'somebody', password: 'password' }],
  ['RefreshTokens', { refreshToken: 't' }],
  ['SignOut', { refreshToken: 't' }],
  ['SignOutEverywhere', {}],
  ['ChangePassword', { oldPassword: 'a long password', newPassword: 'another password' }],
  ['DescribeSignIn', {}],
];

/** Makes the call with each of the requests; tells what was neither answered nor refused as the contract says. */
async function problemsOf(called: DynamicClient, method: string, requests: readonly Dynamic[]): Promise<string[]> {
  const problems: string[] = [];
  for (const request of requests) {
    await call(called, method, request).catch((error: CallRefused) => {
      const problem = problemOf(error);
      if (problem !== undefined) problems.push(`${shown(request)}: ${problem}`);
    });
  }
  return problems;
}

describe('a request with any field at its extremes is answered, or refused with a reason', () => {
  test.each(unaryCalls)('%s.%s', async (service, method, normal) => {
    await using testSessions = new TestSessions(server, 'split');
    const { welcome } = await testSessions.connect();
    const at = JSON.parse(JSON.stringify(normal), (_, value) => {
      if (value?.type === 'Buffer') return Buffer.from(value.data);
      if (value === 'session') return welcome.sessionId;
      return value === 'conversation' ? welcome.conversationId : value;
    });
    const requests = variationsOf(`chat.v1.${method}Request`, at);
    expect(await problemsOf(client(`chat.v1.${service}`), method, requests)).toEqual([]);
  });

  test.each(accountCalls)('AccountService.%s', async (method, normal) => {
    const called = client('chat.v1.AccountService', withAccounts);
    expect(await problemsOf(called, method, variationsOf(`chat.v1.${method}Request`, normal))).toEqual([]);
  });

  test('ChatService.Open', async () => {
    const called = client('chat.v1.ChatService');
    const problems: string[] = [];
    let count = 0;
    for (const request of variationsOf('chat.v1.OpenRequest', { hello })) {
      count += 1;
      const own =
        request.hello?.clientId === 'extreme' ? { hello: { ...request.hello, clientId: `c${count}` } } : request;
      const refused = await opened(called['Open'](own));
      const problem = refused && problemOf(refused);
      if (problem !== undefined) problems.push(`${shown(request)}: ${problem}`);
    }
    expect(problems).toEqual([]);
  });

  test('ChatService.Chat', async () => {
    const frames = variationsOf('chat.v1.ChatRequest', {}).filter((frame) => frame.goodbye === undefined);
    const withMedia = variationsOf('chat.v1.Media', media).map((one) => ({
      message: { ...message, parts: [{ media: one }] },
    }));
    const problems: string[] = [];
    await using testSessions = new TestSessions(server, 'bidi');
    let session = bidi((await testSessions.connect()).session);
    for (const frame of [...frames, ...withMedia]) {
      session.frame(frame);
      const refused = await session.ping().then(
        () => undefined,
        () => session.ended,
      );
      const problem = refused && problemOf(refused);
      if (problem !== undefined) problems.push(`${shown(frame)}: ${problem}`);
      const internal = session.all('rejected').find(({ reason }) => reason === 'INTERNAL');
      if (internal) problems.push(`${shown(frame)}: rejected as INTERNAL`);
      if (session.isOver || internal) session = bidi((await testSessions.connect()).session);
    }
    expect(problems).toEqual([]);
    await session.ask('the server goes on');
  });
});

/** How the stream was refused; undefined: it was welcomed, and hung up. */
function opened(stream: ClientReadableStream<Dynamic>): Promise<CallRefused | undefined> {
  return new Promise((resolve) => {
    stream.on('error', () => undefined);
    stream.once('data', () => {
      resolve(undefined);
      stream.cancel();
    });
    stream.once('status', (status: StatusObject) => resolve(new CallRefused(status)));
  });
}
