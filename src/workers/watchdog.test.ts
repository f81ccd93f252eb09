import { expect, test } from '@jest/globals';
import type { Clock } from '../ports/clock.ts';
import { Watchdog } from './watchdog.ts';

/** Time that passes only when the test says so. */
class StandingClock implements Clock {
  #nowMs = 0;
  #wake: (() => void) | undefined;

  get isAwaited(): boolean {
    return this.#wake !== undefined;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  sleep(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  async pass(ms: number): Promise<void> {
    this.#nowMs += ms;
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('calls once whose deadline has passed, not who was taken off or whose deadline moved on', async () => {
  const clock = new StandingClock();
  const watchdog = new Watchdog(clock);
  const expired: string[] = [];
  const watched = (name: string, deadlineMs: number) => ({ deadlineMs, expire: () => void expired.push(name) });
  const [due, gone, moved] = [watched('due', 100), watched('gone', 100), watched('moved', 100)];
  for (const each of [due, gone, moved]) watchdog.watch(each);
  watchdog.unwatch(gone);
  await clock.pass(99);
  expect(expired).toEqual([]);
  moved.deadlineMs = 300;
  await clock.pass(1);
  await clock.pass(100);
  expect(expired).toEqual(['due']);
  await clock.pass(100);
  expect(expired).toEqual(['due', 'moved']);
});

test('has no timer while there is nothing to watch', async () => {
  const clock = new StandingClock();
  const watchdog = new Watchdog(clock);
  const watched = { deadlineMs: 100, expire: () => {} };
  expect(clock.isAwaited).toBe(false);
  watchdog.watch(watched);
  expect(clock.isAwaited).toBe(true);
  watchdog.unwatch(watched);
  await clock.pass(50);
  expect(clock.isAwaited).toBe(false);
  watchdog.watch(watched);
  expect(clock.isAwaited).toBe(true);
});
