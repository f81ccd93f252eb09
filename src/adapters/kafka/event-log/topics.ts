import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs, { type Admin, type Kafka } from 'kafkajs';
import { LogUnavailable } from '../../../ports/event-log.ts';
import type { Logger } from '../../../ports/telemetry.ts';
import { type TopicDefinition, type TopicsSpec, topicDefinitions } from './topic-definitions.ts';
import {
  type FoundCluster,
  type FoundTopic,
  problemsOf,
  TopicMisconfigured,
  type TopicProblem,
} from './topic-problems.ts';

// Node sees only some of the names that this CommonJS package exports.
const { ConfigResourceTypes, KafkaJSAggregateError, KafkaJSProtocolError } = kafkajs;

/** Brokers that are starting are there within seconds; somebody who starts a process with a wrong address should not wait long. */
const reachTimeoutMs = 10_000;
const pauseMs = 200;

/** The topics to be made or checked, and where. */
export interface TopicsAt extends TopicsSpec {
  /** As configured, for whoever reads why it did not work. */
  readonly brokers: readonly string[];
}

/** A permanent error of Kafka: authorization, or an invalid request. */
export class KafkaRefused extends Error {
  override readonly name = 'KafkaRefused';
  readonly retryable = false;
}

/**
 * Creates missing topics, and checks all: appends to a misconfigured topic could not keep the log's guarantees. Safe in several processes at once.
 * `kafka` has few retries, since failures are retried here.
 *
 * Rejects with TopicMisconfigured, which names every problem and its correction; with LogUnavailable when the brokers were not reached within 10 s; and
 * with KafkaRefused.
 */
export async function ensureTopics(kafka: Kafka, { brokers, ...spec }: TopicsAt, logger: Logger): Promise<void> {
  const where = `Kafka at ${brokers.join(',')}`;
  const deadlineMs = performance.now() + reachTimeoutMs;
  let reason = new Error('it did not answer');
  while (performance.now() + pauseMs < deadlineMs) {
    try {
      if (await before(deadlineMs, makeAndCheck(kafka, topicDefinitions(spec), logger))) return;
    } catch (error) {
      if (!isOfKafkajs(error)) throw error;
      if (!mayPass(error)) throw refusedAt(where, error);
      reason = error;
    }
    await sleep(pauseMs);
  }
  throw new LogUnavailable(
    `${where} was not reached within ${reachTimeoutMs} ms: ${reason.message}. PARLEY_KAFKA_BROKERS, PARLEY_KAFKA_TLS and PARLEY_KAFKA_SASL say how it is reached.`,
    'not-written',
    { cause: reason },
  );
}

function refusedAt(where: string, error: Error): KafkaRefused {
  const asWhom = 'PARLEY_KAFKA_SASL, PARLEY_KAFKA_USERNAME and PARLEY_KAFKA_PASSWORD say who asks.';
  return new KafkaRefused(`${where} refused: ${error.message}. ${asWhom}`, { cause: error });
}

/** Whether the work finished in time. Otherwise it continues, to clean up after itself. */
async function before(deadlineMs: number, work: Promise<void>): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), deadlineMs - performance.now());
  try {
    return await Promise.race([work.then(() => true), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Brokers that are away, starting or electing a leader may answer later; those that refused will again. */
function mayPass(error: Error): boolean {
  let root: Error = error;
  while (root.cause instanceof Error) root = root.cause;
  return !('retriable' in root) || root.retriable !== false;
}

function isOfKafkajs(error: unknown): error is Error {
  return error instanceof Error && error.name.startsWith('KafkaJS');
}

async function makeAndCheck(kafka: Kafka, definitions: readonly TopicDefinition[], logger: Logger): Promise<void> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    const existing = new Set(await admin.listTopics());
    const cluster = await clusterOf(admin);
    const problems: TopicProblem[] = [];
    for (const definition of definitions) {
      if (existing.has(definition.name)) continue;
      const unmade = await make(admin, definition, cluster);
      if (unmade === undefined) logger.info({ topic: definition.name }, 'created the topic');
      else problems.push(unmade);
    }
    const made = definitions.filter(({ name }) => !problems.some(({ topic }) => topic === name));
    for (const [definition, found] of await describeTopics(admin, made)) {
      problems.push(...problemsOf(definition, found, cluster));
    }
    if (problems.length > 0) throw new TopicMisconfigured(problems);
  } finally {
    await admin.disconnect();
  }
}

async function clusterOf(admin: Admin): Promise<FoundCluster> {
  const { brokers } = await admin.describeCluster();
  return {
    bootstrap: brokers.map(({ host, port }) => `${host}:${port}`).join(),
    brokerIds: brokers.map(({ nodeId }) => nodeId).sort((a, b) => a - b),
  };
}

/** Makes a topic, unless somebody else was faster. The answer is the problem, when there are not brokers enough for it. */
async function make(
  admin: Admin,
  { name, partitions, replicationFactor, settings }: TopicDefinition,
  { brokerIds }: FoundCluster,
): Promise<TopicProblem | undefined> {
  const configEntries = settings.map((setting) => ({ name: setting.name, value: setting.value }));
  try {
    await admin.createTopics({
      topics: [{ topic: name, numPartitions: partitions, replicationFactor, configEntries }],
      waitForLeaders: true,
    });
    return undefined;
  } catch (error) {
    const [refusal] = error instanceof KafkaJSAggregateError ? error.errors : [];
    if (!(refusal instanceof KafkaJSProtocolError)) throw error;
    if (refusal.type !== 'INVALID_REPLICATION_FACTOR')
      throw new KafkaRefused(`Kafka refused to make topic ${name}: ${refusal.message}`, { cause: error });
    return {
      topic: name,
      setting: 'replication factor',
      is: String(replicationFactor),
      shouldBe: `at most ${brokerIds.length}, the number of brokers`,
      why: 'the topic cannot be made',
      mend: `Start more brokers, or set PARLEY_KAFKA_REPLICATION_FACTOR=${brokerIds.length}.`,
    };
  }
}

async function describeTopics(
  admin: Admin,
  definitions: readonly TopicDefinition[],
): Promise<readonly (readonly [TopicDefinition, FoundTopic])[]> {
  if (definitions.length === 0) return [];
  const { topics } = await admin.fetchTopicMetadata({ topics: definitions.map(({ name }) => name) });
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: definitions.map(({ name }) => ({ type: ConfigResourceTypes.TOPIC, name })),
  });
  return definitions.map((definition) => {
    const partitions = topics.find(({ name }) => name === definition.name)?.partitions ?? [];
    const entries = resources.find(({ resourceName }) => resourceName === definition.name)?.configEntries ?? [];
    const replicas = partitions
      .toSorted((a, b) => a.partitionId - b.partitionId)
      .map((partition) => partition.replicas);
    const settings = Object.fromEntries(entries.map(({ configName, configValue }) => [configName, configValue]));
    return [definition, { replicas, settings }] as const;
  });
}
