import { partitionGroupsContract } from '../../ports/contracts/partition-groups.contract.ts';
import { MemoryGroupServer } from '../../testing/memory/partition-groups/memory-groups.ts';
import { groupsOverNetwork } from './groups.ts';
import { FreeRunning } from './testing/free-running.ts';

partitionGroupsContract('simulated network', async () => {
  const time = new FreeRunning();
  const server = new MemoryGroupServer(
    (topic) => Number(topic),
    (work) => void time.scheduler.after(5, work),
  );
  return {
    handle: () => groupsOverNetwork(server, time.process()),
    topic: async (partitions) => String(partitions),
    [Symbol.asyncDispose]: () => time[Symbol.asyncDispose](),
  };
});
