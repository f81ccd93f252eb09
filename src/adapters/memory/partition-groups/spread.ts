/**
 * Every partition to one of the members, evenly, such that as few as possible move. `held`: what each has, in an order that does not depend on
 * chance; of two that have the same, the first keeps it. Returns what each is to have, ascending.
 */
export function spread(held: readonly (readonly number[])[], partitionCount: number): readonly (readonly number[])[] {
  const free = new Set(Array.from({ length: partitionCount }, (_, partition) => partition));
  const own = held.map((partitions) => partitions.filter((partition) => free.delete(partition)));
  // Whoever has most keeps one more where it does not come out even.
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
