import { once } from 'node:events';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import * as grpc from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { OpenRequest, OpenResponse } from '../../src/gen/chat/v1/chat_service.ts';
import { dial, type Session, type Shape, shapes, textOf } from '../../src/testing/black-box-client.ts';
import { type Certificate, newAuthority, newCertificate } from '../../src/testing/certificates.ts';
import { call, clientOf, type DynamicClient, hangUp } from '../../src/testing/contract.ts';
import { type EnvoyEngine, startEnvoy } from '../../src/testing/engines/envoy.ts';
import { freePort } from '../../src/testing/engines/free-port.ts';
import { type ParleyServer, startServer } from '../../src/testing/server.ts';
import { eventually } from '../../src/testing/test-sessions.ts';
import { ask, bytesOf, type Frame, framesOf, webCall } from './testing/requests.ts';

// The first one may have to install Envoy.
const origin = 'https://pages.example';
const trailerFlag = 0x80;

let servers: [ParleyServer, ParleyServer];
let authority: Certificate;
let envoy: EnvoyEngine;
const open: (() => void)[] = [];

beforeAll(async () => {
  const port = await freePort();
  const env = { PARLEY_HTTP_PUBLIC_URL: `https://127.0.0.1:${port}` };
  servers = await Promise.all([startServer({ env }), startServer({ env })]);
  authority = await newAuthority('an authority');
  const certificate = await newCertificate(authority, 'the first');
  envoy = await startEnvoy({ port, gateways: servers, certificate, values: { origins: [origin] } });
});

afterAll(async () => {
  for (const close of open) close();
  await envoy?.[Symbol.asyncDispose]();
  for (const server of servers ?? []) await server[Symbol.asyncDispose]();
});

/** A client with a TLS connection of its own. */
function client(service = 'chat.v1.ChatService'): DynamicClient {
  const made = clientOf(service, envoy.address, {}, grpc.credentials.createSsl(Buffer.from(authority.cert)));
  open.push(() => hangUp(made));
  return made;
}

/** A session through Envoy, welcomed. */
async function session(shape: Shape): Promise<Session> {
  const made = dial({ address: envoy.address, shape, client: client() });
  open.push(() => made.drop());
  await made.welcome();
  return made;
}

async function tls(options: ConnectionOptions): Promise<TLSSocket> {
  const port = Number(envoy.address.split(':')[1]);
  const socket = connectTls({ host: '127.0.0.1', servername: 'localhost', port, ca: authority.cert, ...options });
  open.push(() => socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

describe('by gRPC', () => {
  test.each(shapes)('a conversation is held over TLS: %s', async (shape) => {
    const checkingClient = await session(shape);
    const { reply } = await checkingClient.ask('Can you hear me?');
    expect(textOf(reply)).not.toBe('');
    await checkingClient.goodbye();
    expect(await checkingClient.ended).toBeNull();
  });

  test('a refusal arrives with its details', async () => {
    const refused = dial({ address: envoy.address, shape: 'split', client: client() }, { timeZone: 'Nowhere/City' });
    expect(await refused.ended).toMatchObject({ reason: 'TIME_ZONE_REFUSED' });
  });

  test('health is told', async () => {
    expect(await call(client('grpc.health.v1.Health'), 'Check', {})).toEqual({ status: 'SERVING' });
  });
});

describe('TLS', () => {
  test.each(['h2', 'http/1.1'])('speaks %s to those that do', async (protocol) => {
    expect((await tls({ ALPNProtocols: [protocol] })).alpnProtocol).toBe(protocol);
  });

  test('takes 1.2, and nothing older', async () => {
    const only = (version: 'TLSv1.1' | 'TLSv1.2') =>
      tls({ minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' });
    expect((await only('TLSv1.2')).getProtocol()).toBe('TLSv1.2');
    await expect(only('TLSv1.1')).rejects.toThrow(/protocol.version/i);
  });

  test('takes a renewed certificate without a restart, and streams go on', async () => {
    const checkingClient = await session('bidi');
    const renewed = await newCertificate(authority, 'the second');
    for (const [name, text] of [
      ['tls.key', renewed.key],
      ['tls.crt', renewed.cert],
    ] as const) {
      const file = join(envoy.dataDir, name);
      await writeFile(`${file}.new`, text);
      await rename(`${file}.new`, file);
    }
    const subject = async () => (await tls({})).getPeerCertificate().subject.CN;
    await eventually(subject, (name) => name === 'the second', 30_000);
    await checkingClient.ask('Are you still there?');
  });
});

describe('from a page', () => {
  const web = (method: string, message: Uint8Array) =>
    webCall(envoy.origin, method, message, { ca: authority.cert, headers: { origin } });

  test('a call is answered, and the page may read status and details', async () => {
    const answer = await web('OperationsService/GetUsage', new Uint8Array());
    const frames: Frame[] = [];
    for await (const frame of framesOf(answer)) frames.push(frame);
    expect(frames.at(-1)?.flag).toBe(trailerFlag);
    expect(String(frames.at(-1)?.contents)).toMatch(/grpc-status:\s*0/);
    expect(answer.headers['access-control-allow-origin']).toBe(origin);
    expect(answer.headers['access-control-expose-headers']).toContain('grpc-status-details-bin');
  });

  test('a session gets its events one by one, while the stream goes on, and is told its gateway', async () => {
    const hello = OpenRequest.create({ hello: { clientId: 'a page', timeZone: 'Asia/Tokyo' } });
    const answer = await web('ChatService/Open', OpenRequest.encode(hello).finish());
    const { value: first } = await framesOf(answer).next();
    expect(OpenResponse.decode(first?.contents).event?.event?.$case).toBe('welcome');
    expect(answer.headers['x-parley-gateway']).toBeDefined();
    expect(answer.headers['access-control-expose-headers']).toContain('x-parley-gateway');
    answer.destroy();
  });

  test.each([
    [origin, origin],
    ['https://evil.example', undefined],
    ['https://pages.example.evil.example', undefined],
    ['http://pages.example', undefined],
    ['null', undefined],
  ])('of %s, the browser is told that it may call: %s', async (from, allowed) => {
    const { headers } = await ask(envoy.origin, '/chat.v1.ChatService/Send', {
      ca: authority.cert,
      method: 'OPTIONS',
      headers: {
        origin: from,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type,x-grpc-web,x-parley-gateway',
      },
    });
    expect(headers['access-control-allow-origin']).toBe(allowed);
    if (allowed !== undefined) expect(headers['access-control-allow-headers']).toContain('x-parley-gateway');
  });

  test('media have rules of their own, which the gateway tells', async () => {
    const answer = await ask(envoy.origin, '/media/x', {
      ca: authority.cert,
      headers: { origin: 'https://evil.example' },
    });
    expect(answer.headers['access-control-allow-origin']).toBe('*');
    expect(String(await bytesOf(answer))).toContain('MEDIA_NOT_FOUND');
  });

  test.each([
    '/metrics',
    '//metrics',
    '/./metrics',
    '/x/../metrics',
    '/%6detrics',
    '/%2e/metrics',
    '/metrics/',
    '/metrics?x',
    '/x%2f..%2fmetrics',
    '/x%5c..%5cmetrics',
    '/healthz',
    '/readyz',
  ])('what gateways tell those who run them is not there: %s', async (path) => {
    const answer = await ask(envoy.origin, path, { ca: authority.cert });
    expect([400, 404]).toContain(answer.statusCode);
    expect(String(await bytesOf(answer))).not.toMatch(/parley_|ok|ready/);
  });

  test('all else comes from the gateway, to be fetched by TLS for ever', async () => {
    const answer = await ask(envoy.origin, '/docs', { ca: authority.cert });
    expect(String(await bytesOf(answer))).toContain('ChatService');
    expect(answer.headers['strict-transport-security']).toMatch(/^max-age=\d{8}$/);
  });
});

describe('the calls of a session', () => {
  const missed = { code: 'NOT_FOUND', reason: 'SESSION_NOT_FOUND' };

  /** The gateway that Open's answer named. */
  async function gatewayOf(stream: grpc.ClientReadableStream<unknown>): Promise<string> {
    const [metadata] = (await once(stream, 'metadata')) as [grpc.Metadata];
    return String(metadata.get('x-parley-gateway')[0]);
  }

  async function opened() {
    const chat = client();
    const stream = chat['Open']({ hello: { clientId: `guest-${Math.random()}`, timeZone: 'UTC' } });
    open.push(() => stream.cancel());
    stream.on('error', () => {});
    const [gateway, [first]] = await Promise.all([gatewayOf(stream), once(stream, 'data')]);
    const { sessionId } = first.event.welcome;
    const beat = (header?: string) => {
      const metadata = new grpc.Metadata();
      if (header !== undefined) metadata.set('x-parley-gateway', header);
      return call(chat, 'Heartbeat', { sessionId }, 10_000, metadata).then(
        () => 'heard',
        ({ code, reason }) => ({ code, reason }),
      );
    };
    return { gateway, beat };
  }

  test('reach the gateway that holds it when they say which', async () => {
    const { gateway, beat } = await opened();
    for (let count = 0; count < 20; count += 1) expect(await beat(gateway)).toBe('heard');
  });

  test('meet any gateway otherwise', async () => {
    const { beat } = await opened();
    await eventually(beat, (answer) => answer === 'heard', 30_000);
    expect(await eventually(beat, (answer) => answer !== 'heard', 30_000)).toEqual(missed);
  });

  test('cannot choose what is not a gateway', async () => {
    const { beat } = await opened();
    const admin = Buffer.from(envoy.admin).toString('base64');
    for (const header of [admin, 'nonsense', 'AAAA'.repeat(100)])
      expect(['heard', missed]).toContainEqual(await beat(header));
  });
});

test('each call leaves a line in the log, without tokens and queries', async () => {
  await ask(envoy.origin, '/docs?words-of-a-query', {
    ca: authority.cert,
    headers: { authorization: 'Bearer words-of-a-token' },
  });
  const log = () => readFile(join(envoy.dataDir, 'envoy.log'), 'utf8');
  const text = await eventually(log, (lines) => lines.includes('"/docs"'), 30_000);
  const line = JSON.parse(text.split('\n').find((one) => one.includes('"path":"/docs"')) ?? '');
  expect(line).toMatchObject({ method: 'GET', status: 200, address: '127.0.0.1' });
  expect(text).not.toContain('words-of');
});
