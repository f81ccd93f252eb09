import { expect, test } from '@jest/globals';
import type { Clock } from '../../src/ports/clock.ts';
import { Pace } from './pace.ts';

const intervalMs = 20;

/** Time stands still until it is moved; sleepers wake when it has come. */
class HandClock implements Clock {
  timeMs = 0;
  #sleepers: { readonly untilMs: number; readonly wake: () => void }[] = [];

  nowMs(): number {
    return this.timeMs;
  }

  monotonicMs(): number {
    return this.timeMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#sleepers.push({ untilMs: this.timeMs + ms, wake: resolve });
      signal?.addEventListener('abort', () => reject(signal.reason));
    });
  }

  moveTo(timeMs: number): void {
    this.timeMs = timeMs;
    for (const { untilMs, wake } of this.#sleepers) if (untilMs <= timeMs) wake();
  }
}

/** Who has had its turn, in order. */
function follow(turns: Record<string, Promise<void>>): string[] {
  const had: string[] = [];
  for (const [name, turn] of Object.entries(turns)) void turn.then(() => had.push(name));
  return had;
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test('the first turn is at once, the next ones together an interval later', async () => {
  const clock = new HandClock();
  const pace = new Pace(clock, intervalMs, () => false);
  const { signal } = new AbortController();
  await pace.turn(signal);
  clock.moveTo(5);
  const had = follow({ a: pace.turn(signal), b: pace.turn(signal) });
  clock.moveTo(19);
  await settled();
  expect(had).toEqual([]);
  clock.moveTo(20);
  await settled();
  expect(had).toEqual(['a', 'b']);
  clock.moveTo(60);
  await pace.turn(signal);
});

test('nobody waits while it is urgent, nor goes on waiting when it becomes so', async () => {
  const clock = new HandClock();
  let isUrgent = false;
  const pace = new Pace(clock, intervalMs, () => isUrgent);
  const { signal } = new AbortController();
  await pace.turn(signal);
  const had = follow({ a: pace.turn(signal) });
  await settled();
  expect(had).toEqual([]);
  isUrgent = true;
  pace.hurry();
  await settled();
  expect(had).toEqual(['a']);
  await pace.turn(signal);
});

test('nobody waits on when it is over', async () => {
  const pace = new Pace(new HandClock(), intervalMs, () => false);
  const over = new AbortController();
  await pace.turn(over.signal);
  const waiting = pace.turn(over.signal);
  over.abort();
  await waiting;
  await pace.turn(over.signal);
});

test('turns are further apart when the work takes long, up to a limit, and nearer again when it does not', async () => {
  const clock = new HandClock();
  const pace = new Pace(clock, intervalMs, () => false, 200);
  const { signal } = new AbortController();
  const waits = async (workMs: number) => {
    const begunMs = clock.timeMs;
    let isOver = false;
    const turn = pace.turn(signal, workMs).then(() => {
      isOver = true;
    });
    for (await settled(); !isOver; await settled()) clock.moveTo(clock.timeMs + 1);
    await turn;
    return clock.timeMs - begunMs;
  };
  await pace.turn(signal);

  expect(await waits(2)).toBe(intervalMs);
  expect(await waits(30)).toBe(90);
  expect(await waits(1_000)).toBe(200);
  const quick: number[] = [];
  for (let turn = 0; turn < 60; turn += 1) quick.push(await waits(2));
  expect(quick.at(-1)).toBe(intervalMs);
});
