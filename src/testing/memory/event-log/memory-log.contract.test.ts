import type { LogUnderTest } from '../../../ports/contracts/event-log.contract.ts';
import { eventLogContract } from '../../../ports/contracts/event-log.contract.ts';
import { MemoryLogServer } from './memory-log.ts';

eventLogContract('memory', async (partitions): Promise<LogUnderTest> => {
  const server = new MemoryLogServer({ events: partitions }, () => Date.now());
  let log = server.handle();
  return {
    log,
    topic: 'events',
    reopen: async () => {
      await log[Symbol.asyncDispose]();
      log = server.handle();
      return log;
    },
    [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
  };
});
