import { partitionGroupsContract } from '../../../ports/contracts/partition-groups.contract.ts';
import { MemoryGroupServer } from './memory-groups.ts';

partitionGroupsContract('memory', async () => {
  const server = new MemoryGroupServer((topic) => Number(topic), setImmediate);
  let processes = 0;
  return {
    handle: () => server.member(`process ${++processes}`),
    topic: async (partitions) => String(partitions),
    async [Symbol.asyncDispose]() {},
  };
});
