import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { parse } from 'yaml';
import { OpenRequest, OpenResponse } from '../../gen/chat/v1/chat_service.ts';
import { call, clientOf, hangUp } from '../../testing/contract.ts';
import { freePort } from '../../testing/engines/free-port.ts';
import { eventually, Guests } from '../../testing/guests.ts';
import { type ParleyServer, startServer } from '../../testing/server.ts';
import { readCompose } from './compose.ts';
import { runTool, toolsFolder } from './tools.ts';

jest.setTimeout(60_000);

const deploy = fileURLToPath(new URL('../../../deploy/', import.meta.url));
const envoy = join(toolsFolder(process.env['PARLEY_TEST_TOOLS']), 'python/bin/envoy');
const folder = mkdtempSync(join(tmpdir(), 'parley-envoy-'));
const origin = 'http://localhost:5173';
const trailerFlag = 0x80;

let servers: ParleyServer[] = [];
let proxy: ChildProcess;
let address: string;
let admin: string;

/** The configuration of compose.yaml, with addresses of this machine for those of its containers. */
function adapted(): string {
  const [listen, adminListen] = [address, admin].map((where) => where.split(':').at(-1));
  const gateways = servers.map((server) => server.address.split(':').at(-1));
  return readFileSync(`${deploy}envoy/envoy.yaml`, 'utf8')
    .replace('address: 0.0.0.0, port_value: 50051', `address: 127.0.0.1, port_value: ${listen}`)
    .replace('port_value: 9901', `port_value: ${adminListen}`)
    .replace('address: gateway-1, port_value: 50051', `address: 127.0.0.1, port_value: ${gateways[0]}`)
    .replace('address: gateway-2, port_value: 50051', `address: 127.0.0.1, port_value: ${gateways[1]}`);
}

beforeAll(async () => {
  servers = await Promise.all([startServer(), startServer()]);
  address = `127.0.0.1:${await freePort()}`;
  admin = `127.0.0.1:${await freePort()}`;
  const path = join(folder, 'envoy.yaml');
  writeFileSync(path, adapted());
  proxy = spawn(envoy, ['-c', path, '--log-level', 'warn', '--concurrency', '1', '--disable-hot-restart'], {
    stdio: 'ignore',
  });
  await eventually(
    () =>
      fetch(`http://${admin}/clusters`).then(
        (answer) => answer.text(),
        () => '',
      ),
    (text) => (text.match(/::health_flags::healthy/g) ?? []).length === 2,
    30_000,
  );
});

afterAll(async () => {
  proxy?.kill('SIGKILL');
  for (const server of servers) await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** A call as a browser makes it. */
function web(method: string, message: Uint8Array): Promise<Response> {
  const body = Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]);
  return fetch(`http://${address}/chat.v1.${method}`, {
    method: 'POST',
    headers: { 'content-type': 'application/grpc-web+proto', 'x-grpc-web': '1', origin },
    body,
  });
}

/** The first frame of gRPC-Web in the bytes: its flag and its contents. */
function firstFrame(bytes: Buffer): { flag: number; contents: Buffer } | undefined {
  if (bytes.length < 5 || bytes.length < 5 + bytes.readUInt32BE(1)) return undefined;
  return { flag: bytes.readUInt8(0), contents: bytes.subarray(5, 5 + bytes.readUInt32BE(1)) };
}

test('Envoy takes the configuration as it is', async () => {
  expect(await runTool(envoy, ['--mode', 'validate', '-c', 'envoy/envoy.yaml'], deploy)).toContain('OK');
});

test('its health check in compose.yaml passes while it runs, and not otherwise', async () => {
  const variables = { S3_ACCESS_KEY_ID: 'x', S3_SECRET_ACCESS_KEY: 'x', GRAFANA_ADMIN_PASSWORD: 'x' };
  const compose = readCompose(readFileSync(`${deploy}compose.yaml`, 'utf8'), variables);
  const [, program = '', ...args] = compose.services['envoy']?.healthcheck?.test ?? [];
  const on = (port: string | undefined) => args.map((arg) => arg.replace('127.0.0.1/9901', `127.0.0.1/${port}`));
  await runTool(program, on(admin.split(':')[1]), folder);
  await expect(runTool(program, on(String(await freePort())), folder)).rejects.toThrow();
});

describe('through Envoy', () => {
  test('a conversation is held over gRPC', async () => {
    await using guests = new Guests({ address }, 'bidi');
    const { session } = await guests.connect();
    const { reply } = await session.ask('Can you hear me?');
    expect(reply.parts.length).toBeGreaterThan(0);
    await session.goodbye();
  });

  test('a refusal arrives with its details', async () => {
    await using guests = new Guests({ address }, 'split');
    const session = guests.dial({ timeZone: 'Nowhere/City' });
    expect(await session.ended).toMatchObject({ reason: 'TIME_ZONE_REFUSED' });
  });

  test('a page calls by gRPC-Web, and may read status and details', async () => {
    const answer = await web('OperationsService/GetUsage', new Uint8Array());
    const bytes = Buffer.from(await answer.arrayBuffer());
    const message = firstFrame(bytes);
    const trailer = firstFrame(bytes.subarray(5 + (message?.contents.length ?? 0)));
    expect(trailer?.flag).toBe(trailerFlag);
    expect(String(trailer?.contents)).toMatch(/grpc-status:\s*0/);
    expect(answer.headers.get('access-control-allow-origin')).toBe(origin);
    expect(answer.headers.get('access-control-expose-headers')).toContain('grpc-status-details-bin');
  });

  test('a page gets the events of its session one by one, while the stream goes on', async () => {
    const hello = OpenRequest.create({ hello: { clientId: 'a page', timeZone: 'Asia/Tokyo' } });
    const answer = await web('ChatService/Open', OpenRequest.encode(hello).finish());
    const reader = answer.body!.getReader();
    let bytes = Buffer.alloc(0);
    while (firstFrame(bytes) === undefined) {
      const { value, done } = await reader.read();
      if (done) throw new Error('the stream ended before its first event');
      bytes = Buffer.concat([bytes, value]);
    }
    expect(OpenResponse.decode(firstFrame(bytes)!.contents).event?.event?.$case).toBe('welcome');
    await reader.cancel();
  });

  test('other pages are not let in by their browser', async () => {
    const preflight = (from: string) =>
      fetch(`http://${address}/chat.v1.ChatService/Send`, {
        method: 'OPTIONS',
        headers: {
          origin: from,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'authorization,content-type,x-grpc-web',
        },
      });
    const allowed = await preflight(origin);
    expect(allowed.headers.get('access-control-allow-origin')).toBe(origin);
    expect(allowed.headers.get('access-control-allow-headers')).toContain('authorization');
    expect((await preflight('https://evil.example')).headers.get('access-control-allow-origin')).toBeNull();
    expect((await preflight('http://localhost.evil.example')).headers.get('access-control-allow-origin')).toBeNull();
  });

  test('the calls that last have no time limit, but an idle one; others end', () => {
    type Route = { match: { path?: string }; route: { timeout: string; idle_timeout?: string } };
    const { static_resources: resources } = parse(adapted());
    const manager = resources.listeners[0].filter_chains[0].filters[0].typed_config;
    const routes: Route[] = manager.route_config.virtual_hosts[0].routes;
    const long = routes.filter(({ route }) => route.timeout === '0s');
    expect(long.map(({ match }) => match.path)).toEqual(['/chat.v1.ChatService/Open', '/chat.v1.ChatService/Chat']);
    expect(long.map(({ route }) => route.idle_timeout)).toEqual(['90s', '90s']);
  });

  // The last: it ends one of the servers.
  test('new calls go to the other gateway within 5 s when one dies, and none fails from then on', async () => {
    await servers[0]?.stop('SIGKILL');
    const usage = async () => {
      const client = clientOf('chat.v1.OperationsService', address);
      try {
        await call(client, 'GetUsage', {}, 5_000);
        return true;
      } catch {
        return false;
      } finally {
        hangUp(client);
      }
    };
    await eventually(
      () => fetch(`http://${admin}/clusters`).then((answer) => answer.text()),
      (text) => text.includes('/failed_active_hc'),
      5_000,
    );
    const answers = await Promise.all(Array.from({ length: 20 }, usage));
    expect(answers).not.toContain(false);
  });
});
