import { afterAll, beforeAll } from '@jest/globals';
import { liveBusContract } from '../../ports/contracts/live-bus.contract.ts';
import { type NatsEngine, startNats } from '../../testing/engines/nats.ts';
import { newPrefix, openBus } from './testing/buses.ts';

// The machine may be slow.
let nats: NatsEngine;
beforeAll(async () => {
  nats = await startNats({ external: 'allowed' });
});
afterAll(() => nats[Symbol.asyncDispose]());

liveBusContract('NATS, two processes', async () => {
  const prefix = newPrefix();
  const [publisher, watcher] = await Promise.all([openBus(nats.servers, prefix), openBus(nats.servers, prefix)]);
  return {
    publisher,
    watcher,
    async [Symbol.asyncDispose]() {
      await Promise.all([publisher[Symbol.asyncDispose](), watcher[Symbol.asyncDispose]()]);
    },
  };
});

liveBusContract('NATS, one process', async () => {
  const bus = await openBus(nats.servers, newPrefix());
  return { publisher: bus, watcher: bus, [Symbol.asyncDispose]: () => bus[Symbol.asyncDispose]() };
});
