import { expect, test } from '@jest/globals';
import { Schedule } from './schedule.ts';

/** What was due, and when that was done, until the callback says that it is enough. */
function runSchedule(perSecond: number, count: number, onDue: (index: number) => void = () => {}) {
  return new Promise<{ readonly dueMs: number; readonly doneMs: number }[]>((resolve) => {
    const done: { dueMs: number; doneMs: number }[] = [];
    const schedule = new Schedule(perSecond, (dueMs) => {
      done.push({ dueMs, doneMs: performance.now() });
      onDue(done.length);
      if (done.length < count) return;
      schedule[Symbol.dispose]();
      resolve(done);
    });
  });
}

test('a schedule is even, and does nothing before it is due', async () => {
  const done = await runSchedule(500, 50);
  for (const [index, { dueMs, doneMs }] of done.entries()) {
    expect(dueMs - (done[0]?.dueMs ?? 0)).toBeCloseTo(index * 2, 6);
    expect(doneMs).toBeGreaterThanOrEqual(dueMs);
  }
});

test('a schedule leaves nothing out while the thread is busy, and tells how late it is', async () => {
  const done = await runSchedule(1_000, 100, (index) => {
    const untilMs = performance.now() + (index === 10 ? 60 : 0);
    while (performance.now() < untilMs);
  });
  const gaps = done.slice(1).map(({ dueMs }, index) => dueMs - (done[index]?.dueMs ?? 0));
  for (const gap of gaps) expect(gap).toBeCloseTo(1, 6);
  expect((done[10]?.doneMs ?? 0) - (done[10]?.dueMs ?? 0)).toBeGreaterThan(50);
});

test('a schedule that was disposed of, by its own callback too, does nothing more', async () => {
  let more = 0;
  await runSchedule(1_000, 5, () => {
    more += 1;
  });
  await runSchedule(1_000, 20);
  expect(more).toBe(5);
});
