import { readdir, truncate } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { LogUnavailable } from '../../../ports/event-log.ts';
import { type KafkaEngine, startKafka } from '../../../testing/engines/kafka.ts';
import { rounds } from '../../../testing/rounds.ts';
import { contentOf, readAll, until } from './testing/appenders.ts';
import { makeTopics, openOn, silentLogger } from './testing/logs.ts';
import { underLoad } from './testing/under-load.ts';

const partitions = 3;
const kills = rounds({ usual: 2, long: 5 });

/** What a caller is promised (5 s, by a timer of the process), and what a machine with too much to do may add to it. */
const longestAppendMs = 7_000;

/** What opening is given (10 s), and what a busy machine may add to it. */
const longestOpenMs = 12_000;

let engine: KafkaEngine;

beforeAll(async () => {
  engine = await startKafka();
});

afterAll(() => engine[Symbol.asyncDispose]());

describe('the log on Kafka', () => {
  test(`loses nothing acknowledged, keeps the order and goes on by itself when its broker is killed ${kills} times`, async () => {
    const topics = await makeTopics(engine.brokers, partitions);
    const backMs: number[] = [];
    const appenders = await underLoad(topics, async (running) => {
      for (let round = 0; round < kills; round += 1) {
        const before = running.acknowledged.length;
        await until('it runs', () => running.acknowledged.length > before + 500);
        await engine.kill();
        // Long enough for some of the callers to have been refused, in one round of two.
        if (round % 2 === 0) await sleep(3_000);
        await engine.start();
        const back = performance.now();
        await until('all are served again', () => running.allServedSince(back), 10_000);
        backMs.push(Math.round(performance.now() - back));
      }
    });
    const { acknowledged, refusalsMs, longestMs } = appenders;
    const figures = `${acknowledged.length} acknowledged, ${refusalsMs.length} refused, longest ${Math.round(longestMs)} ms`;
    console.info(`${figures}; all served again ${backMs.join(', ')} ms after the broker was`);
    expect(longestMs).toBeLessThan(longestAppendMs);
  });

  test('refuses within 5 s while its broker is stopped, at once when that lasts, and goes on when it does', async () => {
    const topics = await makeTopics(engine.brokers, partitions);
    const appenders = await underLoad(topics, async (running) => {
      await until('it runs', () => running.acknowledged.length > 500);
      await engine.pause();
      try {
        const begun = performance.now();
        await expect(openOn(topics)).rejects.toThrow(LogUnavailable);
        expect(performance.now() - begun).toBeLessThan(longestOpenMs);
        await sleep(15_000 - (performance.now() - begun));
      } finally {
        engine.resume();
      }
      const back = performance.now();
      await until('all are served again', () => running.allServedSince(back), 10_000);
      console.info(`all served again ${Math.round(performance.now() - back)} ms after the broker`);
    });
    expect(appenders.longestMs).toBeLessThan(longestAppendMs);
    expect(appenders.refusalsMs.length).toBeGreaterThanOrEqual(20);
    // Each of the twenty has waited in vain once; most refusals came at once.
    expect(appenders.refusalsMs.filter((ms) => ms < 1_000).length).toBeGreaterThan(100);
  });

  test('keeps positions through the death of its broker, and reads and tells its end again when it is back', async () => {
    const topics = await makeTopics(engine.brokers, partitions);
    await using log = await openOn(topics);
    await log.append([{ topic: topics.topic, partition: 0, key: '', headers: {}, value: Buffer.from('one') }]);
    await log.commit('group', topics.topic, 0, 1);
    await engine.kill();
    const begun = performance.now();
    await Promise.all([
      expect(log.endOffset(topics.topic, 0)).rejects.toThrow(LogUnavailable),
      expect(log.read(topics.topic, 0, 0, 1)).rejects.toThrow(LogUnavailable),
      expect(log.committed('group', topics.topic, 0)).rejects.toThrow(LogUnavailable),
      expect(log.commit('group', topics.topic, 0, 2)).rejects.toThrow(LogUnavailable),
    ]);
    expect(performance.now() - begun).toBeLessThan(longestAppendMs);
    await engine.start();
    expect(await log.endOffset(topics.topic, 0)).toBe(1);
    expect((await log.read(topics.topic, 0, 0, 1)).map(contentOf)).toEqual(['one']);
    expect(await log.committed('group', topics.topic, 0)).toBe(1);
  });

  test('goes on when the broker has lost what it had acknowledged, in a power cut', async () => {
    const topics = await makeTopics(engine.brokers, 1);
    const told: string[] = [];
    const tell = (_: object, message: string) => void told.push(message);
    // An error where the batch had been sent before, to a broker that did not lead its partition yet.
    const logger = { ...silentLogger, warn: tell, error: tell };
    await using log = await openOn(topics, { logger });
    const say = (content: string) =>
      log.append([{ topic: topics.topic, partition: 0, key: '', headers: {}, value: Buffer.from(content) }]);
    for (let number = 0; number < 20; number += 1) await say(`before ${number}`);
    await engine.kill();
    await forget(engine, `${topics.topic}-0`);
    await engine.start();
    // Its next sequence number is not what the broker expects.
    await until('it goes on', () =>
      say('after').then(
        () => true,
        () => false,
      ),
    );
    expect(told.filter((message) => message.includes('sequence'))).not.toEqual([]);
    const contents = (await readAll(log, topics.topic, 0)).map(contentOf);
    expect(contents.at(-1)).toBe('after');
    expect(contents.length).toBeLessThan(21);
  });
});

/** Cuts the partition's file in half, as if the rest had never reached the disk. */
async function forget({ dataDir }: KafkaEngine, partition: string): Promise<void> {
  for (const name of await readdir(`${dataDir}/log/${partition}`)) {
    if (name.endsWith('.log')) await truncate(`${dataDir}/log/${partition}/${name}`, 1_000);
  }
}
