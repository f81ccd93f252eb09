import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { freePort } from '../../../testing/engines/free-port.ts';
import { startKafka } from '../../../testing/engines/kafka.ts';
import { Follower, until } from './testing/appenders.ts';
import { startCuttingProxy } from './testing/cutting-proxy.ts';
import { makeTopics, openOn } from './testing/logs.ts';

// Partitions that came while a fetch waited for others were asked for each 5 ms for ever, because the two were never begun together.
test('asks its broker some ten times a second while nothing comes, in whatever order its tails began', async () => {
  const [port, proxyPort] = [await freePort(), await freePort()];
  await using proxy = await startCuttingProxy(proxyPort, port, () => 1);
  // Clients go where the broker says that it is.
  const properties = { 'advertised.listeners': `PLAINTEXT://127.0.0.1:${proxyPort}` };
  await using engine = await startKafka({ port, properties });
  const topics = await makeTopics(engine.brokers, 3);
  await using log = await openOn(topics);
  const tails = [0, 1].map((partition) => new Follower(log, topics.topic, partition));
  const value = Buffer.from('something');
  await log.append([0, 1, 2].map((partition) => ({ topic: topics.topic, partition, key: '', headers: {}, value })));
  await until('two have it', () => tails.every(({ records }) => records.length === 1));
  tails.push(new Follower(log, topics.topic, 2));
  await until('the third has it', () => tails.every(({ records }) => records.length === 1));

  const before = proxy.answers;
  await sleep(2_000);
  const answers = proxy.answers - before;
  await Promise.all(tails.map((tail) => tail.stop()));

  expect(answers).toBeGreaterThan(0);
  expect(answers).toBeLessThan(80);
});
