import { expect, test } from '@jest/globals';
import { SpanClock } from './otel-tracer.ts';

test('is as fine as the monotonic clock, and follows the machine’s when that is set', () => {
  let [wallMs, monotonicMs] = [1_700_000_000_000, 10.25];
  const clock = new SpanClock({ nowMs: () => wallMs, monotonicMs: () => monotonicMs, sleep: async () => {} });
  expect(clock.nowMs()).toBe(1_700_000_000_000);
  monotonicMs += 0.5;
  expect(clock.nowMs()).toBe(1_700_000_000_000.5);
  [wallMs, monotonicMs] = [wallMs + 2, monotonicMs + 1];
  expect(clock.nowMs()).toBe(1_700_000_000_001.5);
  wallMs -= 60_000;
  expect(clock.nowMs()).toBe(1_699_999_940_002);
});
