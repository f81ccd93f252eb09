import { expect, test } from '@jest/globals';
import type { Facts, ScenarioAim } from '../scenarios/scenario.ts';
import { evaluate } from './verdict.ts';

const facts = {} as Facts;
const aim = (figure: number | undefined, more: Partial<ScenarioAim> = {}): ScenarioAim => ({
  name: 'Something',
  unit: 'ms',
  limit: { embedded: 3, distributed: 10 },
  figure: () => figure,
  ...more,
});
const met = (one: ScenarioAim, profile: 'embedded' | 'distributed' = 'embedded') =>
  evaluate([one], facts, profile).map(({ isMet }) => isMet)[0];

test('an aim is met up to its limit, which may depend on the profile', () => {
  expect(met(aim(3))).toBe(true);
  expect(met(aim(3.01))).toBe(false);
  expect(met(aim(3.01), 'distributed')).toBe(true);
});

test('an aim to reach is met from its limit on', () => {
  const atLeast = { limit: 5_000, isAtLeast: true } as const;
  expect(met(aim(4_999, atLeast))).toBe(false);
  expect(met(aim(5_000, atLeast))).toBe(true);
});

test('what was not measured is not met, and shown as such', () => {
  expect(evaluate([aim(undefined)], facts, 'embedded')).toEqual([
    { name: 'Something', unit: 'ms', limit: 3, isAtLeast: false, figure: null, isMet: false },
  ]);
});
