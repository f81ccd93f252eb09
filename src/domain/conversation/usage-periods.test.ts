import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assertProperty } from '../../testing/property.ts';
import { hourMs, startOf, startOfNext, stretchesOf, usagePeriods } from './usage-periods.ts';

const at = (time: string) => Date.parse(`${time}Z`);

test('hours, days and months begin and end by UTC, also in leap years and at the end of a year', () => {
  const timeMs = at('2028-02-29T23:59:59.999');
  expect(usagePeriods.map((period) => startOf(period, timeMs))).toEqual([
    at('2028-02-29T23:00'),
    at('2028-02-29T00:00'),
    at('2028-02-01T00:00'),
  ]);
  expect(usagePeriods.map((period) => startOfNext(period, timeMs))).toEqual(
    Array.from(usagePeriods, () => at('2028-03-01T00:00')),
  );
  expect(startOfNext('month', at('2026-12-24T18:00'))).toBe(at('2027-01-01T00:00'));
});

test('a span is covered by months where whole ones lie in it, then days, then hours', () => {
  const stretches = stretchesOf(at('2026-09-29T22:00'), at('2026-12-02T01:00'), 'month');
  expect(stretches).toEqual([
    { period: 'hour', fromMs: at('2026-09-29T22:00'), toMs: at('2026-09-30T00:00') },
    { period: 'day', fromMs: at('2026-09-30T00:00'), toMs: at('2026-10-01T00:00') },
    { period: 'month', fromMs: at('2026-10-01T00:00'), toMs: at('2026-12-01T00:00') },
    { period: 'day', fromMs: at('2026-12-01T00:00'), toMs: at('2026-12-02T00:00') },
    { period: 'hour', fromMs: at('2026-12-02T00:00'), toMs: at('2026-12-02T01:00') },
  ]);
  expect(stretchesOf(at('2026-09-29T22:00'), at('2026-12-02T01:00'), 'hour')).toHaveLength(1);
  expect(stretchesOf(at('2026-09-29T22:00'), Infinity, 'day')).toEqual([
    { period: 'hour', fromMs: at('2026-09-29T22:00'), toMs: at('2026-09-30T00:00') },
    { period: 'day', fromMs: at('2026-09-30T00:00'), toMs: Infinity },
  ]);
});

test('stretches follow each other without a gap, from the first to the last hour, and periods in them are whole', () => {
  const hours = fc.integer({ min: 0, max: 600_000 });
  assertProperty(
    fc.property(hours, fc.nat(5_000), fc.constantFrom(...usagePeriods), (from, length, longest) => {
      const fromMs = from * hourMs;
      const toMs = fromMs + length * hourMs;
      const stretches = stretchesOf(fromMs, toMs, longest);
      expect([fromMs, ...stretches.map((stretch) => stretch.toMs)]).toEqual([
        ...stretches.map((stretch) => stretch.fromMs),
        toMs,
      ]);
      expect(stretches.length).toBeLessThanOrEqual(5);
      for (const { period, ...ends } of stretches) {
        expect(startOf(period, ends.fromMs)).toBe(ends.fromMs);
        expect(startOf(period, ends.toMs)).toBe(ends.toMs);
      }
    }),
  );
});
