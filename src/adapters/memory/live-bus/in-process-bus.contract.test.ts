import { liveBusContract } from '../../../ports/contracts/live-bus.contract.ts';
import { InProcessBusServer, inProcessBus } from './in-process-bus.ts';

liveBusContract('in process', async () => {
  const bus = inProcessBus();
  return { publisher: bus, watcher: bus, [Symbol.asyncDispose]: () => bus[Symbol.asyncDispose]() };
});

liveBusContract('in process, by handles', async () => {
  const server = new InProcessBusServer();
  const [publisher, watcher] = [server.handle(), server.handle()];
  return {
    publisher,
    watcher,
    [Symbol.asyncDispose]: async () => {
      await publisher[Symbol.asyncDispose]();
      await watcher[Symbol.asyncDispose]();
    },
  };
});
