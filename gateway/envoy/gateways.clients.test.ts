import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { shapes } from '../../src/testing/black-box-client.ts';
import { call, clientOf, hangUp } from '../../src/testing/contract.ts';
import { type EnvoyEngine, startEnvoy } from '../../src/testing/engines/envoy.ts';
import { type ParleyServer, startServer } from '../../src/testing/server.ts';
import { eventually, TestSessions } from '../../src/testing/test-sessions.ts';

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
    await using testSessions = new TestSessions(envoy, shape);
    const { session } = await testSessions.connect();
    const counts = await Promise.all(servers.map(sessionsOf));
    await servers[counts.indexOf(1)]?.stop('SIGKILL');
    await session.ended;
    // Some connections fail before it is known; those are tried at the other one.
    expect(await Promise.all(Array.from({ length: 10 }, answered))).not.toContain(false);
    await testSessions.connect();
    await eventually(unhealthy, (count) => count === 1, 30_000);
    expect(await Promise.all(Array.from({ length: 10 }, answered))).not.toContain(false);
  },
);

test('a gateway that leaves gets no new sessions, but the calls of those that it has until they end', async () => {
  await using testSessions = new TestSessions(envoy, 'split');
  const { session } = await testSessions.connect();
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
  const { session: another } = await testSessions.connect();
  await another.ping();
  await left;
});

test('Envoy that is started again has its clients back', async () => {
  await using testSessions = new TestSessions(envoy, 'bidi');
  const { session } = await testSessions.connect();
  await envoy.kill();
  await session.ended;
  await envoy.start();
  await testSessions.connect();
});
