import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { usageAt } from '../testing/arrivals.ts';
import { shapes, textOf } from '../testing/black-box-client.ts';
import { Cluster } from '../testing/cluster.ts';
import { wholeConversation } from '../testing/oracle.ts';
import { runParley } from '../testing/server.ts';
import { eventually, TestSessions } from '../testing/test-sessions.ts';

let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start({ env: { PARLEY_SIMULATED_TEXT_DELAY_MS: '0' } });
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

test.each(shapes)('a chat over one gateway is seen, resumed and gone on with over the other (%s)', async (shape) => {
  const [first, second] = cluster.of('gateway').map(({ server }) => server);
  if (first === undefined || second === undefined) throw new Error('two gateways were started');
  await using here = new TestSessions(first, shape);
  await using there = new TestSessions(second, shape);
  const { session, welcome, clientId } = await here.connect();
  const { reply } = await session.ask('Is anybody there?', 'one');
  expect(textOf(reply)).not.toBe('');
  // One session per client, over all gateways: the token takes it over.
  expect(await there.dial({ clientId }).ended).toMatchObject({ reason: 'ALREADY_CONNECTED' });
  const { resumeToken, conversationId } = welcome;
  const again = there.dial({ clientId, resumeToken, conversationId, afterSequence: Number(reply.sequence) });
  await again.welcome();
  expect(await session.ended).toMatchObject({ reason: 'SESSION_TAKEN_OVER' });
  const accepted = await again.text('Is anybody there?', 'one');
  expect(accepted).toMatchObject({ duplicate: true });
  await again.ask('And now?', 'two');
  const told = await eventually(
    () => wholeConversation(first.address, conversationId),
    (messages) => messages.length === 4,
  );
  expect(told.map(({ clientMessageId }) => clientMessageId)).toEqual(['one', '', 'two', '']);
  await eventually(
    () => usageAt(first.address),
    ({ activeClients, processing }) => activeClients === 1 && processing === 0,
  );
});

test('the log of it all keeps every limit', async () => {
  const audit = await runParley(['audit', '--json'], cluster.env);
  expect(audit).toMatchObject({ code: 0 });
  expect(JSON.parse(audit.stdout)).toMatchObject({ breaches: [], messages: { accepted: 4, completed: 4 } });
});
