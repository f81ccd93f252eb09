import * as grpc from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import {
  RefreshTokensRequest,
  SignInRequest,
  SignOutRequest,
  SignUpRequest,
  Tokens,
} from '../gen/chat/v1/account_service.ts';
import { withToken } from '../testing/black-box-client.ts';
import { type CallRefused, call, clientOf, type Dynamic, type DynamicClient, hangUp } from '../testing/contract.ts';
import { seededRandom } from '../testing/random.ts';
import { rounds } from '../testing/rounds.ts';
import { type ParleyServer, startServer } from '../testing/server.ts';
import { TestSessions } from '../testing/test-sessions.ts';

jest.setTimeout(300_000);

const hostileRequests = rounds({ usual: 2_000, long: 5_000 });
const hostileTokens = rounds({ usual: 2_000, long: 5_000 });
const callsAtOnce = 50;
const callsPerConnection = 100;
/** Far beyond what any answer takes: a hash waits for its turn for some seconds at most. */
const hangsAfterMs = 60_000;
const password = 'correct horse';
const secret = 'The treasure is under the old oak';

/** An account with something to steal. */
interface Person {
  readonly clientId: string;
  accessToken: string;
  refreshToken: string;
  conversationId: string;
}

let server: ParleyServer;
let accounts: DynamicClient;
let history: DynamicClient;
let alice: Person;
let mallory: Person;
let random: () => number;

beforeAll(async () => {
  random = seededRandom();
  server = await startServer({ env: { PARLEY_AUTH: 'accounts', PARLEY_SIMULATED_TEXT_DELAY_MS: '0' } });
  accounts = clientOf('chat.v1.AccountService', server.address);
  history = clientOf('chat.v1.HistoryService', server.address);
  [alice, mallory] = [await person('alice', secret), await person('mallory', 'Nothing much')];
});
/** After everything alice, who did nothing wrong, is served as before, and the server has nothing to complain of. */
afterEach(async () => {
  const { tokens } = await call(accounts, 'RefreshTokens', { refreshToken: alice.refreshToken });
  Object.assign(alice, tokens);
  const { messages } = await list(alice.conversationId, withToken(alice.accessToken));
  expect(messages).toHaveLength(2);
  expect(server.stderr()).not.toMatch(/unexpected error|fatal error/);
});
afterAll(async () => {
  hangUp(accounts);
  hangUp(history);
  await server?.[Symbol.asyncDispose]();
});

async function person(userName: string, says: string): Promise<Person> {
  const { tokens } = await call(accounts, 'SignUp', { userName, password });
  await using testSessions = new TestSessions(server, 'bidi');
  const session = testSessions.dial({ clientId: '' }, tokens.accessToken);
  const { conversationId } = await session.welcome();
  await session.ask(says);
  return { ...tokens, conversationId };
}

const list = (conversationId: string, metadata: grpc.Metadata, client = history): Promise<Dynamic> =>
  call(client, 'ListMessages', { conversationId }, hangsAfterMs, metadata);

/** So many calls, some at once, a hundred on each connection: Node ends one whose calls fail by the thousand in a second or two. */
async function onConnections(
  calls: number,
  service: string,
  one: (client: DynamicClient, index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < calls) {
      const client = clientOf(service, server.address);
      for (let used = 0; used < callsPerConnection && next < calls; used += 1) await one(client, next++);
      hangUp(client);
    }
  };
  await Promise.all(Array.from({ length: callsAtOnce }, lane));
}

const below = (limit: number) => Math.floor(random() * limit);
const oneOf = <T>(...choices: readonly T[]): T => choices[below(choices.length)] as T;

/** What people who look for weaknesses write. */
function nasty(): string {
  return oneOf<() => string>(
    () => '',
    () => "' OR '1'='1' --",
    () => "alice'; DELETE FROM accounts; --",
    () => '../../accounts.db',
    () => 'alice\u0000',
    () => 'alice ',
    () => 'аlice',
    () => 'ALICE%',
    () => '{"$ne":null}',
    () => '%24%7Bjndi:ldap://127.0.0.1/a%7D',
    () => '__proto__',
    () => '\u202ealice\ufeff',
    () => '😀'.repeat(below(300)),
    () => 'x'.repeat(below(200_000)),
    () => String.fromCodePoint(...Array.from({ length: below(40) }, () => below(0xd800))),
    () => changed(oneOf(alice.clientId, mallory.refreshToken, alice.accessToken)),
  )();
}

/** Flips, drops, inserts and cuts bytes, one to four times. */
function mutated(bytes: Buffer): Buffer {
  let result = Buffer.from(bytes);
  for (let times = 1 + below(4); times > 0; times -= 1) {
    const at = below(result.length + 1);
    const junk = Buffer.from([below(256)]);
    result = oneOf(
      Buffer.concat([result.subarray(0, at), junk, result.subarray(at + 1)]),
      Buffer.concat([result.subarray(0, at), result.subarray(at + 1)]),
      Buffer.concat([result.subarray(0, at), junk, result.subarray(at)]),
      result.subarray(0, at),
      Buffer.concat([result, result]),
    );
  }
  return result;
}

function hostileRequest(index: number): readonly [string, Uint8Array] {
  const name = () => oneOf(nasty(), 'alice', 'mallory', 'nobody');
  // A few that are well formed: each costs the server a hash.
  const fresh = index % 100 === 0;
  const method = fresh ? 'SignUp' : oneOf('SignUp', 'SignIn', 'RefreshTokens', 'SignOut');
  const bytes = {
    SignUp: () =>
      fresh
        ? SignUpRequest.encode({ userName: `sock-puppet-${index}`, password }).finish()
        : SignUpRequest.encode({ userName: name(), password: nasty() }).finish(),
    SignIn: () => SignInRequest.encode({ userName: name(), password: nasty() }).finish(),
    RefreshTokens: () => RefreshTokensRequest.encode({ refreshToken: nasty() }).finish(),
    SignOut: () => SignOutRequest.encode({ refreshToken: nasty() }).finish(),
  }[method]();
  return [method, fresh || random() < 0.5 ? bytes : mutated(Buffer.from(bytes))];
}

/** Sends bytes as they are; answers with the status and the bytes that came back. */
function send(
  client: DynamicClient,
  method: string,
  bytes: Uint8Array,
): Promise<{ readonly code: string; readonly answer: Buffer }> {
  return new Promise((resolve) => {
    const same = (value: Buffer) => value;
    let answer: Buffer = Buffer.alloc(0);
    client
      .makeUnaryRequest(
        `/chat.v1.AccountService/${method}`,
        same,
        same,
        Buffer.from(bytes),
        { deadline: Date.now() + hangsAfterMs },
        (_error: unknown, value?: Buffer) => {
          answer = value ?? answer;
        },
      )
      .on('status', ({ code }) => resolve({ code: grpc.status[code] ?? String(code), answer }));
  });
}

const count = (counts: Map<string, number>, key: string) => counts.set(key, (counts.get(key) ?? 0) + 1);

test(`${hostileRequests} hostile requests for accounts: each ends with a status, and none with tokens of somebody else`, async () => {
  const codes = new Map<string, number>();
  const clientIds: string[] = [];
  await onConnections(hostileRequests, 'chat.v1.AccountService', async (client, index) => {
    const [method, bytes] = hostileRequest(index);
    const { code, answer } = await send(client, method, bytes);
    count(codes, code);
    if (code !== 'OK' || method === 'SignOut') return;
    expect(method).toBe('SignUp');
    clientIds.push(tokensIn(answer).clientId);
  });
  console.info(`statuses of hostile requests: ${JSON.stringify(Object.fromEntries(codes))}`);
  const expected = ['OK', 'INVALID_ARGUMENT', 'UNAUTHENTICATED', 'ALREADY_EXISTS', 'RESOURCE_EXHAUSTED'];
  expect([...codes.keys()].filter((code) => !expected.includes(code))).toEqual([]);
  expect(clientIds.length).toBeGreaterThan(0);
  expect(new Set([...clientIds, alice.clientId, mallory.clientId]).size).toBe(clientIds.length + 2);
});

/** A SignUpResponse is one field, Tokens: its tag and length come first. */
function tokensIn(response: Buffer): Tokens {
  const lengthEnd = response.subarray(1).findIndex((byte) => byte < 0x80) + 2;
  return Tokens.decode(response.subarray(lengthEnd));
}

const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Something that is not a token of alice's, but would be nice to have. */
function hostileToken(): string {
  const [header = '', claims = '', signature = ''] = alice.accessToken.split('.');
  const [, , othersSignature = ''] = mallory.accessToken.split('.');
  const operator = base64url({ ...decodeJwt(mallory.accessToken), role: 'operator', sub: alice.clientId });
  const headed = (more: object) => base64url({ ...decodeProtectedHeader(alice.accessToken), ...more });
  return oneOf<() => string>(
    () => changed(alice.accessToken),
    () => `${header}.${claims}.${othersSignature}`,
    () => `${header}.${operator}.${oneOf(signature, othersSignature, '')}`,
    () => `${headed({ alg: oneOf('none', 'HS256', 'RS256', '', 'eddsa') })}.${claims}.${oneOf(signature, '')}`,
    () =>
      `${headed({ kid: oneOf<unknown>(1, null, {}, ['x'], { toString: 1 }, '', 'x'.repeat(43)) })}.${claims}.${signature}`,
    () => `${headed({ crit: ['exp'] })}.${claims}.${signature}`,
    () => `${header}.${base64url(oneOf<unknown>(null, 1, [], 'claims', {}))}.${signature}`,
    () => oneOf('.', '..', '...', '-', '='.repeat(below(50)), 'a.b.c', 'a'.repeat(1 + below(6_000))),
    () => asHeader(Buffer.from(nasty().slice(0, 4_000))),
    () => alice.refreshToken,
  )();
}

/** Another token: the last character of a signature has bits that mean nothing, so it is left out. */
function changed(token: string): string {
  const whole = token.slice(0, -1);
  for (;;) {
    const other = asHeader(mutated(Buffer.from(whole)));
    if (!other.startsWith(whole)) return other;
  }
}

/** What a header may carry. */
function asHeader(bytes: Buffer): string {
  return bytes.toString('latin1').replace(/[^\x20-\x7e]/g, '~');
}

/** The status of a call with this token, by one scheme or another. */
async function codeOf(client: DynamicClient, token: string): Promise<string> {
  const scheme = oneOf('Bearer ', 'Bearer ', 'Bearer ', 'bearer ', 'Basic ', '', 'Bearer');
  const metadata = new grpc.Metadata();
  // Space at the ends is an error of HTTP/2, and never reaches a call.
  metadata.set('authorization', `${scheme}${token}`.trim());
  const answer = await list(alice.conversationId, metadata, client).catch((error: CallRefused) => error);
  return (answer as CallRefused).code ?? 'OK';
}

test(`${hostileTokens} hostile tokens: nobody is let in, and nobody sees what is another's`, async () => {
  const codes = new Map<string, number>();
  await onConnections(hostileTokens, 'chat.v1.HistoryService', async (client) =>
    count(codes, await codeOf(client, hostileToken())),
  );
  console.info(`statuses of hostile tokens: ${JSON.stringify(Object.fromEntries(codes))}`);
  expect([...codes.keys()]).toEqual(['UNAUTHENTICATED']);
});

test('a token of her own shows mallory nothing of what alice said', async () => {
  const metadata = withToken(mallory.accessToken);
  const asked: readonly (readonly [string, object])[] = [
    ['ListMessages', { conversationId: alice.conversationId }],
    ['GetConversation', { conversationId: alice.conversationId }],
    ['ListConversations', { clientId: alice.clientId }],
    ['SearchMessages', { clientId: alice.clientId, query: 'treasure' }],
    ['SearchMessages', { query: 'treasure' }],
    ['ListConversations', {}],
  ];
  for (const [method, request] of asked) {
    const answer = await call(history, method, request, hangsAfterMs, metadata).catch((error: CallRefused) => error);
    const told = answer instanceof Error ? `${answer.name} ${answer.message}` : JSON.stringify(answer);
    expect(told).not.toMatch(/treasure/);
    expect(told).not.toContain(alice.clientId);
  }
});
