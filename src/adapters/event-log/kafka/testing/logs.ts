import type { Logger } from '../../../../ports/telemetry.ts';
import { kafkaClient } from '../client.ts';
import { type KafkaLog, type KafkaLogOptions, openKafkaLog } from '../kafka-log.ts';

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

/** Fresh topics, with the settings that deployments have, and others for the one of the keys. */
export async function makeTopics(
  brokers: string,
  partitions: number,
  keysSettings: Readonly<Record<string, string>> = {},
): Promise<TestTopics> {
  made += 1;
  const name = `test-${process.pid}-${Date.now().toString(36)}-${made}`;
  const topics = { brokers, topic: `${name}.events`, keysTopic: `${name}.keys`, partitions };
  const configEntries = [
    { name: 'message.timestamp.type', value: 'LogAppendTime' },
    { name: 'max.message.bytes', value: String(8 * 1_024 * 1_024) },
    { name: 'retention.ms', value: '-1' },
  ];
  const moreEntries = Object.entries(keysSettings).map(([name, value]) => ({ name, value }));
  const kafka = kafkaClient(connectionTo(brokers), silentLogger);
  const admin = kafka.admin({ retry: { retries: 5 } });
  try {
    await admin.connect();
    await admin.createTopics({
      waitForLeaders: true,
      topics: [
        { topic: topics.topic, numPartitions: partitions, replicationFactor: 1, configEntries },
        {
          topic: topics.keysTopic,
          numPartitions: 1,
          replicationFactor: 1,
          configEntries: [...configEntries, { name: 'cleanup.policy', value: 'compact' }, ...moreEntries],
        },
      ],
    });
  } finally {
    await admin.disconnect();
  }
  return topics;
}

/** A log on these topics, as one process would have it. */
export function openOn(
  { brokers, topic, keysTopic, partitions }: TestTopics,
  options: Partial<Pick<KafkaLogOptions, 'logger' | 'mode'>> = {},
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
