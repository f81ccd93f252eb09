import type { PartitionGroups } from '../../ports/partition-groups.ts';
import type { MemoryGroupServer } from '../../testing/memory/partition-groups/memory-groups.ts';
import type { SimulatedProcess } from '../world/process.ts';

/** Partition groups as a process has them over a network: what the coordinator tells comes later, in order. */
export function groupsOverNetwork(server: MemoryGroupServer, process: SimulatedProcess): PartitionGroups {
  const groups = server.member(process.name);
  return {
    async join(group, topic, onAssigned) {
      await process.hop(1);
      const member = await groups.join(
        group,
        topic,
        (partitions) => void process.later(1, () => onAssigned(partitions)),
      );
      return {
        [Symbol.asyncDispose]: async () => {
          await process.hop(1);
          await member[Symbol.asyncDispose]();
        },
      };
    },
  };
}
