import { readModelContract } from '../../../ports/contracts/read-model.contract.ts';
import { MemoryReadModelServer } from './memory-read-models.ts';

readModelContract('memory', async () => {
  const server = new MemoryReadModelServer();
  const writer = server.handle('write');
  return {
    writer,
    open: async (mode) => server.handle(mode),
    [Symbol.asyncDispose]: () => writer[Symbol.asyncDispose](),
  };
});
