/** What NATS alone does: published on one connection, heard on another. In a process of its own: servers, at once, warm-up ms, measured ms. */
import { connect } from '@nats-io/transport-node';
import { bareLoop, type Returning } from './bare-loop.ts';

const [servers = '', ...numbers] = process.argv.slice(2);
const [atOnce = 1, warmUpMs = 1_000, measureMs = 1_000] = numbers.map(Number);
/** As large as a piece of a reply with its ids. */
const filling = '.'.repeat(250);

const [publisher, subscriber] = [await connect({ servers }), await connect({ servers })];
const path: Returning = {
  send: (index) => publisher.publish(`bench.${index}`, filling),
  onReturn: () => {},
};
for (let index = 0; index < atOnce; index += 1)
  subscriber.subscribe(`bench.${index}`, { callback: () => path.onReturn(index) });
await subscriber.flush();
const figures = await bareLoop(path, atOnce, warmUpMs, measureMs);
await Promise.all([publisher.close(), subscriber.close()]);
console.log(JSON.stringify(figures));
