import { liveBusContract } from '../../ports/contracts/live-bus.contract.ts';
import { BusServer } from './bus.ts';
import { FreeRunning } from './testing/free-running.ts';

liveBusContract('simulated network', async () => {
  const time = new FreeRunning();
  const server = new BusServer(time.faults);
  const [publisher, watcher] = [server.handle(time.process()), server.handle(time.process())];
  return {
    publisher,
    watcher,
    [Symbol.asyncDispose]: async () => {
      await publisher[Symbol.asyncDispose]();
      await watcher[Symbol.asyncDispose]();
      await time[Symbol.asyncDispose]();
    },
  };
});
