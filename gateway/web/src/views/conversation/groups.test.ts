import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assertProperty } from '../../../../../src/testing/property.ts';
import { type Cut, cut, groupSize, uncut } from './groups.ts';

const entries = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);

test('holds every member once and in order, whatever is put before and behind', () => {
  assertProperty(
    fc.property(fc.array(fc.record({ before: fc.nat(70), behind: fc.nat(5) }), { maxLength: 12 }), (steps) => {
      let [first, end] = [1_000, 1_001];
      let last: Cut<number> = cut(entries(first, end), uncut);
      for (const { before, behind } of steps) {
        [first, end] = [first - before, end + behind];
        const next = cut(entries(first, end), last);
        // As strings, which are compared at once.
        expect(String(next.groups.flatMap(({ members }) => members))).toBe(String(entries(first, end)));
        expect(next.groups.every(({ members }) => members.length > 0 && members.length <= groupSize)).toBe(true);
        expect(new Set(next.groups.map(({ key }) => key)).size).toBe(next.groups.length);
        expect(next.groups.map(({ previous }) => previous)).toEqual([
          undefined,
          ...next.groups.slice(1).map(({ members: [member = 0] }) => member - 1),
        ]);
        last = next;
      }
    }),
  );
});

test('leaves the groups in the middle the same objects, so that nothing in them is drawn again', () => {
  const whole = cut(entries(100, 200), uncut);
  const more = cut(entries(57, 201), whole);
  expect(whole.groups.slice(1, -1).every((group) => more.groups.includes(group))).toBe(true);
});

test('keeps the key of a group that older messages fill up', () => {
  const few = cut(entries(95, 110), uncut);
  const filled = cut(entries(90, 110), few);
  const full = cut(entries(50, 110), filled);
  expect(filled.groups.map(({ key }) => key)).toEqual(['1:-1', '1:0']);
  expect(full.groups.map(({ key }) => key)).toEqual(['1:-3', '1:-2', '1:-1', '1:0']);
});

test('begins anew with another conversation', () => {
  const one = cut(entries(0, 50), uncut);
  const other = cut(entries(500, 550), one);
  const keys = new Set(one.groups.map(({ key }) => key));
  expect(other.groups.some(({ key }) => keys.has(key))).toBe(false);
});
