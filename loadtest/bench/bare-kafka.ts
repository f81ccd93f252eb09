/**
 * What kafkajs alone does, by its public interface: appended to a topic and read again by a consumer. In a process of its own: brokers, at once,
 * warm-up ms, measured ms.
 */
import { randomUUID } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import { bareLoop, type Returning } from './bare-loop.ts';

const [brokers = '', ...numbers] = process.argv.slice(2);
const [atOnce = 1, warmUpMs = 1_000, measureMs = 1_000] = numbers.map(Number);
/** As many as the conversations of a deployment have. */
const partitions = 10;
const topic = `bare-${randomUUID()}`;
/** As large as a message's event. */
const filling = Buffer.alloc(250, '.');

const kafka = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING });
const admin = kafka.admin();
// One batch at a time, of whatever gathered meanwhile: the fastest way that kafkajs was found to have.
const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
const consumer = kafka.consumer({ groupId: topic, maxWaitTimeInMs: 100 });
await Promise.all([admin.connect(), producer.connect(), consumer.connect()]);
await admin.createTopics({ topics: [{ topic, numPartitions: partitions }], waitForLeaders: true });

let waiting: number[] = [];
/** Everything given so far is sent when it resolves. */
let sending = Promise.resolve();

async function flush(): Promise<void> {
  while (waiting.length > 0) {
    const batch = waiting;
    waiting = [];
    const messages = batch.map((index) => ({ key: String(index), value: filling, partition: index % partitions }));
    await producer.sendBatch({ acks: -1, topicMessages: [{ topic, messages }] });
  }
}

const path: Returning = {
  send(index) {
    waiting.push(index);
    if (waiting.length > 1) return;
    setImmediate(() => {
      sending = sending.then(flush);
    });
  },
  onReturn: () => {},
};
const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
await consumer.subscribe({ topic, fromBeginning: true });
await consumer.run({
  autoCommit: false,
  eachBatch: async ({ batch }) => {
    for (const { key } of batch.messages) path.onReturn(Number(key));
  },
});
await joined;
const figures = await bareLoop(path, atOnce, warmUpMs, measureMs);
await sending;
await Promise.all([consumer.disconnect(), producer.disconnect()]);
await admin.deleteTopics({ topics: [topic] });
await admin.disconnect();
console.log(JSON.stringify(figures));
