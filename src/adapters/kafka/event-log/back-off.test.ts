import { expect, test } from '@jest/globals';
import { FetchSession } from './fetch-session.ts';
import { PartitionQueue } from './partition-queue.ts';

/** Within which a broker's return is noticed. An append is noticed by a fetch, and answered by another append: the waits add up. */
const longestWaitMs = 250;

test.each([
  ['an append', () => new PartitionQueue('topic', 0)],
  ['a fetch', () => new FetchSession('topic', 0, 0, false)],
])('%s is tried again within 250 ms, however long its broker was away, and not at once', (_, make) => {
  const queue = make();
  const waitsMs = Array.from({ length: 100 }, (__, attempt) => queue.backOff(attempt * 10_000) - attempt * 10_000);
  expect(Math.max(...waitsMs)).toBeLessThanOrEqual(longestWaitMs);
  expect(Math.min(...waitsMs)).toBeGreaterThanOrEqual(100);
  expect(queue.notBeforeMs).toBe(99 * 10_000 + longestWaitMs);
});
