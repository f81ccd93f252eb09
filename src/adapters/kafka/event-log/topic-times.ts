import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs, { type Admin, type Kafka } from 'kafkajs';
import { LogUnavailable } from '../../../ports/event-log.ts';

// Node sees only some of the names that this CommonJS package exports.
const { ConfigResourceTypes, ConfigSource } = kafkajs;

/** Whose time a record has: that of the broker that took it, or that which its writer gave it. */
export type TimestampType = 'LogAppendTime' | 'CreateTime';

const setting = 'message.timestamp.type';
/** A change reaches all brokers within milliseconds; with one that is down it may take as long as an election. */
const passTimeoutMs = 10_000;
const pollMs = 50;
/** Brokers show a setting a moment before they act on it. */
const settleMs = 500;

interface Settings {
  readonly topic: string;
  readonly effective: string | undefined;
  /** What was set for this topic: who changes one setting must write them all. */
  readonly own: readonly { readonly name: string; readonly value: string }[];
}

/** Sets whose times the records of these topics have from now on; those that are there keep theirs. Rejects with LogUnavailable. */
export async function setTimestampType(kafka: Kafka, topics: readonly string[], type: TimestampType): Promise<void> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    const others = (await settingsOf(admin, topics)).filter(({ effective }) => effective !== type);
    if (others.length === 0) return;
    await admin.alterConfigs({
      validateOnly: false,
      resources: others.map(({ topic, own }) => ({
        type: ConfigResourceTypes.TOPIC,
        name: topic,
        configEntries: [...own.filter(({ name }) => name !== setting), { name: setting, value: type }],
      })),
    });
    await untilSet(admin, topics, type);
    await sleep(settleMs);
  } finally {
    await admin.disconnect();
  }
}

/** Whether the records of all these topics have such times from now on. Rejects with what kafkajs cannot do. */
export async function haveTimestampType(
  kafka: Kafka,
  topics: readonly string[],
  type: TimestampType,
): Promise<boolean> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    return (await settingsOf(admin, topics)).every(({ effective }) => effective === type);
  } finally {
    await admin.disconnect();
  }
}

async function untilSet(admin: Admin, topics: readonly string[], type: TimestampType): Promise<void> {
  const deadlineMs = performance.now() + passTimeoutMs;
  while (!(await settingsOf(admin, topics)).every(({ effective }) => effective === type)) {
    if (performance.now() > deadlineMs)
      throw new LogUnavailable(`Kafka did not make ${setting} of ${topics.join(', ')} ${type}`, 'not-written');
    await sleep(pollMs);
  }
}

async function settingsOf(admin: Admin, topics: readonly string[]): Promise<readonly Settings[]> {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: topics.map((name) => ({ type: ConfigResourceTypes.TOPIC, name })),
  });
  return resources.map(({ resourceName, configEntries }) => ({
    topic: resourceName,
    effective: configEntries.find(({ configName }) => configName === setting)?.configValue,
    own: configEntries
      .filter(({ configSource }) => configSource === ConfigSource.TOPIC_CONFIG)
      .map(({ configName, configValue }) => ({ name: configName, value: configValue })),
  }));
}
