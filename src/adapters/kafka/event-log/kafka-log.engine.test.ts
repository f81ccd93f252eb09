import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Appended, NewRecord } from '../../../ports/event-log.ts';
import { LogUnavailable, logFormat } from '../../../ports/event-log.ts';
import { type KafkaEngine, startKafka } from '../../../testing/engines/kafka.ts';
import { seededRandom } from '../../../testing/random.ts';
import { appendTimeoutMs } from './limits.ts';
import { decodeMark, encodeMark, LogOfLaterRelease, releaseMarkKey } from './release-mark.ts';
import { contentOf, Follower, readAll, until } from './testing/appenders.ts';
import { makeTopics, openOn, type TestTopics } from './testing/logs.ts';

const mebibyte = 1_024 * 1_024;

let engine: KafkaEngine;

beforeAll(async () => {
  engine = await startKafka({ external: 'allowed' });
});

afterAll(() => engine[Symbol.asyncDispose]());

function record({ topic }: TestTopics, partition: number, value: Uint8Array, contentOffset?: number): NewRecord {
  const headers = { ce_specversion: '1.0', ce_id: '0190aaaa-bbbb-7ccc-8ddd-eeeeffff0000', ce_type: 'test.Happened' };
  const plain = { topic, partition, key: `conversation ${partition}`, headers, value };
  return contentOffset === undefined ? plain : { ...plain, contentOffset };
}

function percentile(sorted: readonly number[], share: number): string {
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN).toFixed(1);
}

describe('the log on Kafka', () => {
  test('is marked with the release that writes, and refused by those that do not know its format', async () => {
    const topics = await makeTopics(engine.brokers, 1);
    for (const release of ['0.3.0', '0.3.1', '0.3.0']) {
      await using log = await openOn(topics, { release });
      await log.append([record(topics, 0, Buffer.from(release), 0)]);
    }
    await using keys = await openOn({ ...topics, topic: topics.keysTopic, keysTopic: topics.topic });
    const marks = (await readAll(keys, topics.keysTopic, 0)).filter(({ key }) => key === releaseMarkKey);
    expect(marks.map(({ value }) => decodeMark(value)?.release)).toEqual(['0.3.0', '0.3.1', '0.3.0']);
    const value = encodeMark({ release: '0.4.0', format: logFormat + 1 });
    await keys.append([{ topic: topics.keysTopic, partition: 0, key: releaseMarkKey, headers: {}, value }]);
    await expect(openOn(topics, { release: '0.3.0' })).rejects.toThrow(LogOfLaterRelease);
    await expect(openOn(topics, { release: '0.3.0' })).rejects.toThrow('Parley 0.4.0 has written to it');
    await using reader = await openOn(topics, { mode: 'read', release: '0.3.0' });
    expect((await readAll(reader, topics.topic, 0)).map(({ value }) => String(Buffer.from(value)))).toEqual([
      '0.3.0',
      '0.3.1',
      '0.3.0',
    ]);
  });

  test('takes records of 3.9 MiB, many at once, and refuses what no batch can hold', async () => {
    const topics = await makeTopics(engine.brokers, 2);
    await using log = await openOn(topics);
    const value = new Uint8Array(3.9 * mebibyte);
    for (let index = 0; index < value.length; index += 1) value[index] = (index * 31) % 251;
    const tail = new Follower(log, topics.topic, 0);
    await using other = await openOn(topics, { mode: 'read' });
    const appended = await Promise.all(
      Array.from({ length: 6 }, (_, number) => log.append([record(topics, number % 2, value, 1_000)])),
    );
    expect(appended.flat().map(({ partition, offset }) => `${partition}/${offset}`)).toEqual([
      '0/0',
      '1/0',
      '0/1',
      '1/1',
      '0/2',
      '1/2',
    ]);
    for (const stored of [await readAll(other, topics.topic, 0), await readAll(log, topics.topic, 1)])
      expect(stored.map((found) => Buffer.compare(found.value, value))).toEqual([0, 0, 0]);
    await until('the tail has all', () => tail.records.length === 3);
    await tail.stop();
    const tooMuch = [record(topics, 0, value), record(topics, 0, value)];
    await expect(log.append([...tooMuch, record(topics, 1, value)])).rejects.toThrow(RangeError);
    expect(await log.endOffset(topics.topic, 1)).toBe(3);
  });

  test('refuses a record that its broker refuses, and goes on with the next', async () => {
    const topics = await makeTopics(engine.brokers, 1, {}, { 'max.message.bytes': '10000' });
    await using log = await openOn(topics);
    const refused = log.append([record(topics, 0, new Uint8Array(20_000))]);
    await expect(refused).rejects.toThrow(/the broker refused it: .*larger/);
    await log.append([record(topics, 0, Buffer.from('next'))]);
    expect((await readAll(log, topics.topic, 0)).map(contentOf)).toEqual(['next']);
  });

  test('stores no words whose key cannot be stored before them', async () => {
    const topics = await makeTopics(engine.brokers, 2, { 'max.message.bytes': '50' });
    await using log = await openOn(topics);
    const spoken = record(topics, 0, Buffer.from('words'), 0);
    const silent = [0, 1].map((partition) => record(topics, partition, Buffer.from('none')));
    const first = log.append(silent);
    await expect(log.append([spoken])).rejects.toMatchObject({ name: 'LogUnavailable', outcome: 'not-written' });
    await first;
    await expect(log.append([...silent, spoken])).rejects.toMatchObject({ outcome: 'not-written' });
    expect(await Promise.all([0, 1].map((partition) => log.endOffset(topics.topic, partition)))).toEqual([1, 1]);
  });

  // Cause: what had gathered when the process froze was sent when it woke, for sessions that had been taken over meanwhile.
  test('sends nothing, after it stood still, that nobody waits for any more', async () => {
    const topics = await makeTopics(engine.brokers, 1);
    await using log = await openOn(topics);
    await log.append([record(topics, 0, Buffer.from('before'))]);
    const gathered = log.append([record(topics, 0, Buffer.from('gathered'))]);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, appendTimeoutMs + 100);
    await expect(gathered).rejects.toMatchObject({ name: 'LogUnavailable', outcome: 'not-written' });
    await log.append([record(topics, 0, Buffer.from('after'))]);
    expect((await readAll(log, topics.topic, 0)).map(contentOf)).toEqual(['before', 'after']);
  });

  test('gives its own tails the very bytes that were appended since there are any, which need not be decoded again', async () => {
    const topics = await makeTopics(engine.brokers, 1);
    await using log = await openOn(topics);
    const values = Array.from({ length: 20 }, (_, number) => Buffer.from(`fact ${number}`));
    const before = new Follower(log, topics.topic, 0, values.length);
    for (const value of values) await log.append([record(topics, 0, value, 4)]);
    const tail = new Follower(log, topics.topic, 0);
    await until('the tail has all', () => tail.records.length === values.length);
    await Promise.all([before.stop(), tail.stop()]);
    expect(tail.records.every(({ value }, index) => value === values[index])).toBe(true);
  });

  test('holds up no tail for another of the same partition that is not read, and gives that one everything later', async () => {
    const topics = await makeTopics(engine.brokers, 1);
    await using log = await openOn(topics);
    const stop = new AbortController();
    const slow = log.tail(topics.topic, 0, 0, stop.signal)[Symbol.asyncIterator]();
    const first = slow.next();
    const fast = new Follower(log, topics.topic, 0);
    // More than a tail holds for its reader.
    const count = 4_000;
    for (let done = 0; done < count; done += 200)
      await log.append(Array.from({ length: 200 }, () => record(topics, 0, Buffer.alloc(1_000))));
    await until('the other tail has all', () => fast.records.length === count);
    await fast.stop();
    const offsets = ((await first).value ?? []).map(({ offset }: Appended) => offset);
    while (offsets.length < count)
      offsets.push(...((await slow.next()).value ?? []).map(({ offset }: Appended) => offset));
    stop.abort();
    expect(offsets).toEqual(Array.from({ length: count }, (_, offset) => offset));
  });

  test('serves tails that come and go at any offset beside others', async () => {
    const topics = await makeTopics(engine.brokers, 3);
    await using log = await openOn(topics);
    const random = seededRandom();
    const count = 600;
    const appending = (async () => {
      for (let number = 0; number < count; number += 1)
        await log.append([0, 1, 2].map((partition) => record(topics, partition, Buffer.from(String(number)))));
    })();
    const followers: { readonly from: number; readonly follower: Follower }[] = [];
    const gone = new Set<Follower>();
    const isWhole = ({ from, follower }: (typeof followers)[number]) => from + follower.records.length === count;
    for (let number = 0; number < 40; number += 1) {
      const partition = Math.floor(random() * 3);
      const end = await log.endOffset(topics.topic, partition);
      const from = random() < 0.5 ? end : Math.floor(random() * (end + 1));
      followers.push({ from, follower: new Follower(log, topics.topic, partition, from) });
      if (random() >= 0.3) continue;
      const { follower } = followers[Math.floor(random() * followers.length)]!;
      gone.add(follower);
      await follower.stop();
    }
    await appending;
    const late = [0, 1, 2].map((partition) => new Follower(log, topics.topic, partition));
    const whoStay = followers.filter(({ follower }) => !gone.has(follower));
    await until('the late ones have all', () => late.every(({ records }) => records.length === count));
    await until('those who stayed have all', () => whoStay.every(isWhole));
    const ends = await Promise.all([...late, ...followers.map(({ follower }) => follower)].map((one) => one.stop()));
    expect(ends.length).toBe(43);
    for (const { from, follower } of followers)
      expect(follower.records.map(contentOf)).toEqual(Array.from(follower.records, (_, index) => String(from + index)));
    expect(whoStay.length).toBeGreaterThan(10);
  });

  test('waits at an offset that is not there yet', async () => {
    const topics = await makeTopics(engine.brokers, 1);
    await using log = await openOn(topics);
    const tail = new Follower(log, topics.topic, 0, 3);
    for (let number = 0; number < 5; number += 1) await log.append([record(topics, 0, Buffer.from(String(number)))]);
    await until('the tail has all', () => tail.records.length === 2);
    await tail.stop();
    expect(tail.records.map(({ offset }) => offset)).toEqual([3, 4]);
  });

  test('is only read when it was opened for reading', async () => {
    const topics = await makeTopics(engine.brokers, 1);
    await using log = await openOn(topics, { mode: 'read' });
    await expect(log.append([record(topics, 0, Buffer.from('a'))])).rejects.toThrow(TypeError);
    await expect(log.erase(topics.topic, 0, [])).rejects.toThrow(TypeError);
    await expect(log.commit('group', topics.topic, 0, 0)).rejects.toThrow(TypeError);
    expect(await log.committed('group', topics.topic, 0)).toBe(0);
  });

  test('may lack a topic that an earlier release has not made, where it is only read', async () => {
    const made = await makeTopics(engine.brokers, 1);
    await using writer = await openOn(made);
    await writer.append([record(made, 0, Buffer.from('a'))]);
    const topics = { [made.topic]: 1, [`${made.topic}-later`]: 1 };
    const mayLack = [`${made.topic}-later`];
    await using log = await openOn(made, { mode: 'read', topics, mayLack });
    expect(log.partitions(`${made.topic}-later`)).toBe(0);
    expect(await readAll(log, made.topic, 0)).toHaveLength(1);
    await expect(openOn(made, { mode: 'read', topics })).rejects.toThrow('-later/0 does not exist');
  });

  test('answers what was appended and committed when it is closed, and then ends its tails and refuses everything', async () => {
    const topics = await makeTopics(engine.brokers, 1);
    const log = await openOn(topics);
    const tail = log.tail(topics.topic, 0, 5, new AbortController().signal)[Symbol.asyncIterator]().next();
    const ended = expect(tail).rejects.toThrow(LogUnavailable);
    const appended = log.append([record(topics, 0, Buffer.from('a'), 0)]);
    const committed = log.commit('group', topics.topic, 0, 1);
    await log[Symbol.asyncDispose]();
    expect((await appended)[0]?.offset).toBe(0);
    await committed;
    await ended;
    await expect(log.append([record(topics, 0, Buffer.from('a'))])).rejects.toMatchObject({ outcome: 'not-written' });
    await expect(log.read(topics.topic, 0, 0, 1)).rejects.toThrow(LogUnavailable);
    await expect(log.endOffset(topics.topic, 0)).rejects.toThrow(LogUnavailable);
    await expect(log.commit('group', topics.topic, 0, 1)).rejects.toThrow(LogUnavailable);
    await using again = await openOn(topics);
    expect(await again.committed('group', topics.topic, 0)).toBe(1);
  });

  test('appends and tails: figures', async () => {
    const topics = await makeTopics(engine.brokers, 10);
    await using log = await openOn(topics);
    await using other = await openOn(topics, { mode: 'read' });
    const followers = Array.from({ length: 10 }, (_, partition) => new Follower(other, topics.topic, partition));
    for (const callers of [1, 200]) {
      const latencies: number[] = [];
      const end = performance.now() + 2_000;
      const call = async (who: number) => {
        while (performance.now() < end) {
          const begun = performance.now();
          await log.append([record(topics, who % 10, new Uint8Array(200), 100)]);
          latencies.push(performance.now() - begun);
        }
      };
      await Promise.all(Array.from({ length: callers }, (_, who) => call(who)));
      latencies.sort((one, another) => one - another);
      const rate = `${Math.round(latencies.length / 2)} records of 200 bytes a second`;
      const waits = `p50 ${percentile(latencies, 0.5)} ms, p99 ${percentile(latencies, 0.99)} ms`;
      console.info(`${callers} callers, words encrypted: ${rate}, ${waits}`);
    }
    const waits: number[] = [];
    for (let number = 0; number < 300; number += 1) {
      const begun = performance.now();
      const [place] = await log.append([record(topics, number % 10, new Uint8Array(200), 100)]);
      const { records } = followers[number % 10]!;
      while (records.at(-1)?.offset !== place?.offset) await new Promise(setImmediate);
      waits.push(performance.now() - begun);
    }
    waits.sort((one, another) => one - another);
    console.info(`append to another's tail: p50 ${percentile(waits, 0.5)} ms, p99 ${percentile(waits, 0.99)} ms`);
    await Promise.all(followers.map((follower) => follower.stop()));
    expect(followers.every(({ records }) => records.every(({ offset }, index) => offset === index))).toBe(true);
  });
});
