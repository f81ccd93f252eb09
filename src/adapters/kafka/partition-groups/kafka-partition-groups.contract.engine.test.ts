import { afterAll, beforeAll } from '@jest/globals';
import { Kafka, logLevel } from 'kafkajs';
import { partitionGroupsContract } from '../../../ports/contracts/partition-groups.contract.ts';
import { type KafkaEngine, startKafka } from '../../../testing/engines/kafka.ts';
import { systemClock } from '../../node/system-clock.ts';
import { kafkaPartitionGroups } from './kafka-partition-groups.ts';
import { newTopic } from './testing/new-topic.ts';

const startLimitMs = 120_000;
const silent = { debug() {}, info() {}, warn() {}, error() {} };

let engine: KafkaEngine;
beforeAll(async () => {
  engine = await startKafka({ external: 'allowed' });
}, startLimitMs);
afterAll(() => engine?.[Symbol.asyncDispose]());

partitionGroupsContract('on Kafka', async () => {
  const brokers = engine.brokers.split(',');
  return {
    handle: () =>
      kafkaPartitionGroups({
        kafka: new Kafka({ brokers, logLevel: logLevel.NOTHING, retry: { retries: 2 } }),
        logger: silent,
        clock: systemClock,
      }),
    topic: (partitions) => newTopic(brokers, partitions),
    async [Symbol.asyncDispose]() {},
  };
});
