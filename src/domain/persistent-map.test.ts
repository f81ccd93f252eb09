import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assertProperty } from '../testing/property.ts';
import { PersistentMap } from './persistent-map.ts';

/** Few keys, so that they meet again, and enough that some share a shard. */
const keys = fc.integer({ min: 0, max: 400 }).map((n) => `key-${n}`);
const entries = fc.array(fc.tuple(keys, fc.nat()), { maxLength: 20 });
const writes = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('set' as const), entries }),
    fc.record({ kind: fc.constant('delete' as const), keys: fc.array(keys, { maxLength: 20 }) }),
  ),
  { maxLength: 30 },
);

test('a persistent map holds what a Map holds after the same writes, and no earlier version changes', () => {
  assertProperty(
    fc.property(entries, writes, (first, steps) => {
      const plain = new Map(first);
      let map = PersistentMap.of(first);
      for (const step of steps) {
        const before = map;
        const seen = [...before];
        if (step.kind === 'set') map = write(map, plain, step.entries);
        else map = remove(map, plain, step.keys);
        expect(String([...before])).toBe(String(seen));
        expect(before.size).toBe(seen.length);
        expectSame(map, plain);
      }
    }),
    { numRuns: 500 },
  );
});

test('listing and inserting again keeps the order', () => {
  assertProperty(
    fc.property(entries, entries, (first, second) => {
      const map = PersistentMap.of(first)
        .deleteAll(second.map(([key]) => key))
        .setAll(second);
      expect([...PersistentMap.of([...map])]).toEqual([...map]);
    }),
    { numRuns: 500 },
  );
});

function write(map: PersistentMap<number>, plain: Map<string, number>, pairs: readonly [string, number][]) {
  for (const [key, value] of pairs) plain.set(key, value);
  return pairs.length === 1 ? map.set(...(pairs[0] as [string, number])) : map.setAll(pairs);
}

function remove(map: PersistentMap<number>, plain: Map<string, number>, gone: readonly string[]) {
  for (const key of gone) plain.delete(key);
  return gone.length === 1 ? map.delete(gone[0] as string) : map.deleteAll(gone);
}

function expectSame(map: PersistentMap<number>, plain: ReadonlyMap<string, number>): void {
  const visited: [string, number][] = [];
  map.forEach((value, key) => {
    visited.push([key, value]);
  });
  // As strings, which are compared at once.
  expect(String(visited)).toBe(String([...map]));
  expect(String([...map.keys()])).toBe(String(visited.map(([key]) => key)));
  expect(String([...map.values()])).toBe(String(visited.map(([, value]) => value)));
  expect(visited.filter(([key, value]) => plain.get(key) !== value)).toEqual([]);
  expect([visited.length, map.size]).toEqual([plain.size, plain.size]);
  expect([...plain].filter(([key, value]) => map.get(key) !== value)).toEqual([]);
  expect(map.has('nobody')).toBe(false);
  expect(map.get('nobody')).toBeUndefined();
}
