import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { call, clientOf, hangUp } from '../../src/testing/contract.ts';
import { type EnvoyEngine, startEnvoy } from '../../src/testing/engines/envoy.ts';
import { eventually, Guests } from '../../src/testing/guests.ts';
import { type ParleyServer, startServer } from '../../src/testing/server.ts';
import { shapes } from '../../src/testing/stranger.ts';

// The first one may have to install Envoy.
/** A reply of some 7 s: a gateway that is told to leave waits for it, up to 8 s. */
const longReplies = {
  PARLEY_SIMULATED_TEXT_DELAY_MS: '0',
  PARLEY_SIMULATED_PIECES: '100',
  PARLEY_SIMULATED_PIECE_INTERVAL_MS: '70',
};

let servers: readonly ParleyServer[];
let envoy: EnvoyEngine;

beforeEach(async () => {
  servers = await Promise.all([startServer({ env: longReplies }), startServer({ env: longReplies })]);
  envoy = await startEnvoy({ gateways: servers });
});

afterEach(async () => {
  for (const resource of [envoy, ...servers]) await resource?.[Symbol.asyncDispose]();
});

/** Whether a call through Envoy is answered. */
async function answered(): Promise<boolean> {
  const client = clientOf('chat.v1.OperationsService', envoy.address);
  try {
    await call(client, 'GetUsage', {});
    return true;
  } catch {
    return false;
  } finally {
    hangUp(client);
  }
}

/** The gateways that Envoy takes for dead or leaving. */
async function unhealthy(): Promise<number> {
  const text = await (await fetch(`http://${envoy.admin}/clusters`)).text();
  return (text.match(/^gateways::.*::health_flags::\/failed_active_hc$/gm) ?? []).length;
}

const sessionsOf = async ({ httpAddress }: ParleyServer): Promise<number> => {
  const metrics = await (await fetch(`http://${httpAddress}/metrics`)).text();
  return Number(/^parley_gateway_open_sessions (\d+)$/m.exec(metrics)?.[1]);
};

test.each(shapes)(
  'when a gateway dies its streams end, and all that comes then is answered by the other: %s',
  async (shape) => {
    await using guests = new Guests(envoy, shape);
    const { session } = await guests.connect();
    const counts = await Promise.all(servers.map(sessionsOf));
    await servers[counts.indexOf(1)]?.stop('SIGKILL');
    await session.ended;
    // Some connections fail before it is known; those are tried at the other one.
    expect(await Promise.all(Array.from({ length: 10 }, answered))).not.toContain(false);
    await guests.connect();
    await eventually(unhealthy, (count) => count === 1, 30_000);
    expect(await Promise.all(Array.from({ length: 10 }, answered))).not.toContain(false);
  },
);

test('a gateway that leaves gets no new sessions, but the calls of those that it has until they end', async () => {
  await using guests = new Guests(envoy, 'split');
  const { session } = await guests.connect();
  const counts = await Promise.all(servers.map(sessionsOf));
  const leaving = servers[counts.indexOf(1)];
  const { messageId } = await session.text('Tell me all');
  await session.find('replyDelta');
  const left = leaving?.stop('SIGTERM');
  await session.find('drain');
  await eventually(unhealthy, (count) => count === 1, 30_000);
  // Its reply is under way, and its calls are answered where it is.
  await session.ping();
  await session.stopReply(messageId);
  const { session: another } = await guests.connect();
  await another.ping();
  await left;
});

test('Envoy that is started again has its clients back', async () => {
  await using guests = new Guests(envoy, 'bidi');
  const { session } = await guests.connect();
  await envoy.kill();
  await session.ended;
  await envoy.start();
  await guests.connect();
});
