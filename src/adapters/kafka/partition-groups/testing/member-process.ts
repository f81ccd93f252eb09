import { writeSync } from 'node:fs';
import { Kafka, logLevel } from 'kafkajs';
import { systemClock } from '../../../node/system-clock.ts';
import { kafkaPartitionGroups } from '../kafka-partition-groups.ts';
import { machineMs, type Told } from './member-processes.ts';

// One member of a group: BROKERS GROUP TOPIC. Writes a line for everything that it is told, at once; leaves on SIGTERM.
const [brokers = '', group = '', topic = ''] = process.argv.slice(2);
const groups = kafkaPartitionGroups({
  kafka: new Kafka({
    brokers: brokers.split(','),
    logLevel: logLevel.NOTHING,
    requestTimeout: 5_000,
    retry: { retries: 2, initialRetryTime: 100, maxRetryTime: 1_000 },
  }),
  logger: { debug() {}, info() {}, warn() {}, error() {} },
  clock: systemClock,
});
const member = await groups.join(group, topic, (partitions) => {
  const told: Told = { partitions, atMs: machineMs() };
  writeSync(1, `${JSON.stringify(told)}\n`);
});
process.once('SIGTERM', () => void member[Symbol.asyncDispose]());
