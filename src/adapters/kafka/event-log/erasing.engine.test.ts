import { readdir, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Kafka } from 'kafkajs';
import type { EventLog, NewRecord } from '../../../ports/event-log.ts';
import { LogDamaged } from '../../../ports/event-log.ts';
import { type KafkaEngine, startKafka } from '../../../testing/engines/kafka.ts';
import { kafkaClient } from './client.ts';
import { contentOf, Follower, readAll, until } from './testing/appenders.ts';
import { makeTopics, openOn, silentLogger, type TestTopics } from './testing/logs.ts';

let engine: KafkaEngine;
let kafka: Kafka;

beforeAll(async () => {
  engine = await startKafka({ properties: { 'log.cleaner.backoff.ms': '100' } });
  kafka = kafkaClient({ brokers: [engine.brokers], tls: false, sasl: undefined, clientId: 'test' }, silentLogger);
});

afterAll(() => engine[Symbol.asyncDispose]());

const fact = 'fact: ';

/** What takes deployments an hour. */
const compactedSoon = {
  'segment.ms': '100',
  'min.cleanable.dirty.ratio': '0.001',
  'delete.retention.ms': '100',
  'max.compaction.lag.ms': '100',
};

function spoken({ topic }: TestTopics, key: string, words: string): NewRecord {
  return {
    topic,
    partition: 0,
    key,
    headers: { ce_id: words },
    value: Buffer.from(fact + words),
    contentOffset: fact.length,
  };
}

async function contents(log: EventLog, { topic }: TestTopics): Promise<string[]> {
  return (await readAll(log, topic, 0)).map(contentOf);
}

/** Erases the words of everything that the partition holds of this key. */
async function eraseKey(log: EventLog, { topic }: TestTopics, key: string): Promise<void> {
  const records = (await readAll(log, topic, 0)).filter((record) => record.key === key);
  await log.erase(
    topic,
    0,
    records.map(({ offset }) => ({ offset, value: Buffer.from(fact) })),
  );
}

/** Everything that the broker has in its files of these topics. */
async function filesOf({ topic, keysTopic }: TestTopics): Promise<string> {
  const folder = `${engine.dataDir}/log`;
  const partitions = (await readdir(folder)).filter((name) => name.startsWith(topic) || name.startsWith(keysTopic));
  const files = partitions.map(async (partition) => {
    const names = await readdir(`${folder}/${partition}`);
    return Promise.all(names.map((name) => textOfFile(`${folder}/${partition}/${name}`)));
  });
  return (await Promise.all(files)).flat().join('');
}

/** Of a file that the broker has removed since it was listed: nothing, for what it held is in another. */
async function textOfFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'latin1');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return '';
  }
}

/** Writes to the broker what no log of ours would. */
async function plant(topic: string, message: { key: string; value: Buffer | null; headers?: Record<string, string> }) {
  const producer = kafka.producer({ retry: { retries: 5 } });
  await producer.connect();
  try {
    await producer.send({ topic, messages: [{ ...message, partition: 0 }] });
  } finally {
    await producer.disconnect();
  }
}

/** The headers of a record as it is stored. */
async function storedHeaders({ topic }: TestTopics): Promise<Record<string, string>> {
  const consumer = kafka.consumer({ groupId: `${topic}.look`, retry: { retries: 5 } });
  await consumer.connect();
  try {
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    return await new Promise((resolve, reject) => {
      const eachMessage = async ({ message }: { message: { headers?: Record<string, unknown> } }) => {
        resolve(
          Object.fromEntries(Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)])),
        );
      };
      consumer.run({ eachMessage }).catch(reject);
    });
  } finally {
    await consumer.disconnect();
  }
}

describe('words on Kafka', () => {
  test('are nowhere in the files of the broker, which has what comes before them', async () => {
    const topics = await makeTopics(engine.brokers, 1);
    await using log = await openOn(topics);
    await log.append(['first', 'second', 'third'].map((words) => spoken(topics, 'one', `${words} secret`)));
    await log.append([{ ...spoken(topics, 'one', 'no secret'), contentOffset: fact.length + 'no secret'.length }]);
    const files = await filesOf(topics);
    expect(files).toContain(fact);
    expect(files).toContain('no secret');
    expect(files.replaceAll('no secret', '')).not.toContain(`${fact}first`);
    expect(await contents(log, topics)).toEqual(
      ['first secret', 'second secret', 'third secret', 'no secret'].map((words) => fact + words),
    );
  });

  test('are read by other processes, which seal with keys of their own', async () => {
    const topics = await makeTopics(engine.brokers, 1);
    await using one = await openOn(topics);
    await using other = await openOn(topics);
    await using third = await openOn(topics, { mode: 'read' });
    const followers = [one, other, third].map((log) => new Follower(log, topics.topic, 0));
    for (let number = 0; number < 100; number += 1)
      await (number % 2 ? one : other).append([spoken(topics, `conversation ${number % 7}`, String(number))]);
    await until('all have read all', () => followers.every(({ records }) => records.length === 100));
    const expected = Array.from({ length: 100 }, (_, number) => `${fact}${number}`);
    for (const follower of followers) {
      await follower.stop();
      expect(follower.records.map(contentOf)).toEqual(expected);
      expect(follower.records.every(({ headers }) => Object.keys(headers).join() === 'ce_id')).toBe(true);
    }
  });

  test('that were erased are given to nobody, in this process, another and a new one, though the broker has compacted nothing', async () => {
    const topics = await makeTopics(engine.brokers, 1);
    await using log = await openOn(topics);
    await using other = await openOn(topics);
    for (const words of ['a', 'b']) {
      await log.append([spoken(topics, 'erased', words), spoken(topics, 'kept', words)]);
      await other.append([spoken(topics, 'erased', words)]);
    }
    await eraseKey(log, topics, 'erased');
    const expected = ['', 'a', '', '', 'b', ''].map((words) => fact + words);
    await using late = await openOn(topics, { mode: 'read' });
    expect(await contents(log, topics)).toEqual(expected);
    expect(await contents(late, topics)).toEqual(expected);
    const follower = new Follower(log, topics.topic, 0);
    await until('the tail has all', () => follower.records.length === 6);
    await follower.stop();
    expect(follower.records.map(contentOf)).toEqual(expected);
    // The other process learns of it from the keys topic.
    await until('the other knows', async () => (await contents(other, topics)).join() === expected.join());
  });

  test('said in an erased conversation later are kept, whoever says them, and erased with it the next time', async () => {
    const topics = await makeTopics(engine.brokers, 1);
    await using log = await openOn(topics);
    await using other = await openOn(topics);
    await log.append([spoken(topics, 'one', 'before')]);
    await other.append([spoken(topics, 'one', 'before')]);
    await eraseKey(log, topics, 'one');
    await log.append([spoken(topics, 'one', 'later')]);
    await until('the other knows', async () => (await contents(other, topics))[1] === fact);
    await other.append([spoken(topics, 'one', 'later')]);
    expect(await contents(log, topics)).toEqual([fact, fact, `${fact}later`, `${fact}later`]);
    await eraseKey(other, topics, 'one');
    expect(await contents(other, topics)).toEqual([fact, fact, fact, fact]);
  });

  test('can be erased only from where they begin', async () => {
    const topics = await makeTopics(engine.brokers, 1);
    await using log = await openOn(topics);
    const { contentOffset: _, ...whole } = spoken(topics, 'one', 'no words');
    await log.append([spoken(topics, 'one', 'words'), whole]);
    for (const [offset, value] of [
      [0, 'fact'],
      [0, `${fact}w`],
      [0, `${fact}words`],
      [1, fact],
    ] as const)
      await expect(log.erase(topics.topic, 0, [{ offset, value: Buffer.from(value) }])).rejects.toThrow(RangeError);
    await log.erase(topics.topic, 0, [{ offset: 1, value: whole.value }]);
    expect(await contents(log, topics)).toEqual([`${fact}words`, `${fact}no words`]);
    await expect(log.append([{ ...whole, contentOffset: 1_000 }])).rejects.toThrow(RangeError);
  });

  test('that are not what was encrypted in their place are damage, and what is before them is given', async () => {
    const topics = await makeTopics(engine.brokers, 1);
    await using log = await openOn(topics);
    await log.append([spoken(topics, 'one', 'whole')]);
    const headers = await storedHeaders(topics);
    await plant(topics.topic, { key: 'one', value: Buffer.from(`${fact}${'x'.repeat(60)}`), headers });
    const [first] = await log.read(topics.topic, 0, 0, 10);
    expect(contentOf(first!)).toBe(`${fact}whole`);
    const damage = { name: 'LogDamaged', topic: topics.topic, partition: 0, offset: 1 };
    await expect(log.read(topics.topic, 0, 1, 10)).rejects.toMatchObject(damage);
    const given: string[] = [];
    const tailing = (async () => {
      for await (const batch of log.tail(topics.topic, 0, 0, new AbortController().signal))
        given.push(...batch.map(contentOf));
    })();
    await expect(tailing).rejects.toMatchObject(damage);
    expect(given).toEqual([`${fact}whole`]);
    // An erasure needs no words to be whole.
    await log.erase(topics.topic, 0, [{ offset: 1, value: Buffer.from(fact) }]);
    expect(await contents(log, topics)).toEqual([fact, fact]);
  });

  test('have lost their keys for good once the broker has compacted them, and the others are read on without', async () => {
    const topics = await makeTopics(engine.brokers, 1, compactedSoon);
    await using log = await openOn(topics);
    // As they stand in a record: an id of 22 characters before a key of 32 bytes, whose length is written as `@`.
    const keyIds = async (): Promise<string[]> =>
      (await filesOf({ ...topics, topic: topics.keysTopic })).match(/[\w-]{22}(?=@)/g) ?? [];
    await log.append([spoken(topics, 'one', 'kept'), spoken(topics, 'two', 'erased')]);
    const before = await keyIds();
    expect(before.length).toBe(2);
    await plant(topics.keysTopic, { key: 'stranger', value: Buffer.from('no key') });
    await eraseKey(log, topics, 'two');
    // What is compacted is all but the newest segment, and a segment ends when something comes after its time.
    let said = 0;
    await until('it is compacted', async () => {
      await log.append([spoken(topics, `another ${said}`, String(said))]);
      said += 1;
      const left = await keyIds();
      return before.filter((id) => left.includes(id)).length === 1;
    });
    await using late = await openOn(topics);
    const expected = [`${fact}kept`, fact, ...Array.from({ length: said }, (_, number) => `${fact}${number}`)];
    expect(await contents(late, topics)).toEqual(expected);
    expect(await contents(log, topics)).toEqual(expected);
    await late.append([spoken(topics, 'one', 'new')]);
    expect((await contents(log, topics)).at(-1)).toBe(`${fact}new`);
  });

  test('are LogDamaged when their records were deleted by somebody', async () => {
    const topics = await makeTopics(engine.brokers, 1);
    await using log = await openOn(topics);
    for (let number = 0; number < 10; number += 1) await log.append([spoken(topics, 'one', String(number))]);
    const admin = kafka.admin({ retry: { retries: 5 } });
    await admin.connect();
    await admin.fetchTopicOffsets(topics.topic);
    await admin.deleteTopicRecords({ topic: topics.topic, partitions: [{ partition: 0, offset: '5' }] });
    await admin.disconnect();
    await expect(log.read(topics.topic, 0, 0, 10)).rejects.toMatchObject({ name: 'LogDamaged', offset: 0 });
    const tail = log.tail(topics.topic, 0, 4, new AbortController().signal)[Symbol.asyncIterator]();
    await expect(tail.next()).rejects.toThrow(LogDamaged);
    expect((await log.read(topics.topic, 0, 5, 10)).map(contentOf)[0]).toBe(`${fact}5`);
  });
});
