/**
 * Consumer groups: which partitions of a topic each of several processes works on.
 *
 * One member at a time has a partition, as far as the group can tell: a process that was stopped and wakes up may believe so a moment
 * longer, which is why a worker claims its partitions in the log as well. Partitions of a member that dies pass to the others within
 * 10 s, those of one that leaves at once. A member that cannot reach the group for so long that it may have given its partitions away is told
 * to have none, before they have a new owner.
 */
export interface PartitionGroups {
  /**
   * Joins the group. The handler is told all partitions that the member has, ascending, whenever they change; it must not throw.
   * Resolves before the first assignment, which comes when there is one: a group that cannot be reached is tried for ever. What is going
   * wrong meanwhile is logged.
   */
  join(group: string, topic: string, onAssigned: (partitions: readonly number[]) => void): Promise<GroupMember>;
}

/** Disposed: leaves the group, so that the others take over at once; the handler is told nothing more. */
export interface GroupMember extends AsyncDisposable {}
