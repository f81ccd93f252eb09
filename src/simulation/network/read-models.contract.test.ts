import { readModelContract } from '../../ports/contracts/read-model.contract.ts';
import { MemoryReadModelServer } from '../../testing/memory/read-model/memory-read-models.ts';
import { readModelsOverNetwork } from './read-models.ts';
import { FreeRunning } from './testing/free-running.ts';

readModelContract('simulated network', async () => {
  const time = new FreeRunning();
  const server = new MemoryReadModelServer();
  const open = (mode: 'read' | 'write') => readModelsOverNetwork(server.handle(mode), time.process(), time.faults);
  const writer = open('write');
  return {
    writer,
    open: async (mode) => open(mode),
    [Symbol.asyncDispose]: async () => {
      await writer[Symbol.asyncDispose]();
      await time[Symbol.asyncDispose]();
    },
  };
});
