import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import type { OutgoingHttpHeaders } from 'node:http2';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ErrorInfo } from '../../src/gen/google/rpc/error_details.ts';
import { Status } from '../../src/gen/google/rpc/status.ts';
import { answerOf, callHead, framed, openConnection, unfinishedCall } from '../../src/testing/attacks/calls.ts';
import { shapes } from '../../src/testing/black-box-client.ts';
import { call, clientOf, type DynamicClient, hangUp } from '../../src/testing/contract.ts';
import { type EnvoyEngine, startEnvoy } from '../../src/testing/engines/envoy.ts';
import { type ParleyServer, startServer } from '../../src/testing/server.ts';
import { eventually, TestSessions } from '../../src/testing/test-sessions.ts';
import { mediaCall } from '../../src/testing/uploads.ts';
import { ask, bytesOf, webCall } from './testing/requests.ts';

// The first one may have to install Envoy.
const heartbeatMs = 800;
/** As routes.ts has it. */
const idleLimitMs = 6 * heartbeatMs;
const burst = 20;
const mib = 1_024 * 1_024;

let server: ParleyServer;
let envoy: EnvoyEngine;
let impatient: EnvoyEngine;
let strict: EnvoyEngine;

beforeAll(async () => {
  server = await startServer({
    env: {
      PARLEY_HEARTBEAT_INTERVAL_MS: String(heartbeatMs),
      PARLEY_SIMULATED_TEXT_DELAY_MS: '0',
      PARLEY_SIMULATED_PIECES: '0',
    },
  });
  envoy = await startEnvoy({ gateways: [server] });
  impatient = await startEnvoy({ gateways: [server], values: { heartbeatMs } });
  strict = await startEnvoy({ gateways: [server], values: { rateLimit: { perSecond: 1, burst } } });
});

afterAll(async () => {
  for (const resource of [strict, impatient, envoy, server]) await resource?.[Symbol.asyncDispose]();
});

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const metrics = async () => (await fetch(`http://${server.httpAddress}/metrics`)).text();

describe('a stream on which nobody says anything', () => {
  test.each(shapes)('goes on by heartbeats alone: %s', async (shape) => {
    await using testSessions = new TestSessions(impatient, shape);
    const { session } = await testSessions.connect();
    await session.ask('I am thinking');
    const until = performance.now() + 1.5 * idleLimitMs;
    while (performance.now() < until) {
      await session.ping();
      await sleep(heartbeatMs);
    }
    expect(session.isOver).toBe(false);
  });

  test('is not there for ever without them, and its slot is free at once', async () => {
    await using testSessions = new TestSessions(impatient, 'bidi');
    const { session } = await testSessions.connect();
    const begun = performance.now();
    // No gateway says this: Envoy resets the stream.
    expect(await session.ended).toMatchObject({ reason: '' });
    expect(performance.now() - begun).toBeGreaterThan(2 * heartbeatMs);
    await eventually(metrics, (text) => /^parley_gateway_open_sessions 0$/m.test(text), 30_000);
  });
});

describe('where calls need a token', () => {
  let careful: EnvoyEngine;
  beforeAll(async () => {
    const rateLimit = { perSecond: 10_000, burst: 10_000 };
    const values = { rateLimit, rateLimitWithoutToken: { perSecond: 1, burst } };
    careful = await startEnvoy({ gateways: [server], values });
  });
  afterAll(() => careful?.[Symbol.asyncDispose]());

  /** What calls that all begin at once are refused with in Envoy, as the codes of gRPC: the gateway needs no token. */
  async function refusals(method: string, headers: Record<string, string>, calls = 2 * burst) {
    const answers = await Promise.all(
      Array.from({ length: calls }, () => webCall(careful.origin, method, new Uint8Array(), { headers })),
    );
    const details = answers.flatMap(({ headers: { 'grpc-status-details-bin': bytes } }) =>
      bytes ? [String(bytes)] : [],
    );
    return details.map((bytes) => Status.decode(Buffer.from(bytes, 'base64')));
  }

  test('those without one are refused at their head, but for those that sign in', async () => {
    const [refusal] = await refusals('OperationsService/GetUsage', {}, 1);
    expect(refusal?.code).toBe(status.UNAUTHENTICATED);
    expect(ErrorInfo.decode(refusal?.details[0]?.value ?? Buffer.of()).reason).toBe('UNAUTHENTICATED');
    expect(await refusals('AccountService/DescribeSignIn', {}, 1)).toEqual([]);
    const client = clientOf('chat.v1.OperationsService', careful.address);
    const refused = { code: 'UNAUTHENTICATED', reason: 'UNAUTHENTICATED' };
    await expect(call(client, 'GetUsage', {})).rejects.toMatchObject(refused);
    hangUp(client);
  });

  test('an address may make fewer of them, and those with one go on', async () => {
    const limited = await refusals('AccountService/DescribeSignIn', {});
    expect(limited.length).toBeGreaterThanOrEqual(burst / 2);
    expect(new Set(limited.map(({ code }) => code))).toEqual(new Set([status.RESOURCE_EXHAUSTED]));
    expect(await refusals('OperationsService/GetUsage', { authorization: 'Bearer any' })).toEqual([]);
    // Pages are no calls.
    expect((await ask(careful.origin, '/docs')).statusCode).toBe(200);
  });
});

describe('an address over its limit', () => {
  const usage = async (localAddress?: string) => {
    const answer = await webCall(strict.origin, 'OperationsService/GetUsage', new Uint8Array(), {
      ...(localAddress !== undefined && { localAddress }),
    });
    return String(await bytesOf(answer));
  };
  /** What is answered when 127.0.0.1 has used up what it may ask at once; in another second it may ask one thing more. */
  function overLimit<T>(asking: () => Promise<T>, isRefused: (answer: T) => boolean): Promise<T> {
    const exhausted = () => Promise.all(Array.from({ length: 2 * burst }, () => usage()));
    return eventually(() => exhausted().then(asking), isRefused, 30_000);
  }

  test('is refused as gateways refuse, with a time to come again, and another one goes on', async () => {
    const client = clientOf('chat.v1.OperationsService', strict.address);
    const refusal = () =>
      call(client, 'GetUsage', {}).then(
        () => undefined,
        (error: unknown) => error,
      );
    expect(await refusal()).toBeUndefined();
    const refused = await overLimit(refusal, (error) => error !== undefined);
    expect(refused).toMatchObject({ code: 'RESOURCE_EXHAUSTED', retryDelayMs: 1_000 });
    expect(await usage('127.0.0.2')).toMatch(/grpc-status:\s*0/);
    hangUp(client);
  });

  test('a page is told in the words of gRPC-Web and of HTTP', async () => {
    const { statusCode, headers } = await overLimit(
      () => webCall(strict.origin, 'OperationsService/GetUsage', new Uint8Array()),
      (answer) => answer.headers['grpc-status-details-bin'] !== undefined,
    );
    // Clients of gRPC-Web look for details in a 200 only.
    expect(statusCode).toBe(200);
    const details = Status.decode(Buffer.from(String(headers['grpc-status-details-bin']), 'base64'));
    expect(details).toMatchObject({ code: status.RESOURCE_EXHAUSTED, message: 'too many calls from this address' });
    expect(details.details.map(({ typeUrl }) => typeUrl)).toEqual(['type.googleapis.com/google.rpc.RetryInfo']);
    const page = await overLimit(
      () => ask(strict.origin, '/docs'),
      (answer) => answer.statusCode === 429,
    );
    expect(page.headers['retry-after']).toBe('1');
  });

  test('may ask again later', async () => {
    await eventually(
      () => usage(),
      (text) => /grpc-status:\s*0/.test(text),
      30_000,
    );
  });
});

test('a client that does not read is felt by the gateway, which cuts it', async () => {
  await using testSessions = new TestSessions(envoy, 'bidi');
  const { session, welcome, clientId } = await testSessions.connect();
  for (let count = 0; count < 60; count += 1) await session.ask('slowly '.repeat(4_000));
  session.drop();
  const { conversationId, resumeToken } = welcome;
  const slow = testSessions.dial({ clientId, conversationId, resumeToken });
  slow.pauseReading();
  // It does not read that it is cut, so the server is asked.
  await eventually(metrics, (text) => text.includes('parley_sessions_ended_total{reason="SLOW_CONSUMER"} 1'), 60_000);
});

test('an upload of 100 MiB passes on as it comes, and is not kept here', async () => {
  const chunk = Buffer.alloc(mib, 'a film ');
  const chunks = 100;
  const hash = createHash('sha256');
  for (let count = 0; count < chunks; count += 1) hash.update(chunk);
  const described = { kind: 'KIND_VIDEO', contentType: 'video/mp4', sizeBytes: chunks * mib, sha256: hash.digest() };
  const who = { address: envoy.address, clientId: 'somebody' };
  const { uploadUrl, uploadHeaders } = await mediaCall(who, 'CreateUpload', { ...described, clientId: who.clientId });
  let mostBytes = 0;
  async function* body() {
    for (let count = 0; count < chunks; count += 1) {
      // The second half is sent when much of the first has arrived.
      if (count === chunks / 2) {
        mostBytes = await envoyBytes();
        await eventually(
          () => storedBytes(server.dataDir),
          (bytes) => bytes >= (chunks / 4) * mib,
          60_000,
        );
      }
      yield chunk;
    }
  }
  const { pathname, search } = new URL(uploadUrl);
  const before = await envoyBytes();
  const answer = await ask(envoy.origin, pathname + search, {
    method: 'PUT',
    headers: uploadHeaders,
    body: Readable.from(body()),
  });
  expect(answer.statusCode).toBe(201);
  expect(mostBytes - before).toBeLessThan(20 * mib);
});

/** What Envoy has allocated. */
async function envoyBytes(): Promise<number> {
  const { allocated } = (await (await fetch(`http://${envoy.admin}/memory`)).json()) as { allocated: string };
  return Number(allocated);
}

/** The largest file below the server's data folder. */
async function storedBytes(folder: string): Promise<number> {
  const files = await readdir(folder, { recursive: true });
  const sizes = await Promise.all(
    files.map((file) =>
      stat(join(folder, file)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return Math.max(...sizes);
}

describe('requests of somebody who attacks', () => {
  const sendPath = '/chat.v1.ChatService/Send';
  const calls = 60;

  async function answersTo(head: OutgoingHttpHeaders, body: Buffer, timeoutMs: number) {
    const session = await openConnection(Number(envoy.address.split(':')[1]));
    const streams = Array.from({ length: calls }, () => unfinishedCall(session, head, body));
    const answers = await Promise.all(streams.map((stream) => answerOf(stream, timeoutMs)));
    session.destroy();
    return answers.map((answer) => answer['grpc-status']);
  }

  test('do not reach the gateway when they are compressed', async () => {
    const codes = await answersTo(callHead(sendPath, { 'grpc-encoding': 'gzip' }), Buffer.alloc(5), 30_000);
    expect(new Set(codes)).toEqual(new Set(['12']));
    expect(await metrics()).toContain('parley_cut_connections_total{reason="compressed"} 0');
  });

  test('are held neither here nor there when they never end', async () => {
    const before = await envoyBytes();
    const body = framed(Buffer.alloc(4 * mib)).subarray(0, -1);
    const answers = answersTo(callHead(sendPath), body, 20_000);
    await eventually(metrics, (text) => /^parley_cut_connections_total\{reason="body_bytes"\} [1-9]/m.test(text));
    expect((await envoyBytes()) - before).toBeLessThan(40 * mib);
    await using testSessions = new TestSessions(envoy, 'bidi');
    const { session } = await testSessions.connect();
    await session.ask('Am I served?');
    expect(await answers).toContain('8');
  });
});

// Envoy brings the calls of many clients on few connections, and a gateway ends one on which more than 1,000 streams are reset at once.
test('a session outlives 1,500 streams that other clients have given up', async () => {
  await using open = await startEnvoy({
    gateways: [server],
    values: { rateLimit: { perSecond: 10_000, burst: 10_000 } },
  });
  await using testSessions = new TestSessions(open, 'bidi');
  const { session } = await testSessions.connect();
  await session.ask('Are you there?');
  // Each round on a connection of its own: Envoy would end one that gives up so often.
  for (let round = 0; round < 30; round += 1) {
    const client = clientOf('grpc.health.v1.Health', open.address);
    await Promise.all(Array.from({ length: 50 }, () => giveUp(client))).finally(() => hangUp(client));
  }
  await session.ask('Are you still there?');
  expect(session.isOver).toBe(false);
});

/** Begins to watch the health of a gateway, and cancels at its first word. */
function giveUp(client: DynamicClient): Promise<void> {
  const watching = client.Watch({});
  return new Promise((resolve, reject) => {
    watching.on('data', () => watching.cancel());
    watching.on('error', (error: ServiceError) => (error.code === status.CANCELLED ? resolve() : reject(error)));
  });
}
