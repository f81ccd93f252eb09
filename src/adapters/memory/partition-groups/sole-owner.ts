import type { GroupMember, PartitionGroups } from '../../../ports/partition-groups.ts';

interface Joined {
  readonly topic: string;
  readonly onAssigned: (partitions: readonly number[]) => void;
}

/**
 * The groups of one process that has no others beside it: the first member of a group has all partitions of its topic, as many as
 * `partitionCount` says; one that joins as well has none until the first has left.
 */
export function soleOwner(partitionCount: (topic: string) => number): PartitionGroups {
  const groups = new Map<string, Joined[]>();

  function tell(member: Joined | undefined, isOwner: boolean): void {
    if (member === undefined) return;
    member.onAssigned(isOwner ? Array.from({ length: partitionCount(member.topic) }, (_, partition) => partition) : []);
  }

  function leave(group: string, member: Joined): void {
    const members = groups.get(group) ?? [];
    const place = members.indexOf(member);
    if (place === -1) return;
    members.splice(place, 1);
    if (place === 0) tell(members[0], true);
  }

  return {
    async join(group, topic, onAssigned): Promise<GroupMember> {
      const member = { topic, onAssigned };
      const members = groups.get(group) ?? [];
      groups.set(group, members);
      members.push(member);
      // Asynchronous: the assignment follows the join.
      setImmediate(() => {
        if (members.includes(member)) tell(member, members[0] === member);
      });
      return { [Symbol.asyncDispose]: async () => leave(group, member) };
    },
  };
}
