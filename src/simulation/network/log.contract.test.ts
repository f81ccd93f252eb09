import { eventLogContract } from '../../ports/contracts/event-log.contract.ts';
import { MemoryLogServer } from '../../testing/memory/event-log/memory-log.ts';
import { LogOverNetwork } from './log.ts';
import { FreeRunning } from './testing/free-running.ts';

eventLogContract('simulated network', async (partitions) => {
  const time = new FreeRunning();
  const server = new MemoryLogServer({ events: partitions }, () => Date.now());
  const open = () => new LogOverNetwork(server.handle(), time.process(), time.faults);
  let log = open();
  return {
    log,
    topic: 'events',
    reopen: async () => {
      await log[Symbol.asyncDispose]();
      log = open();
      return log;
    },
    [Symbol.asyncDispose]: async () => {
      await log[Symbol.asyncDispose]();
      await time[Symbol.asyncDispose]();
    },
  };
});
