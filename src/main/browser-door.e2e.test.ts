import { once } from 'node:events';
import { request } from 'node:http';
import { Code, ConnectError } from '@connectrpc/connect';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { exchange, framed, post } from '../../gateway/door/testing/browser.ts';
import { pageClient } from '../../gateway/door/testing/page-client.ts';
import { SignInRequest } from '../gen/chat/v1/account_service.ts';
import { ErrorInfo } from '../gen/google/rpc/error_details.ts';
import { Status } from '../gen/google/rpc/status.ts';
import { call, clientOf, type Dynamic, hangUp } from '../testing/contract.ts';
import { type ParleyServer, startServer } from '../testing/server.ts';

const describeSignIn = '/chat.v1.AccountService/DescribeSignIn';
/** MESSAGE_STATUS_STOPPED. */
const stoppedStatus = 5;
const nothing = framed(Buffer.alloc(0));
const hello = (clientId: string, over: object = {}) => ({ hello: { clientId, timeZone: 'Europe/Paris', ...over } });

/** The reason that a call was refused with, as a page reads it. */
async function refusal(refused: Promise<unknown>): Promise<{ readonly code: Code; readonly reason: string }> {
  const error = await refused.then(
    () => new ConnectError('it was not refused'),
    (error: unknown) => ConnectError.from(error),
  );
  const [info] = error.details.flatMap((detail) =>
    'type' in detail && detail.type === 'google.rpc.ErrorInfo' ? [ErrorInfo.decode(detail.value)] : [],
  );
  return { code: error.code, reason: info?.reason ?? '' };
}

/** The next event of that kind in the session. */
async function next(session: AsyncIterator<Dynamic>, kind: string): Promise<Dynamic> {
  for (;;) {
    const { value, done } = await session.next();
    if (done) throw new Error(`the session ended before ${kind}`);
    if (value.event.event.case === kind) return value.event.event.value;
  }
}

describe('a page', () => {
  let server: ParleyServer;
  let chat: ReturnType<typeof pageClient>;
  let origin: string;
  beforeAll(async () => {
    server = await startServer({
      env: {
        PARLEY_MAX_CLIENTS: '1',
        PARLEY_SIMULATED_TEXT_DELAY_MS: '0',
        // Slow enough for a reply to be stopped between its pieces, on any machine.
        PARLEY_SIMULATED_PIECE_INTERVAL_MS: '3000',
      },
    });
    origin = `http://${server.httpAddress}`;
    chat = pageClient('ChatService', origin);
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  test('talks, and has each piece of a reply when it is there', async () => {
    const session: AsyncIterator<Dynamic> = chat['open']!(hello('ada'))[Symbol.asyncIterator]();
    const { sessionId } = await next(session, 'welcome');
    const message = { clientMessageId: '1', parts: [{ value: { case: 'text', value: 'Tell me of the sea.' } }] };
    const { accepted } = await chat['send']!({ sessionId, message });
    await next(session, 'replyDelta');
    // The rest is seconds away: had it all come at once, there were nothing to stop.
    await chat['stopReply']!({ sessionId, messageId: accepted.messageId });
    expect(await next(session, 'message')).toMatchObject({ status: stoppedStatus });
    await chat['close']!({ sessionId });
    expect(await session.next()).toMatchObject({ done: true });
  });

  test('is told why it is refused', async () => {
    expect(await refusal(chat['send']!({ sessionId: 'none' }))).toEqual({
      code: Code.NotFound,
      reason: 'SESSION_NOT_FOUND',
    });
  });

  test('that is gone leaves its slot to the next', async () => {
    const gone = new AbortController();
    const first = chat['open']!(hello('first'), { signal: gone.signal })[Symbol.asyncIterator]();
    await next(first, 'welcome');
    const busy = chat['open']!(hello('second'))[Symbol.asyncIterator]();
    expect(await refusal(next(busy, 'welcome'))).toMatchObject({ reason: 'TOO_MANY_CLIENTS' });
    gone.abort();
    const second = chat['open']!(hello('second', { waitForSlot: { seconds: 30n } }))[Symbol.asyncIterator]();
    const { sessionId } = await next(second, 'welcome');
    await chat['close']!({ sessionId });
  });

  test('that sends bytes which are no request is told so as any client is', async () => {
    for (const body of [Buffer.from('no frame'), framed(Buffer.from([0x0a, 0xff]))]) {
      const { code, trailers } = await exchange(`${origin}/chat.v1.ChatService/Send`, body);
      expect(code).toBe(status.INVALID_ARGUMENT);
      const { details } = Status.decode(Buffer.from(trailers.get('grpc-status-details-bin') ?? '', 'base64'));
      expect(ErrorInfo.decode(details[0]?.value ?? Buffer.alloc(0)).reason).toBe('FRAME_INVALID');
    }
  });

  test('finds no call that needs a stream of requests', async () => {
    expect((await exchange(`${origin}/chat.v1.ChatService/Chat`, nothing)).code).toBe(status.UNIMPLEMENTED);
    expect((await exchange(`${origin}/grpc.health.v1.Health/Check`, nothing)).code).toBe(status.UNIMPLEMENTED);
  });

  test('is there, beside what else the port tells', async () => {
    for (const path of ['/', '/docs', '/metrics', '/healthz', '/readyz'])
      expect([path, (await fetch(origin + path)).status]).toEqual([path, 200]);
    expect((await fetch(`${origin}/elsewhere`)).status).toBe(404);
    expect((await fetch(origin, { method: 'POST', body: 'x' })).status).toBe(405);
  });

  test('gives the frame for diagrams a policy of its own', async () => {
    const policy = async (path: string) => (await fetch(origin + path)).headers.get('content-security-policy');
    expect(await policy('/diagrams.html')).toMatch(/style-src 'unsafe-inline'.*sandbox allow-scripts$/);
    expect(await policy('/')).not.toMatch(/unsafe-inline|sandbox/);
  });

  test('shows the API with examples for its own gRPC address', async () => {
    const docs = await (await fetch(`${origin}/docs`)).text();
    expect(docs).toContain(`grpcurl -plaintext ${server.address} list`);
  });

  test.each(['/docs', '/metrics', '/healthz', '/readyz', '/elsewhere'])(
    'runs nothing of %s, lets it fetch nothing, and stands in no frame',
    async (path) => {
      const { headers } = await fetch(origin + path);
      const policy = headers.get('content-security-policy')?.split('; ') ?? [];
      const none = ['default-src', 'object-src', 'base-uri', 'form-action', 'frame-ancestors'];
      expect(policy).toEqual([
        ...none.map((name) => `${name} 'none'`),
        ...(path === '/docs' ? ["style-src 'unsafe-inline'"] : []),
      ]);
    },
  );

  test('calls where it was served under a name that is surely this server, and nowhere else', async () => {
    const { port } = new URL(origin);
    const statusFor = (host: string, from: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        const headers = { host, origin: from, 'content-type': 'application/grpc-web+proto' };
        request(`${origin}${describeSignIn}`, { method: 'POST', headers }, (response) => {
          response.resume();
          resolve(response.statusCode);
        })
          .on('error', reject)
          .end(nothing);
      });
    for (const name of [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`])
      expect([name, await statusFor(name, `http://${name}`)]).toEqual([name, 200]);
    // The name of a stranger, which leads here: a visitor's browser takes that for the stranger's own server.
    expect(await statusFor(`evil.example:${port}`, `http://evil.example:${port}`)).toBe(403);
    expect(await statusFor(`127.0.0.1:${port}`, 'https://evil.example')).toBe(403);
  });
});

test('a server that does not show its contract has neither reflection nor the page of the API', async () => {
  await using server = await startServer({ env: { PARLEY_REFLECTION: 'off' } });
  const docs = await fetch(`http://${server.httpAddress}/docs`);
  expect([docs.status, await docs.text()]).toEqual([404, expect.not.stringContaining('/docs')]);
  const reflection = clientOf('grpc.reflection.v1.ServerReflection', server.address);
  const health = clientOf('grpc.health.v1.Health', server.address);
  const [error] = await once(reflection['ServerReflectionInfo'](), 'error');
  expect(error).toMatchObject({ code: status.UNIMPLEMENTED });
  expect(await call(health, 'Check', {})).toEqual({ status: 'SERVING' });
  for (const client of [reflection, health]) hangUp(client);
});

test('a page that is named may call from elsewhere', async () => {
  await using server = await startServer({ env: { PARLEY_WEB_ORIGINS: 'https://chat.example' } });
  const response = await post(`http://${server.httpAddress}${describeSignIn}`, nothing, {
    headers: { origin: 'https://chat.example' },
  });
  expect(response.headers.get('access-control-allow-origin')).toBe('https://chat.example');
  await response.text();
});

test('a page hears the last words of a server that leaves', async () => {
  await using server = await startServer();
  const { open } = pageClient('ChatService', `http://${server.httpAddress}`);
  const session: AsyncIterator<Dynamic> = open!(hello('ada'))[Symbol.asyncIterator]();
  await next(session, 'welcome');
  const stopped = server.stop('SIGTERM');
  await next(session, 'drain');
  expect(await refusal(session.next())).toEqual({ code: Code.Unavailable, reason: 'DRAINING' });
  expect(await stopped).toEqual({ code: 0, signal: null });
});

test('attempts to sign in are counted by where they come from: what a proxy says that is trusted', async () => {
  await using server = await startServer({
    env: { PARLEY_AUTH: 'accounts', PARLEY_TRUSTED_PROXIES: '127.0.0.1,10.0.0.0/8', PARLEY_TRUSTED_HOPS: '2' },
  });
  const guess = async (name: string, forwarded: string) => {
    const body = framed(SignInRequest.encode({ userName: name, password: 'wrong horse' }).finish());
    const headers = { 'x-forwarded-for': forwarded };
    return (await exchange(`http://${server.httpAddress}/chat.v1.AccountService/SignIn`, body, { headers })).code;
  };
  // The browser may write before it what it likes.
  const guesses = Array.from({ length: 25 }, (_, at) => guess(`nobody-${at}`, `198.51.100.${at}, 192.0.2.1, 10.0.0.3`));
  expect(await Promise.all(guesses)).toContain(status.UNAUTHENTICATED);
  expect(await guess('nobody', '192.0.2.1')).toBe(status.RESOURCE_EXHAUSTED);
  expect(await guess('nobody', '192.0.2.2')).toBe(status.UNAUTHENTICATED);
});
