import { randomUUID } from 'node:crypto';
import { Metadata } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { decodeJwt } from 'jose';
import { MessageRefused, type Session, type Shape, shapes, withToken } from '../testing/black-box-client.ts';
import {
  CallRefused,
  call,
  clientOf,
  type Dynamic,
  type DynamicClient,
  hangUp,
  timestampMs,
} from '../testing/contract.ts';
import { inlinePart, voice } from '../testing/media-samples.ts';
import { type ParleyServer, startServer } from '../testing/server.ts';
import { bidi, eventually, refusalOf, TestSessions } from '../testing/test-sessions.ts';
import { mediaCall, reserve, upload } from '../testing/uploads.ts';

const atOnce = { PARLEY_SIMULATED_TEXT_DELAY_MS: '0', PARLEY_SIMULATED_VOICE_DELAY_MS: '0' };

let server: ParleyServer;
let chat: DynamicClient;
let ann: Person;
let bob: Person;

beforeAll(async () => {
  server = await startServer({ env: { PARLEY_AUTH: 'accounts', ...atOnce } });
  chat = clientOf('chat.v1.ChatService', server.address);
  [ann, bob] = [await somebody(server), await somebody(server)];
});
afterAll(async () => {
  hangUp(chat);
  await server?.[Symbol.asyncDispose]();
});

interface Person {
  readonly address: string;
  readonly clientId: string;
  readonly accessToken: string;
  readonly refreshToken: string;
}

/** Somebody with an account of their own, just signed in. */
function somebody({ address }: ParleyServer): Promise<Person> {
  return tokensFrom(address, 'SignUp', { userName: `u${randomUUID().slice(1)}`, password: 'a long password' });
}

/** The same with a token that is made now. */
function refresh({ address, refreshToken }: Person): Promise<Person> {
  return tokensFrom(address, 'RefreshTokens', { refreshToken });
}

async function tokensFrom(address: string, method: string, request: object): Promise<Person> {
  const accounts = clientOf('chat.v1.AccountService', address);
  try {
    return { address, ...(await call(accounts, method, request)).tokens };
  } finally {
    hangUp(accounts);
  }
}

/** A session of the person, whose former one may just be ending. */
async function open(
  testSessions: TestSessions,
  person: Person,
  hello: object = {},
): Promise<{ session: Session; welcome: Dynamic }> {
  for (;;) {
    const session = testSessions.dial({ clientId: '', ...hello }, person.accessToken);
    const welcome = await session.welcome().catch((error: unknown) => {
      if (error instanceof CallRefused && error.reason === 'ALREADY_CONNECTED') return undefined;
      throw error;
    });
    if (welcome !== undefined) return { session, welcome };
  }
}

async function refused(answer: Promise<unknown>): Promise<CallRefused | MessageRefused> {
  const error = await answer.then(
    () => new Error('it was taken'),
    (reason: unknown) => reason,
  );
  if (error instanceof CallRefused || error instanceof MessageRefused) return error;
  throw error;
}

const unauthenticated = { code: 'UNAUTHENTICATED', reason: 'UNAUTHENTICATED', domain: 'parley' };

describe.each(shapes)('with authentication on (%s)', (shape) => {
  test.each([
    ['no token', undefined],
    ['a token that is none', 'not.a.token'],
  ])('a session with %s is refused', async (_what, accessToken) => {
    await using testSessions = new TestSessions(server, shape);
    expect(await refusalOf(testSessions.dial({}, accessToken))).toMatchObject(unauthenticated);
  });

  test('a second device of an account takes the session over when asked to, and only from its own', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session: first } = await open(testSessions, ann);
    await first.ask('Hello');
    const { session: others } = await open(testSessions, bob);
    expect(await refusalOf(testSessions.dial({ clientId: '' }, ann.accessToken))).toMatchObject({
      reason: 'ALREADY_CONNECTED',
    });
    const second = testSessions.dial({ clientId: '', takeOver: true }, ann.accessToken);
    await second.welcome();
    expect(await refusalOf(first)).toMatchObject({ code: 'ABORTED', reason: 'SESSION_TAKEN_OVER' });
    await second.ping();
    await others.ping();
  });

  test('a session is of the client that the token names, whether the hello says so or not', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session, welcome } = await open(testSessions, ann);
    await session.ask('Hello');
    await session.goodbye();
    const { conversationId } = welcome;
    const again = await open(testSessions, ann, { clientId: ann.clientId, conversationId });
    expect(again.welcome.conversationId).toBe(conversationId);
    const other = await refusalOf(testSessions.dial({ clientId: 'somebody-else' }, ann.accessToken));
    expect(other).toMatchObject({ code: 'PERMISSION_DENIED', reason: 'NOT_YOURS' });
  });

  test("somebody else's conversation is not to be had", async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session, welcome } = await open(testSessions, ann);
    await session.ask('This is mine');
    const { conversationId } = welcome;
    const hello = testSessions.dial({ clientId: '', conversationId }, bob.accessToken);
    expect(await refusalOf(hello)).toMatchObject({ reason: 'NOT_YOURS' });
    const { session: bobs } = await open(testSessions, bob);
    const joined = shape === 'split' ? refused(bobs.join(conversationId)) : refusalOf(joining(bobs, conversationId));
    expect(await joined).toMatchObject({ reason: 'NOT_YOURS' });
  });

  test("somebody else's media are as unknown as those that never were", async () => {
    await using testSessions = new TestSessions(server, shape);
    const mediaId = await upload({ ...ann, clientId: '' }, voice);
    const { session } = await open(testSessions, bob);
    expect(await refused(session.say([{ media: { mediaId } }], 'a'))).toMatchObject({ reason: 'MEDIA_NOT_FOUND' });
    expect(await refused(mediaCall(bob, 'GetMedia', { mediaId }))).toMatchObject({ reason: 'NOT_FOUND' });
    expect(await refused(reserve(bob, voice, { clientId: ann.clientId }))).toMatchObject({ reason: 'NOT_YOURS' });
    expect((await mediaCall(ann, 'GetMedia', { mediaId })).media.mediaId).toBe(mediaId);
    const { session: anns } = await open(testSessions, ann);
    const said = await anns.say([{ media: { mediaId } }, inlinePart(voice)], 'a');
    const shown = (await anns.reply(said.messageId)).messageId;
    expect(shown).not.toBe('');
  });

  test('a resume token takes nothing over for another client than its own', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session, welcome } = await open(testSessions, ann);
    await session.ask('Hello');
    const { resumeToken, conversationId } = welcome;
    const stolen = testSessions.dial({ clientId: '', resumeToken, conversationId }, bob.accessToken);
    expect(await refusalOf(stolen)).toMatchObject({ reason: 'NOT_YOURS' });
    const own = await open(testSessions, bob, { resumeToken });
    expect(own.welcome.conversationId).not.toBe(conversationId);
    expect((await session.ask('Still mine')).reply.conversationId).toBe(conversationId);
  });
});

/** The session once it has asked, on its stream, for the conversation. */
function joining(session: Session, conversationId: string): Session {
  bidi(session).frame({ join: { conversationId } });
  return session;
}

describe('the bidirectional stream', () => {
  test('takes frames that come while the token is looked at in their order', async () => {
    await using testSessions = new TestSessions(server, 'bidi');
    // Somebody new: ann's session of the test before may just be ending.
    const session = bidi(testSessions.dial({ clientId: '' }, (await somebody(server)).accessToken));
    for (const index of [1, 2, 3]) session.frame({ message: { clientMessageId: `${index}`, parts: [{ text: 'Hi' }] } });
    session.frame({ ping: {} });
    await session.find('accepted', ({ clientMessageId }) => clientMessageId === '3');
    expect(session.all('accepted').map(({ clientMessageId }) => clientMessageId)).toEqual(['1', '2', '3']);
    await session.find('pong');
    // A ping is answered at once, whatever else is under way.
    expect(session.events.find(({ event }) => event !== 'pong').event).toBe('welcome');
  });

  test('is refused with a token of another scheme', async () => {
    const metadata = new Metadata();
    metadata.set('authorization', `Basic ${ann.accessToken}`);
    const ended = new Promise<CallRefused>((resolve) => {
      chat['Chat'](metadata)
        .on('data', () => {})
        .on('error', (error: ConstructorParameters<typeof CallRefused>[0]) => resolve(new CallRefused(error)));
    });
    expect(await ended).toMatchObject(unauthenticated);
  });

  test("ends when it is shown somebody else's token, or one that is none", async () => {
    await using testSessions = new TestSessions(server, 'bidi');
    for (const [token, why] of [
      [bob.accessToken, /of another client/],
      ['none', /./],
    ] as const) {
      const { session } = await open(testSessions, ann);
      await session.renew(token);
      const ended = await refusalOf(session);
      expect(ended).toMatchObject(unauthenticated);
      expect(ended.message).toMatch(why);
      expect(ended.message).not.toMatch(/expired/);
    }
  });
});

describe('the split calls', () => {
  const calls: [method: string, request: object][] = [
    ['Send', { message: { clientMessageId: 'a', parts: [{ text: 'hello' }] } }],
    ['Join', { conversation: {} }],
    ['StopReply', { messageId: 'a' }],
    ['Heartbeat', {}],
    ['Close', {}],
  ];

  test.each(calls)("refuse %s in somebody else's session, and without a token", async (method, request) => {
    await using testSessions = new TestSessions(server, 'split');
    const { session, welcome } = await open(testSessions, ann);
    const { sessionId } = welcome;
    const attempt = (token?: string) =>
      refused(call(chat, method, { sessionId, ...request }, undefined, withToken(token)));
    expect(await attempt(bob.accessToken)).toMatchObject({ code: 'PERMISSION_DENIED', reason: 'NOT_YOURS' });
    expect(await attempt()).toMatchObject(unauthenticated);
    expect((await session.ask('Still here')).reply.status).toBe('MESSAGE_STATUS_COMPLETED');
  });
});

describe('a token of ten seconds', () => {
  /** The shortest that can be set: the tests wait until it is over. */
  const lifetimeMs = 10_000;
  let brief: ParleyServer;

  beforeAll(async () => {
    const env = { PARLEY_AUTH: 'accounts', PARLEY_ACCESS_TOKEN_LIFETIME_MS: `${lifetimeMs}` };
    brief = await startServer({ env: { ...env, ...atOnce } });
  });
  afterAll(() => brief?.[Symbol.asyncDispose]());

  test('ends its session, which goes on with a newer one', async () => {
    await Promise.all(shapes.map(expires));
  });

  test('ends the session of who has signed out everywhere or changed the password, when it is over', async () => {
    await Promise.all([
      endsSignedOut((accounts, metadata) => call(accounts, 'SignOutEverywhere', {}, undefined, metadata)),
      endsSignedOut((accounts, metadata) => {
        const passwords = { oldPassword: 'a long password', newPassword: 'another password' };
        return call(accounts, 'ChangePassword', passwords, undefined, metadata);
      }),
    ]);
  });

  async function endsSignedOut(end: (accounts: DynamicClient, metadata: Metadata) => Promise<unknown>): Promise<void> {
    await using testSessions = new TestSessions(brief, 'bidi');
    const person = await somebody(brief);
    const { session } = await open(testSessions, person);
    const accounts = clientOf('chat.v1.AccountService', brief.address);
    try {
      await end(accounts, withToken(person.accessToken));
    } finally {
      hangUp(accounts);
    }
    expect(await refused(refresh(person))).toMatchObject({ reason: 'REFRESH_TOKEN_INVALID' });
    expect(await refusalOf(session)).toMatchObject(unauthenticated);
  }

  async function expires(shape: Shape): Promise<void> {
    await using testSessions = new TestSessions(brief, shape);
    const [idle, renewing] = [await somebody(brief), await somebody(brief)];
    const { session: ending, welcome } = await open(testSessions, idle);
    const { session: lasting } = await open(testSessions, renewing);
    await Promise.all([ending.ask('Hello'), lasting.ask('Hello')]);
    const openedMs = timestampMs(welcome.serverTime);
    await eventually(
      () => lasting.ping(),
      ({ serverTime }) => timestampMs(serverTime) >= openedMs + lifetimeMs / 5,
    );
    await lasting.renew((await refresh(renewing)).accessToken);
    expect(await refusalOf(ending)).toMatchObject(unauthenticated);
    const { serverTime } = await lasting.ping();
    expect(timestampMs(serverTime)).toBeGreaterThanOrEqual((decodeJwt(idle.accessToken).exp ?? 0) * 1_000);
    expect((await lasting.ask('Still here')).reply.status).toBe('MESSAGE_STATUS_COMPLETED');
    const { resumeToken, conversationId } = welcome;
    const back = await open(testSessions, await refresh(idle), { resumeToken, conversationId });
    expect(back.welcome.conversationId).toBe(conversationId);
    expect(await refusalOf(lasting)).toMatchObject(unauthenticated);
  }
});
