import { describe, expect, test } from '@jest/globals';
import { Breach } from './shard-log.ts';
import { Simulation } from './simulation.ts';
import { erlangLoss, unfairnessBound } from './unfairness.ts';
import type { Outcome, Plan } from './world.ts';

const minute = 60_000;

/** Few slots in many shards, wanted by more than there are: whatever can be broken is close to it all the time. */
const crowded: Plan = {
  seed: 1,
  shards: 6,
  limit: 60,
  load: 1.3,
  quotas: 'fixed',
  hasFaults: true,
  warmUpMs: 0,
  countedMs: 7 * minute,
};

const calm: Plan = {
  ...crowded,
  shards: 8,
  limit: 160,
  load: 0.9,
  hasFaults: false,
  warmUpMs: 4 * minute,
  countedMs: 15 * minute,
};

function play(plan: Plan): Outcome {
  return new Simulation(plan).run();
}

describe('whatever dies, freezes, comes late or twice, in every prefix of all logs together', () => {
  test.each([1, 2, 3, 4])('no more sessions are open than the limit, with fixed quotas (seed %i)', (seed) => {
    const { mostOpen, crashes } = play({ ...crowded, seed });
    expect(mostOpen).toBeLessThanOrEqual(crowded.limit);
    expect(mostOpen).toBeGreaterThan(crowded.limit * 0.9);
    expect(crashes).toBeGreaterThan(100);
  });

  test.each([1, 2, 3, 4])('nor while quotas move, and no slot is lost on its way (seed %i)', (seed) => {
    const { mostOpen, transfers } = play({ ...crowded, seed, quotas: 'given first' });
    expect(mostOpen).toBeLessThanOrEqual(crowded.limit);
    expect(mostOpen).toBeGreaterThan(crowded.limit * 0.9);
    expect(transfers).toBeGreaterThan(100);
  });
});

test.each([1, 2, 3, 4])('quota that is taken before it is given away is seen to break the limit (seed %i)', (seed) => {
  expect(() => play({ ...crowded, seed, quotas: 'taken first' })).toThrow(Breach);
});

test('a run can be repeated', () => {
  const plan: Plan = { ...crowded, quotas: 'given first', countedMs: minute };
  expect(play(plan)).toEqual(play(plan));
});

test('fixed quotas refuse as many as the loss formula says, which is less than the bound; those that move, fewer', () => {
  const { requests, refused, refusedWhileRoom } = play(calm);
  const slots = calm.limit / calm.shards;
  const expected = erlangLoss(slots, slots * calm.load);
  expect(Math.abs(refused / requests - expected)).toBeLessThan(0.2 * expected);
  expect(refused / requests).toBeLessThan(unfairnessBound(slots, calm.load));
  expect(refusedWhileRoom).toBe(refused);
  expect(play({ ...calm, quotas: 'given first' }).refused).toBeLessThan(0.7 * refused);
});

test('the bound is never below the loss formula', () => {
  for (const slots of [1, 2, 5, 10, 50, 100, 1_000, 10_000]) {
    for (const load of [0.1, 0.5, 0.8, 0.9, 0.95, 0.99, 1]) {
      expect(unfairnessBound(slots, load)).toBeGreaterThanOrEqual(erlangLoss(slots, slots * load));
    }
    for (const load of [1.01, 1.2, 2, 10]) {
      const idle = 1 - load * (1 - erlangLoss(slots, slots * load));
      expect(unfairnessBound(slots, load)).toBeGreaterThanOrEqual(idle / load);
    }
  }
});
