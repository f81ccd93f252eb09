/** So many messages are laid out together: few enough for one frame, many enough that ten thousand messages are few groups. */
export const groupSize = 20;

/** Neighbours in a conversation. */
export interface Group<T> {
  /** Unique in the conversation; the same for as long as the group is there. */
  readonly key: string;
  readonly members: readonly T[];
  /** The one before the first; undefined at the beginning. */
  readonly previous: T | undefined;
}

/** How a list was cut. */
export interface Cut<T> {
  readonly groups: readonly Group<T>[];
  /** How many members have been put before what was first in the beginning. */
  readonly before: number;
  readonly generation: number;
}

export const uncut: Cut<never> = { groups: [], before: 0, generation: 0 };

/**
 * Cuts a list into groups so that what is put before or behind it leaves the other groups as they are, the same objects. `last`: how it, or
 * another list, was cut before.
 */
export function cut<T>(members: readonly T[], last: Cut<T>): Cut<T> {
  const oldFirst = last.groups[0]?.members[0];
  const added = oldFirst === undefined ? -1 : members.indexOf(oldFirst);
  const [before, generation] = added === -1 ? [0, last.generation + 1] : [last.before + added, last.generation];
  const known = new Map(last.groups.map((group) => [group.key, group]));
  const groups: Group<T>[] = [];
  // Groups begin at multiples of their size, counted from what was first in the beginning.
  const firstEnd = before % groupSize === 0 ? groupSize : before % groupSize;
  for (let start = 0, end = firstEnd; start < members.length; start = end, end += groupSize) {
    const key = `${generation}:${Math.floor((start - before) / groupSize)}`;
    const group = { key, members: members.slice(start, end), previous: members[start - 1] };
    const old = known.get(key);
    groups.push(old !== undefined && isSame(old, group) ? old : group);
  }
  return { groups, before, generation };
}

function isSame<T>(one: Group<T>, other: Group<T>): boolean {
  return (
    one.previous === other.previous &&
    one.members.length === other.members.length &&
    one.members.every((member, index) => member === other.members[index])
  );
}
