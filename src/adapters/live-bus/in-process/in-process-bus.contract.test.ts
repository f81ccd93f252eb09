import { liveBusContract } from '../../../ports/contracts/live-bus.contract.ts';
import { inProcessBus } from './in-process-bus.ts';

liveBusContract('in process', async () => {
  const bus = inProcessBus();
  return { publisher: bus, watcher: bus, [Symbol.asyncDispose]: () => bus[Symbol.asyncDispose]() };
});
