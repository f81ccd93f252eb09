import { expect, test } from '@jest/globals';
import { freePort } from '../../../testing/engines/free-port.ts';
import { startKafka } from '../../../testing/engines/kafka.ts';
import { seededRandom } from '../../../testing/random.ts';
import { rounds } from '../../../testing/rounds.ts';
import { until } from './testing/appenders.ts';
import { startCuttingProxy } from './testing/cutting-proxy.ts';
import { makeTopics } from './testing/logs.ts';
import { underLoad } from './testing/under-load.ts';

const cuts = rounds({ usual: 20, long: 60 });

test('stores once what the broker took, however often its answers are lost', async () => {
  const [port, proxyPort] = [await freePort(), await freePort()];
  await using proxy = await startCuttingProxy(proxyPort, port, seededRandom());
  // Clients go where the broker says that it is.
  const properties = { 'advertised.listeners': `PLAINTEXT://127.0.0.1:${proxyPort}` };
  await using engine = await startKafka({ port, properties });
  const topics = await makeTopics(engine.brokers, 3);
  const { acknowledged, refusalsMs } = await underLoad(topics, async (running) => {
    await until('it runs', () => running.acknowledged.length > 500);
    proxy.share = 0.05;
    await until('connections were cut', () => proxy.cuts >= cuts, 60_000);
    proxy.share = 0;
    const back = performance.now();
    await until('all are served again', () => running.allServedSince(back), 10_000);
  });
  console.info(`${acknowledged.length} acknowledged, ${refusalsMs.length} refused, ${proxy.cuts} connections cut`);
  expect(acknowledged.length).toBeGreaterThan(1_000);
});
