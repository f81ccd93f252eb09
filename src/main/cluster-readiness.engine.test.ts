import { afterAll, beforeAll, test } from '@jest/globals';
import { Cluster } from '../testing/cluster.ts';
import { eventually, TestSessions } from '../testing/test-sessions.ts';

let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start({ gateways: 1, workers: 1, env: { PARLEY_SIMULATED_TEXT_DELAY_MS: '0' } });
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

async function readiness(): Promise<{ status: number; text: string }> {
  const answer = await fetch(`http://${cluster.member('gateway-0').server.httpAddress}/readyz`);
  return { status: answer.status, text: await answer.text() };
}

const becomes = (status: number, part: string) =>
  eventually(readiness, (answer) => answer.status === status && answer.text.includes(part));

test('without MongoDB conversations begin, and a gateway is ready but says what is missing', async () => {
  const { mongo } = cluster.engines;
  await becomes(200, 'ready\n');
  await mongo.kill();
  await becomes(200, 'degraded');
  await using testSessions = new TestSessions(cluster.member('gateway-0').server, 'bidi');
  const { session } = await testSessions.connect();
  await session.ask('Is anybody there?');
  await mongo.start();
  await becomes(200, 'ready\n');
});

test('without a projector sessions open and are answered, and a gateway is ready but says what is missing', async () => {
  const { server: gateway } = cluster.member('gateway-0');
  const projector = cluster.member('projector-0');
  await using testSessions = new TestSessions(gateway, 'bidi');
  const { session } = await testSessions.connect();
  projector.server.pause();
  await session.ask('Is anybody there?');
  const { session: later } = await testSessions.connect();
  await later.ask('Is anybody there still?');
  await becomes(200, 'degraded: history is behind');
  projector.server.resume();
  await becomes(200, 'ready\n');
});
