/** A member's claim when it joins: its last known partitions, in the group's generation of that time. */
export interface Claim {
  readonly memberId: string;
  readonly generation: number;
  readonly partitions: readonly number[];
}

/** Who is to have what. */
export interface Sharing {
  /** Every member's partitions, ascending. */
  readonly shares: ReadonlyMap<string, readonly number[]>;
  /** Whether all partitions are given; if not, all must join once more, when those that have too many no longer claim them. */
  readonly settled: boolean;
}

/**
 * Divides the partitions evenly, moving as few as possible: a member keeps its partitions up to its share. Those above are revoked and assigned to no
 * member in this round, because it works on them until it hears of its new share: so no partition ever has two members that know of owning it. The
 * second round always settles.
 */
export function share(claims: readonly Claim[], partitionCount: number): Sharing {
  const holders = holdersOf(claims, partitionCount);
  const held = new Map(claims.map(({ memberId }) => [memberId, [] as number[]]));
  const free: number[] = [];
  for (const [partition, holder] of holders.entries()) {
    if (holder === undefined) free.push(partition);
    else held.get(holder)?.push(partition);
  }

  const byHeld = [...held].sort(([a, ofA], [b, ofB]) => ofB.length - ofA.length || (a < b ? -1 : 1));
  const least = Math.floor(partitionCount / claims.length);
  const withOneMore = partitionCount % claims.length;
  const shares = new Map<string, readonly number[]>();
  let given = 0;
  for (const [place, [memberId, partitions]] of byHeld.entries()) {
    const quota = place < withOneMore ? least + 1 : least;
    const kept = partitions.slice(0, quota);
    const added = free.splice(0, quota - kept.length);
    shares.set(
      memberId,
      [...kept, ...added].sort((a, b) => a - b),
    );
    given += kept.length + added.length;
  }
  return { shares, settled: given === partitionCount };
}

/** The member of each partition. Of two that claim the same, the one that was told later: the other was out of the group meanwhile. */
function holdersOf(claims: readonly Claim[], partitionCount: number): readonly (string | undefined)[] {
  const holders = new Array<Claim | undefined>(partitionCount).fill(undefined);
  for (const claim of claims) {
    for (const partition of claim.partitions) {
      if (partition >= partitionCount) continue;
      if (claim.generation > (holders[partition]?.generation ?? Number.NEGATIVE_INFINITY)) holders[partition] = claim;
    }
  }
  return holders.map((claim) => claim?.memberId);
}
