import { partitionGroupsContract } from '../../../ports/contracts/partition-groups.contract.ts';
import { soleOwner } from './sole-owner.ts';

partitionGroupsContract('sole owner', async () => {
  const groups = soleOwner((topic) => Number(topic));
  return {
    handle: () => groups,
    topic: async (partitions) => String(partitions),
    async [Symbol.asyncDispose]() {},
  };
});
