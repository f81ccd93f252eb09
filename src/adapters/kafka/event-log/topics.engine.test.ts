import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ConfigResourceTypes, Kafka, logLevel } from 'kafkajs';
import { freePort } from '../../../testing/engines/free-port.ts';
import { installed } from '../../../testing/engines/install.ts';
import { type KafkaEngine, startKafka } from '../../../testing/engines/kafka.ts';
import { eventually } from '../../../testing/test-sessions.ts';
import { topicDefinitions } from './topic-definitions.ts';
import type { TopicMisconfigured, TopicProblem } from './topic-problems.ts';
import { ensureTopics } from './topics.ts';

const startLimitMs = 120_000;
const testLimitMs = 60_000;
const silent = { debug() {}, info() {}, warn() {}, error() {} };

let engine: KafkaEngine;
beforeAll(async () => {
  engine = await startKafka();
}, startLimitMs);
afterAll(() => engine?.[Symbol.asyncDispose]());

function client(brokers = engine.brokers): Kafka {
  return new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING, retry: { retries: 1, initialRetryTime: 50 } });
}

function newSpec(partitions = 3) {
  return { brokers: [engine.brokers], prefix: `p${randomUUID().slice(0, 8)}`, partitions, replicationFactor: 1 };
}

async function asAdmin<T>(work: (admin: ReturnType<Kafka['admin']>) => Promise<T>): Promise<T> {
  const admin = client().admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

function settingsOf(topic: string): Promise<Map<string, string>> {
  return asAdmin(async (admin) => {
    const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic }];
    const [described] = (await admin.describeConfigs({ includeSynonyms: false, resources })).resources;
    return new Map(described?.configEntries.map(({ configName, configValue }) => [configName, configValue]));
  });
}

function partitionsOf(topic: string): Promise<number | undefined> {
  return asAdmin(async (admin) => (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0]?.partitions.length);
}

/** Alters these and no others: kafkajs replaces all that a topic has. */
async function plant(topic: string, wrong: Record<string, string>): Promise<void> {
  const definition = topicDefinitions({
    prefix: topic.slice(0, topic.indexOf('.')),
    partitions: 3,
    replicationFactor: 1,
  });
  const right = definition.find(({ name }) => name === topic)?.settings ?? [];
  const all = { ...Object.fromEntries(right.map(({ name, value }) => [name, value])), ...wrong };
  const configEntries = Object.entries(all).map(([name, value]) => ({ name, value }));
  await asAdmin((admin) =>
    admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }],
    }),
  );
  // A broker takes a change from the controller a little after that has acknowledged it.
  await eventually(
    () => settingsOf(topic),
    (settings) => Object.entries(wrong).every(([name, value]) => settings.get(name) === value),
  );
}

/** The refusal of topics as they are. */
async function refusal(spec: Parameters<typeof ensureTopics>[1]): Promise<TopicMisconfigured> {
  const refused = await ensureTopics(client(), spec, silent).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(refused).toMatchObject({ name: 'TopicMisconfigured', retryable: false });
  return refused as TopicMisconfigured;
}

const command = 'Mend it with: ';

/** Runs `kafka-configs.sh …` as it is in a problem's advice, without the script. */
async function runAdvice({ mend }: TopicProblem): Promise<void> {
  const [tool, ...args] = mend.slice(mend.indexOf(command) + command.length).split(' ');
  expect(tool).toBe('kafka-configs.sh');
  const lib = join(await installed('kafka'), 'lib', '*');
  await promisify(execFile)('java', ['-XX:TieredStopAtLevel=1', '-cp', lib, 'kafka.admin.ConfigCommand', ...args]);
}

describe('topics on Kafka', () => {
  test('are made with the partitions and settings of their definitions', async () => {
    const spec = newSpec(7);
    await ensureTopics(client(), spec, silent);
    for (const { name, partitions, settings } of topicDefinitions(spec)) {
      expect(await partitionsOf(name)).toBe(partitions);
      const found = await settingsOf(name);
      for (const setting of settings)
        expect([setting.name, found.get(setting.name)]).toEqual([setting.name, setting.value]);
    }
  });

  test(
    'may be made by several processes at once, and found as they are by others',
    async () => {
      const spec = newSpec();
      await Promise.all(Array.from({ length: 5 }, () => ensureTopics(client(), spec, silent)));
      await ensureTopics(client(), spec, silent);
    },
    testLimitMs,
  );

  const wrong: readonly (readonly [topic: string, setting: string, value: string, shouldBe: string])[] = [
    ['conversations', 'retention.ms', '604800000', '-1'],
    ['conversations', 'retention.bytes', '1073741824', '-1'],
    ['conversations', 'cleanup.policy', 'compact', 'delete'],
    ['conversations', 'message.timestamp.type', 'CreateTime', 'LogAppendTime'],
    ['conversations', 'max.message.bytes', '1048588', 'at least 8388608'],
    ['connections', 'unclean.leader.election.enable', 'true', 'false'],
    ['connections', 'min.insync.replicas', '2', '1'],
    ['keys', 'cleanup.policy', 'compact,delete', 'compact'],
    ['keys', 'max.compaction.lag.ms', '86400000', 'at most 3600000'],
    ['keys', 'segment.ms', '604800000', 'at most 600000'],
    ['keys', 'delete.retention.ms', '60000', 'at least 86400000'],
  ];

  test.each(wrong)('are refused when %s has %s=%s', async (topic, setting, value, shouldBe) => {
    const spec = newSpec();
    await ensureTopics(client(), spec, silent);
    const name = `${spec.prefix}.${topic}`;
    await plant(name, { [setting]: value });
    const { problems, message } = await refusal(spec);
    expect(problems).toEqual([expect.objectContaining({ topic: name, setting, is: value, shouldBe })]);
    const right = shouldBe.replace(/^at (least|most) /, '');
    expect(message).toContain(
      `kafka-configs.sh --bootstrap-server ${engine.brokers} --alter --entity-type topics --entity-name ${name} --add-config ${setting}=${right}`,
    );
  });

  test('are accepted when a setting is better than it must be, or no promise depends on it', async () => {
    const spec = newSpec();
    await ensureTopics(client(), spec, silent);
    await plant(`${spec.prefix}.keys`, { 'max.compaction.lag.ms': '60000', 'min.cleanable.dirty.ratio': '0.5' });
    await plant(`${spec.prefix}.conversations`, { 'max.message.bytes': '16777216', 'compression.type': 'zstd' });
    await ensureTopics(client(), spec, silent);
  });

  test(
    'are right again when the advice was followed; every problem is told at once',
    async () => {
      const spec = newSpec();
      await ensureTopics(client(), spec, silent);
      await plant(`${spec.prefix}.conversations`, { 'retention.ms': '1000', 'message.timestamp.type': 'CreateTime' });
      await plant(`${spec.prefix}.keys`, { 'cleanup.policy': 'delete' });
      const { problems } = await refusal(spec);
      expect(problems.map(({ setting }) => setting)).toEqual([
        'retention.ms',
        'message.timestamp.type',
        'cleanup.policy',
      ]);
      await Promise.all(problems.map(runAdvice));
      await ensureTopics(client(), spec, silent);
    },
    testLimitMs,
  );

  test('are refused with another number of partitions, in which conversations would be looked for in vain', async () => {
    const spec = newSpec(3);
    await ensureTopics(client(), spec, silent);
    const { message } = await refusal({ ...spec, partitions: 4 });
    expect(message).toContain(`topic ${spec.prefix}.conversations: partitions is 3 and should be 4`);
    expect(message).toContain('Set PARLEY_PARTITIONS=3');
  });

  test('are refused with more replicas than brokers, whether they are there or not', async () => {
    const spec = newSpec();
    const unmade = await refusal({ ...spec, replicationFactor: 3 });
    expect(unmade.message).toContain('set PARLEY_KAFKA_REPLICATION_FACTOR=1');
    expect(unmade.problems.map(({ topic }) => topic)).toEqual(topicDefinitions(spec).map(({ name }) => name));
    await ensureTopics(client(), spec, silent);
    const made = await refusal({ ...spec, replicationFactor: 2 });
    expect(made.message).toContain('replication factor is 1 and should be at least 2');
    expect(made.message).toContain('set PARLEY_KAFKA_REPLICATION_FACTOR=1');
  });

  test(
    'are unavailable, soon, while no broker answers; the address and the reason are told',
    async () => {
      const begun = performance.now();
      const nobody = `127.0.0.1:${await freePort()}`;
      await expect(ensureTopics(client(nobody), { ...newSpec(), brokers: [nobody] }, silent)).rejects.toMatchObject({
        name: 'LogUnavailable',
        outcome: 'not-written',
        message: expect.stringMatching(`^Kafka at ${nobody} was not reached within .*ECONNREFUSED`),
      });
      expect(performance.now() - begun).toBeLessThan(15_000);
    },
    testLimitMs,
  );
});
