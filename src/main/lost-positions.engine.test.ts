import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Kafka, logLevel } from 'kafkajs';
import { openKafkaLog } from '../adapters/kafka/event-log/kafka-log.ts';
import { textOf } from '../testing/black-box-client.ts';
import { type Engines, startEngines } from '../testing/cluster.ts';
import { type Entry, entriesFrom, processingOf } from '../testing/log-oracle.ts';
import { wholeConversation } from '../testing/oracle.ts';
import { runParley, startServer } from '../testing/server.ts';
import { eventually, TestSessions } from '../testing/test-sessions.ts';

const conversations = 'parley.conversations';
const partitions = 2;
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const atOnce = { PARLEY_SIMULATED_TEXT_DELAY_MS: '0' };
const never = { PARLEY_SIMULATED_TEXT_DELAY_MS: '3600000' };

let engines: Engines;
let env: Readonly<Record<string, string>>;

beforeAll(async () => {
  engines = await startEngines();
  env = { ...engines.env, PARLEY_PARTITIONS: String(partitions) };
});
afterAll(async () => {
  await engines?.[Symbol.asyncDispose]();
});

/** What Kafka does with the groups of a deployment that was stopped for `offsets.retention.minutes`. Answers which they were. */
async function forgetGroups(): Promise<readonly string[]> {
  const admin = new Kafka({ brokers: [engines.kafka.brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const ids = async () => (await admin.listGroups()).groups.map(({ groupId }) => groupId);
    const groups = await ids();
    await eventually(
      async () => {
        // Refused for those that are not empty: a server that was killed is a member until its session has ended.
        await admin.deleteGroups(await ids()).catch(() => undefined);
        return ids();
      },
      (left) => left.length === 0,
    );
    return groups;
  } finally {
    await admin.disconnect();
  }
}

async function entries(): Promise<readonly Entry[][]> {
  await using log = await openKafkaLog({
    config: { brokers: [engines.kafka.brokers], tls: false, sasl: undefined, clientId: 'oracle' },
    topics: { [conversations]: partitions },
    erasable: { topics: [conversations], keysTopic: 'parley.keys' },
    logger: silent,
    mode: 'read',
  });
  const all = Array.from({ length: partitions }, (_, partition) => entriesFrom(log, conversations, partition, 0));
  return await Promise.all(all);
}

test('when Kafka has forgotten how far workers were, they answer what is unanswered, and nothing twice', async () => {
  await using first = await startServer({ env: { ...env, ...atOnce } });
  await using testSessions = new TestSessions(first, 'bidi');
  const { session, welcome, clientId } = await testSessions.connect();
  for (const number of ['one', 'two', 'three']) await session.ask(`Number ${number}`, number);
  await session.goodbye();
  // It tells the group how far it was as it leaves.
  expect(await first.stop('SIGTERM')).toEqual({ code: 0, signal: null });

  await using second = await startServer({ env: { ...env, ...never } });
  await using others = new TestSessions(second, 'bidi');
  const { conversationId } = welcome;
  const again = await others.connect({ clientId, conversationId });
  await again.session.text('Number four', 'four');
  await eventually(
    async () => processingOf(await entries()).attempts,
    (attempts) => attempts === 4,
  );
  await second.stop('SIGKILL');
  expect(await forgetGroups()).toContain('parley.workers');

  await using third = await startServer({ env: { ...env, ...atOnce } });
  await using back = new TestSessions(third, 'bidi');
  const told = await eventually(
    () => wholeConversation(third.address, conversationId),
    (messages) => messages.length === 8,
  );
  expect(told.filter(({ role }) => role === 'ROLE_USER').map(textOf)).toEqual(
    ['one', 'two', 'three', 'four'].map((number) => `Number ${number}`),
  );
  // What was said before is known as such, and the conversation goes on.
  const { resumeToken } = again.welcome;
  const after = await back.connect({ clientId, conversationId, resumeToken });
  expect(await after.session.text('Number one', 'one')).toMatchObject({ duplicate: true });
  await after.session.ask('Number five', 'five');
  // One for each message, and one that died with its worker.
  const processing = processingOf(await entries());
  expect(processing).toMatchObject({ breaches: [], messages: 5, ended: 5, attempts: 6, lostAttempts: 1 });
  expect(await runParley(['audit', '--json'], env)).toMatchObject({ code: 0 });
});
