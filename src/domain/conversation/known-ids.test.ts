import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assertProperty } from '../../testing/property.ts';
import { KnownIds } from './known-ids.ts';

const ids = Array.from({ length: 20 }, (_, n) => `id-${n}`);

test('every version goes on knowing what it knew, and only that, whatever grew from it', () => {
  const steps = fc.array(fc.record({ from: fc.nat(100), id: fc.constantFrom(...ids), trim: fc.boolean() }), {
    maxLength: 60,
  });
  assertProperty(
    fc.property(steps, (history) => {
      const versions = [{ known: KnownIds.none, model: new Map<string, number>() }];
      history.forEach(({ from, id, trim }, offset) => {
        const { known, model } = versions[from % versions.length]!;
        if (model.has(id)) return;
        // Nothing may be dropped, so that the model stays simple.
        const base = trim ? known.trim(2, 0) : known;
        versions.push({ known: base.add(id, offset), model: new Map(model).set(id, offset) });
      });
      for (const { known, model } of versions) {
        expect(ids.filter((id) => known.has(id))).toEqual(ids.filter((id) => model.has(id)));
        expect([...model].filter(([id, offset]) => known.offsetOf(id) !== offset)).toEqual([]);
        expect(known.size).toBe(model.size);
      }
    }),
    { numRuns: 500 },
  );
});

test('a window keeps the newest ids and says from which offset on it is complete', () => {
  let known = KnownIds.none;
  for (let offset = 0; offset < 300; offset += 1) {
    known = known.add(`id-${offset}`, offset).trim(40, offset);
    expect(known.size).toBeLessThanOrEqual(60);
    for (let recent = Math.max(0, offset - 39); recent <= offset; recent += 1) {
      expect(known.offsetOf(`id-${recent}`)).toBe(recent);
    }
    expect(known.has(`id-${known.completeFrom}`)).toBe(true);
  }
  expect(known.has('id-0')).toBe(false);
  expect(known.completeFrom).toBeGreaterThanOrEqual(240);
});

test('a window never drops an id that is still needed', () => {
  let known = KnownIds.none;
  for (let offset = 0; offset < 100; offset += 1) known = known.add(`id-${offset}`, offset).trim(10, 5);
  expect(known.offsetOf('id-5')).toBe(5);
  expect(known.completeFrom).toBeLessThanOrEqual(5);

  known = known.trim(10, 100);
  expect(known.completeFrom).toBeGreaterThan(5);
  expect(known.offsetOf('id-99')).toBe(99);
});
