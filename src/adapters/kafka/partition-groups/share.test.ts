import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assertProperty } from '../../../testing/property.ts';
import { type Claim, type Sharing, share } from './share.ts';

/** Members that have what they were given in earlier rounds, some of it in vain: by now it may be another's. */
const claims: fc.Arbitrary<{ claims: readonly Claim[]; partitionCount: number }> = fc
  .record({
    partitionCount: fc.integer({ min: 1, max: 24 }),
    memberCount: fc.integer({ min: 1, max: 8 }),
    owners: fc.array(fc.array(fc.nat({ max: 9 }), { maxLength: 2 }), { minLength: 24, maxLength: 24 }),
    generations: fc.uniqueArray(fc.nat(), { minLength: 8, maxLength: 8 }),
  })
  .map(({ partitionCount, memberCount, owners, generations }) => ({
    partitionCount,
    claims: Array.from({ length: memberCount }, (_, member) => ({
      memberId: `m${member}`,
      generation: generations[member] ?? 0,
      partitions: owners.slice(0, partitionCount).flatMap((of, partition) => (of.includes(member) ? [partition] : [])),
    })),
  }));

function next(before: readonly Claim[], { shares }: Sharing): Claim[] {
  const generation = Math.max(...before.map((claim) => claim.generation)) + 1;
  return before.map(({ memberId }) => ({ memberId, generation, partitions: shares.get(memberId) ?? [] }));
}

/** Who has each partition: of two that claim it, who was told later. */
function holders(of: readonly Claim[]): Map<number, string> {
  const sorted = of.toSorted((a, b) => a.generation - b.generation);
  return new Map(
    sorted.flatMap(({ memberId, partitions }) => partitions.map((partition) => [partition, memberId] as const)),
  );
}

describe('sharing partitions', () => {
  test('gives everybody an even share, in two rounds at most', () => {
    assertProperty(
      fc.property(claims, ({ claims: before, partitionCount }) => {
        const first = share(before, partitionCount);
        const settled = first.settled ? first : share(next(before, first), partitionCount);
        expect(settled.settled).toBe(true);
        const sizes = Array.from(settled.shares.values(), ({ length }) => length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        expect([...settled.shares.keys()].sort()).toEqual(before.map(({ memberId }) => memberId).sort());
        const given = [...settled.shares.values()].flat().sort((a, b) => a - b);
        expect(given).toEqual(Array.from({ length: partitionCount }, (_, partition) => partition));
      }),
    );
  });

  test('never gives anybody what another has', () => {
    assertProperty(
      fc.property(claims, ({ claims: before, partitionCount }) => {
        const has = holders(before);
        for (const [memberId, partitions] of share(before, partitionCount).shares)
          for (const partition of partitions) expect(has.get(partition) ?? memberId).toBe(memberId);
      }),
    );
  });

  test('moves no partition that need not move', () => {
    assertProperty(
      fc.property(claims, ({ claims: before, partitionCount }) => {
        const has = holders(before);
        const { shares } = share(before, partitionCount);
        const least = Math.floor(partitionCount / before.length);
        for (const [memberId, partitions] of shares) {
          const held = [...has].filter(([, holder]) => holder === memberId).length;
          const kept = partitions.filter((partition) => has.get(partition) === memberId).length;
          expect(kept).toBeGreaterThanOrEqual(Math.min(held, least));
        }
      }),
    );
  });

  test('leaves everything where it is when nobody came or went', () => {
    assertProperty(
      fc.property(claims, ({ claims: before, partitionCount }) => {
        const first = share(before, partitionCount);
        const settled = first.settled ? first : share(next(before, first), partitionCount);
        expect(share(next(before, settled), partitionCount)).toEqual(settled);
      }),
    );
  });

  test('takes from a member for a new one first, and gives in the second round', () => {
    const before: Claim[] = [
      { memberId: 'a', generation: 4, partitions: [0, 1, 2, 3] },
      { memberId: 'new', generation: -1, partitions: [] },
    ];
    const first = share(before, 4);
    expect(first).toEqual({
      shares: new Map<string, number[]>([
        ['a', [0, 1]],
        ['new', []],
      ]),
      settled: false,
    });
    expect(share(next(before, first), 4)).toEqual({
      shares: new Map([
        ['a', [0, 1]],
        ['new', [2, 3]],
      ]),
      settled: true,
    });
  });

  test('gives the partitions of one that is gone at once', () => {
    expect(share([{ memberId: 'a', generation: 4, partitions: [1] }], 3)).toEqual({
      shares: new Map([['a', [0, 1, 2]]]),
      settled: true,
    });
  });
});
