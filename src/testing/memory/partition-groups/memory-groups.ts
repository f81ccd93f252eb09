import type { GroupMember, PartitionGroups } from '../../../ports/partition-groups.ts';

type Handler = (partitions: readonly number[]) => void;

/** One process in one group. */
interface Membership {
  readonly processId: string;
  readonly onAssigned: Handler;
  /** Whether the group counts on it. */
  isIn: boolean;
  /** What it was told last; undefined: nothing yet. */
  partitions: readonly number[] | undefined;
}

interface Group {
  readonly topic: string;
  /** In the order of joining. */
  readonly memberships: Map<string, Membership>;
  isRebalancing: boolean;
}

/**
 * The groups of processes that share an object instead of a coordinator. Partitions are spread evenly among the members, and move when one joins or
 * leaves, or on demand; no member is expelled automatically.
 */
export class MemoryGroupServer {
  readonly #partitionCount: (topic: string) => number;
  readonly #later: (work: () => void) => void;
  readonly #groups = new Map<string, Group>();

  /**
   * `later` runs the work after whoever joins or leaves now has gone on: when it does is when partitions move.
   */
  constructor(partitionCount: (topic: string) => number, later: (work: () => void) => void) {
    this.#partitionCount = partitionCount;
    this.#later = later;
  }

  /** The groups as this process has them; it can be in each group once. One that starts again has another id. */
  member(processId: string): PartitionGroups {
    return {
      join: async (group, topic, onAssigned): Promise<GroupMember> => {
        const membership = { processId, onAssigned, isIn: true, partitions: undefined };
        this.#add(group, topic, membership);
        return { [Symbol.asyncDispose]: async () => this.#leave(group, membership) };
      },
    };
  }

  /**
   * The group gives this process up, in all groups or in one: its partitions move. It is told to have none, as a process finds by its own
   * clock; `silently`: it is not, as one that is frozen or dead.
   */
  expire(
    processId: string,
    { group, silently = false }: { readonly group?: string; readonly silently?: boolean } = {},
  ): void {
    for (const [name, membership] of this.#of(processId, group)) {
      membership.isIn = false;
      if (!silently) tell(membership, []);
      this.#rebalanceLater(name);
    }
  }

  /** Reinstates an expelled member, in all groups or in one: it is notified that it has no partitions, unless it knows, and partitions move to it. */
  rejoin(processId: string, group?: string): void {
    for (const [name, membership] of this.#of(processId, group)) {
      if (membership.isIn) continue;
      if (membership.partitions !== undefined) tell(membership, []);
      membership.isIn = true;
      this.#rebalanceLater(name);
    }
  }

  /**
   * Assigns these partitions to these processes at once, in this order, even if others own them, or nobody owns the rest. Holds until the next move.
   * Throws for a process that is not in the group.
   */
  move(group: string, assignment: Readonly<Record<string, readonly number[]>>): void {
    for (const [processId, partitions] of Object.entries(assignment)) {
      const membership = this.#groups.get(group)?.memberships.get(processId);
      if (membership === undefined) throw new RangeError(`${processId} is not in the group ${group}`);
      tell(
        membership,
        [...partitions].sort((left, right) => left - right),
      );
    }
  }

  /** Spreads the group's partitions evenly, at once. */
  rebalance(group: string): void {
    const found = this.#groups.get(group);
    if (found === undefined) return;
    const members = [...found.memberships.values()].filter(({ isIn }) => isIn);
    const shares = spread(
      members.map(({ partitions }) => partitions ?? []),
      this.#partitionCount(found.topic),
    );
    // Nobody is given what another still believes to have.
    for (const [place, member] of members.entries()) {
      const kept = member.partitions?.filter((partition) => shares[place]?.includes(partition));
      if (member.isIn && kept !== undefined) tell(member, kept);
    }
    for (const [place, member] of members.entries()) if (member.isIn) tell(member, shares[place] ?? []);
  }

  /** What each process in the group was told last, by its id, in the order of joining. */
  assignments(group: string): ReadonlyMap<string, readonly number[]> {
    const memberships = this.#groups.get(group)?.memberships.values() ?? [];
    return new Map([...memberships].map(({ processId, partitions = [] }) => [processId, partitions]));
  }

  #add(name: string, topic: string, membership: Membership): void {
    const group = this.#groups.get(name) ?? { topic, memberships: new Map(), isRebalancing: false };
    if (group.memberships.has(membership.processId)) throw new Error(`${membership.processId} is in the group already`);
    this.#groups.set(name, group);
    group.memberships.set(membership.processId, membership);
    this.#rebalanceLater(name);
  }

  #leave(name: string, membership: Membership): void {
    const group = this.#groups.get(name);
    if (group?.memberships.get(membership.processId) !== membership) return;
    group.memberships.delete(membership.processId);
    membership.isIn = false;
    this.#rebalanceLater(name);
  }

  #rebalanceLater(name: string): void {
    const group = this.#groups.get(name);
    if (group === undefined || group.isRebalancing) return;
    group.isRebalancing = true;
    this.#later(() => {
      group.isRebalancing = false;
      this.rebalance(name);
    });
  }

  /** Where the process is a member, by group. */
  #of(processId: string, group?: string): readonly (readonly [string, Membership])[] {
    const names = group === undefined ? [...this.#groups.keys()] : [group];
    return names.flatMap((name) => {
      const membership = this.#groups.get(name)?.memberships.get(processId);
      return membership === undefined ? [] : [[name, membership] as const];
    });
  }
}

/** Unless it knows. */
function tell(membership: Membership, partitions: readonly number[]): void {
  if (membership.partitions?.join() === partitions.join()) return;
  membership.partitions = partitions;
  membership.onAssigned(partitions);
}

/**
 * Every partition to one of the members, evenly, such that as few as possible move. `held`: what each has, in an order that does not depend on
 * chance; of two that have the same, the first keeps it. Returns what each is to have, ascending.
 */
export function spread(held: readonly (readonly number[])[], partitionCount: number): readonly (readonly number[])[] {
  const free = new Set(Array.from({ length: partitionCount }, (_, partition) => partition));
  const own = held.map((partitions) => partitions.filter((partition) => free.delete(partition)));
  // The member with the most keeps one more if the division has a remainder.
  const byOwned = own.toSorted((left, right) => right.length - left.length);
  for (const [place, partitions] of byOwned.entries()) {
    for (const partition of partitions.splice(quota(place, held.length, partitionCount))) free.add(partition);
  }
  const rest = [...free].sort(ascending);
  for (const [place, partitions] of byOwned.entries())
    partitions.push(...rest.splice(0, quota(place, held.length, partitionCount) - partitions.length));
  return own.map((partitions) => partitions.sort(ascending));
}

function quota(place: number, members: number, partitionCount: number): number {
  return Math.floor(partitionCount / members) + (place < partitionCount % members ? 1 : 0);
}

function ascending(left: number, right: number): number {
  return left - right;
}
