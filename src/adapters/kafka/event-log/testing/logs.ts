import kafkajs, { type Admin } from 'kafkajs';
import type { Logger } from '../../../../ports/telemetry.ts';
import { kafkaClient } from '../client.ts';
import { type KafkaLog, type KafkaLogOptions, openKafkaLog } from '../kafka-log.ts';
import { until } from './appenders.ts';

const { KafkaJSProtocolError } = kafkajs;

/** Says nothing. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** A deployment's topics on a broker: one of events, whose words can be erased, and the one of their keys. */
export interface TestTopics {
  readonly brokers: string;
  readonly topic: string;
  readonly keysTopic: string;
  readonly partitions: number;
}

let made = 0;

/** Fresh topics, with the settings that deployments have, unless others are given. */
export async function makeTopics(
  brokers: string,
  partitions: number,
  keysSettings: Readonly<Record<string, string>> = {},
  settings: Readonly<Record<string, string>> = {},
): Promise<TestTopics> {
  made += 1;
  const name = `test-${process.pid}-${Date.now().toString(36)}-${made}`;
  const topics = { brokers, topic: `${name}.events`, keysTopic: `${name}.keys`, partitions };
  const all = {
    'message.timestamp.type': 'LogAppendTime',
    'max.message.bytes': String(8 * 1_024 * 1_024),
    'retention.ms': '-1',
  };
  const kafka = kafkaClient(connectionTo(brokers), silentLogger);
  const admin = kafka.admin({ retry: { retries: 5 } });
  try {
    await admin.connect();
    const definitions = [
      {
        topic: topics.topic,
        numPartitions: partitions,
        replicationFactor: 1,
        configEntries: entries({ ...all, ...settings }),
      },
      {
        topic: topics.keysTopic,
        numPartitions: 1,
        replicationFactor: 1,
        configEntries: entries({ ...all, 'cleanup.policy': 'compact', ...keysSettings }),
      },
    ];
    await admin.createTopics({ waitForLeaders: true, topics: definitions }).catch(async (error: unknown) => {
      if (!isUnknownYet(error)) throw error;
      // They are made, and the broker's metadata do not show them yet: kafkajs waits for leaders only.
      await until('the topics are known', () => areKnown(admin, definitions));
    });
  } finally {
    await admin.disconnect();
  }
  return topics;
}

function isUnknownYet(error: unknown): boolean {
  return error instanceof KafkaJSProtocolError && error.type === 'UNKNOWN_TOPIC_OR_PARTITION';
}

async function areKnown(admin: Admin, definitions: readonly { readonly topic: string }[]): Promise<boolean> {
  const names = definitions.map(({ topic }) => topic);
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: names });
    return topics.every(({ partitions }) => partitions.every(({ leader }) => leader >= 0));
  } catch (error) {
    if (!isUnknownYet(error)) throw error;
    return false;
  }
}

function entries(settings: Readonly<Record<string, string>>): { name: string; value: string }[] {
  return Object.entries(settings).map(([name, value]) => ({ name, value }));
}

/** A log on these topics, as one process would have it. */
export function openOn(
  { brokers, topic, keysTopic, partitions }: TestTopics,
  options: Partial<Pick<KafkaLogOptions, 'logger' | 'mode' | 'release' | 'topics' | 'mayLack'>> = {},
): Promise<KafkaLog> {
  return openKafkaLog({
    config: connectionTo(brokers),
    topics: { [topic]: partitions },
    erasable: { topics: [topic], keysTopic },
    logger: silentLogger,
    mode: 'write',
    ...options,
  });
}

function connectionTo(brokers: string): KafkaLogOptions['config'] {
  return { brokers: brokers.split(','), tls: false, sasl: undefined, clientId: 'test' };
}
