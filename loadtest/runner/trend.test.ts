import { expect, test } from '@jest/globals';
import { growth, slopePerHour } from './trend.ts';

/** Two hours, a tick a minute. */
function ticks(of: (second: number) => number) {
  return Array.from({ length: 120 }, (_, minute) => ({ second: minute * 60, value: of(minute * 60) }));
}
const value = (tick: { readonly value: number }) => tick.value;

test('the slope is what an hour adds, whatever the noise around it', () => {
  const noise = (second: number) => (second % 120 === 0 ? 10 : -10);
  expect(
    slopePerHour(
      ticks((second) => 300 + (second / 3_600) * 6 + noise(second)),
      value,
    ),
  ).toBeCloseTo(6, 0);
  expect(
    slopePerHour(
      ticks((second) => 300 + noise(second)),
      value,
    ),
  ).toBeCloseTo(0, 0);
});

test('what grows in the first quarter is warm-up, no slope', () => {
  const warming = ticks((second) => Math.min(second, 1_800));
  expect(slopePerHour(warming, value)).toBe(0);
  expect(growth(warming, value)).toEqual({ difference: 0, last: 1_800 });
});

test('growth compares the last quarter with the second', () => {
  expect(
    growth(
      ticks((second) => (second < 5_400 ? 10 : 25)),
      value,
    ),
  ).toEqual({ difference: 15, last: 25 });
});

test('too few values have no trend', () => {
  expect(slopePerHour([], value)).toBeUndefined();
  expect(slopePerHour([{ second: 1, value: 2 }], value)).toBeUndefined();
  expect(growth([], value)).toBeUndefined();
});
