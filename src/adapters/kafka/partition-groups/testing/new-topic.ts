import { randomUUID } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';

/** Makes a topic of so many partitions; the answer is its name. */
export async function newTopic(brokers: readonly string[], numPartitions: number): Promise<string> {
  const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const topic = `topic.${randomUUID()}`;
    await admin.createTopics({ topics: [{ topic, numPartitions, replicationFactor: 1 }] });
    return topic;
  } finally {
    await admin.disconnect();
  }
}
