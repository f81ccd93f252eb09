import { expect, test } from '@jest/globals';
import { StandingClock } from '../testing/standing-clock.ts';
import { Watchdog } from './watchdog.ts';

/** How often deadlines are looked at. */
const tickMs = 50;

/** Whoever wakes up then has had its turn. */
async function pass(clock: StandingClock, ms: number): Promise<void> {
  clock.advance(ms);
  await new Promise((resolve) => setImmediate(resolve));
}

test('calls once whose deadline has passed, not who was taken off or whose deadline moved on', async () => {
  const clock = new StandingClock(0);
  const watchdog = new Watchdog(clock, tickMs);
  const expired: string[] = [];
  const watched = (name: string, deadlineMs: number) => ({ deadlineMs, expire: () => void expired.push(name) });
  const [due, gone, moved] = [watched('due', 100), watched('gone', 100), watched('moved', 100)];
  for (const each of [due, gone, moved]) watchdog.watch(each);
  watchdog.unwatch(gone);
  await pass(clock, 99);
  expect(expired).toEqual([]);
  moved.deadlineMs = 300;
  await pass(clock, 1);
  await pass(clock, 100);
  expect(expired).toEqual(['due']);
  await pass(clock, 100);
  expect(expired).toEqual(['due', 'moved']);
});

test('has no timer while there is nothing to watch', async () => {
  const clock = new StandingClock(0);
  const watchdog = new Watchdog(clock, tickMs);
  const watched = { deadlineMs: 100, expire: () => {} };
  expect(clock.sleeping).toBe(0);
  watchdog.watch(watched);
  expect(clock.sleeping).toBe(1);
  watchdog.unwatch(watched);
  await pass(clock, 50);
  expect(clock.sleeping).toBe(0);
  watchdog.watch(watched);
  expect(clock.sleeping).toBe(1);
});
