import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assertProperty } from './property.ts';
import { seededRandom, testSeeds } from './random.ts';

describe('a property', () => {
  test('is tried as often as it says, whether it answers at once or later', async () => {
    let [cases, later] = [0, 0];
    assertProperty(
      fc.property(fc.nat(), () => {
        cases += 1;
      }),
      { numRuns: 60 },
    );
    await assertProperty(
      fc.asyncProperty(fc.nat(), async () => {
        later += 1;
      }),
    );
    expect([cases, later]).toEqual([60, 100]);
  });

  test('is tried with every seed, and a failure names the one it came with', async () => {
    const seeds = testSeeds.map((seed) => fc.sample(fc.nat(), { seed, numRuns: 1 })[0]);
    const seen: number[] = [];
    assertProperty(
      fc.property(fc.nat(), (number) => {
        seen.push(number);
      }),
      { numRuns: testSeeds.length },
    );
    expect(seen).toEqual(seeds);
    const never = fc.property(fc.nat(), () => false);
    expect(() => assertProperty(never)).toThrow(`seed: ${testSeeds[0]},`);
    const neverLater = fc.asyncProperty(fc.nat(), async () => false);
    await expect(assertProperty(neverLater)).rejects.toThrow(`seed: ${testSeeds[0]},`);
  });
});

test.each(testSeeds)('random numbers can be had again (TEST_SEED=%i)', (seed) => {
  const [once, again, other] = [seededRandom(seed), seededRandom(seed), seededRandom(seed + 1)];
  const drawn = Array.from({ length: 50 }, once);
  expect(Array.from({ length: 50 }, again)).toEqual(drawn);
  expect(Array.from({ length: 50 }, other)).not.toEqual(drawn);
  for (const number of drawn) expect(number >= 0 && number < 1).toBe(true);
});
