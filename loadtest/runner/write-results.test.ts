import { expect, test } from '@jest/globals';
import { seededRandom } from '../../src/testing/random.ts';
import { sampleResult } from '../report/testing/sample-result.ts';
import { thinned } from './write-results.ts';

test('a baseline keeps seconds evenly, and all that is not told by the second', () => {
  const result = sampleResult(seededRandom());
  const [tick] = result.driver.ticks;
  const ticks = Array.from({ length: 1_000 }, (_, second) => ({ ...tick!, second }));
  const long = { ...result, driver: { ...result.driver, ticks } };
  const kept = thinned(long);
  expect(kept.driver.ticks.length).toBeLessThanOrEqual(150);
  expect(kept.driver.ticks.map(({ second }) => second).slice(0, 3)).toEqual([0, 7, 14]);
  expect({ ...kept, driver: { ...kept.driver, ticks }, system: result.system }).toEqual(long);
});
