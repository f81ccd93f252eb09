import { afterAll, beforeAll } from '@jest/globals';
import type { LogUnderTest } from '../../../ports/contracts/event-log.contract.ts';
import { eventLogContract } from '../../../ports/contracts/event-log.contract.ts';
import { type KafkaEngine, startKafka } from '../../../testing/engines/kafka.ts';
import { makeTopics, openOn } from './testing/logs.ts';

let engine: KafkaEngine;

beforeAll(async () => {
  engine = await startKafka({ external: 'allowed' });
});

afterAll(() => engine[Symbol.asyncDispose]());

eventLogContract('Kafka', async (partitions): Promise<LogUnderTest> => {
  const topics = await makeTopics(engine.brokers, partitions);
  let log = await openOn(topics);
  return {
    log,
    topic: topics.topic,
    reopen: async () => {
      await log[Symbol.asyncDispose]();
      log = await openOn(topics);
      return log;
    },
    [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
  };
});
