import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Cluster } from '../testing/cluster.ts';
import { type ParleyServer, runParley, startServer } from '../testing/server.ts';
import { TestSessions } from '../testing/test-sessions.ts';

let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start({ gateways: 1, workers: 1, env: { PARLEY_SIMULATED_TEXT_DELAY_MS: '0' } });
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

function twin(env: Readonly<Record<string, string>> = {}): Promise<ParleyServer> {
  const { name } = cluster.member('gateway-0');
  return startServer({ env: { ...cluster.env, PARLEY_ROLES: 'gateway', PARLEY_INSTANCE_ID: name, ...env } });
}

// Either start ended all sessions of the gateway that ran, at its first event and again when it left.
test('a second process with the id of a gateway that runs does not start, and its clients notice nothing', async () => {
  const { server } = cluster.member('gateway-0');
  await using testSessions = new TestSessions(server, 'bidi');
  const { session } = await testSessions.connect();
  await session.ask('Is anybody there?', 'before');

  await expect(twin()).rejects.toThrow('PARLEY_INSTANCE_ID');
  await expect(twin({ PARLEY_GRPC_LISTEN: server.address })).rejects.toThrow('cannot be listened on');

  await session.ask('And now?', 'after');
  expect([session.isOver, session.all('welcome').length, session.all('waiting').length]).toEqual([false, 1, 0]);
});

test('a gateway that was killed starts again under its id, and its clients’ former sessions are in nobody’s way', async () => {
  const member = cluster.member('gateway-0');
  const before = new TestSessions(member.server, 'bidi');
  const { clientId } = await before.connect();
  await cluster.restart(member);
  await before[Symbol.asyncDispose]();
  await using testSessions = new TestSessions(member.server, 'bidi');
  // Without the token of the former session: as long as that held, this client would be ALREADY_CONNECTED.
  const { session } = await testSessions.connect({ clientId });
  await session.ask('Is anybody there?', 'after');
});

test('the log of it all keeps every limit', async () => {
  const audit = await runParley(['audit', '--json'], cluster.env);
  expect(audit).toMatchObject({ code: 0 });
  expect(JSON.parse(audit.stdout)).toMatchObject({ breaches: [] });
});
