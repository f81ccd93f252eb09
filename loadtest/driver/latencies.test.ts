import { describe, expect, test } from '@jest/globals';
import { Latencies } from './latencies.ts';
import { drawFrom, seededRandom } from './random.ts';

describe('latencies', () => {
  test('are told as exact percentiles to three digits, over all orders of magnitude', () => {
    const random = seededRandom(1);
    const latencies = new Latencies();
    // Milliseconds to the microsecond, from 1 µs to a minute.
    const values = Array.from({ length: 20_000 }, () => Math.ceil(60e6 ** random()) / 1_000);
    for (const value of values) latencies.record(value);
    const sorted = values.toSorted((a, b) => a - b);
    const { count, mean, min, max, curve } = latencies.distribution();
    expect(count).toBe(values.length);
    expect(min).toBe(sorted[0]);
    expect(mean / (values.reduce((sum, value) => sum + value) / values.length)).toBeCloseTo(1, 2);
    for (const [percentile, ms] of [...curve, [100, max] as const]) {
      const exact = sorted[Math.max(0, Math.ceil((percentile / 100) * sorted.length) - 1)] ?? 0;
      expect(Math.abs(ms - exact)).toBeLessThanOrEqual(exact / 1_000 + 0.001);
    }
  });

  test('are nothing when nothing was measured, and again after a reset', () => {
    const latencies = new Latencies();
    const nothing = latencies.distribution();
    expect(nothing).toMatchObject({ count: 0, mean: 0, min: 0, p50: 0, p999: 0, max: 0, curve: [] });
    latencies.record(3);
    latencies.record(0);
    latencies.record(1e12);
    const { count, min, p50, max } = latencies.distribution();
    expect([count, min]).toEqual([3, 0.001]);
    expect(p50).toBeCloseTo(3, 2);
    expect(max / 3_600_000).toBeCloseTo(1, 2);
    latencies.reset();
    expect(latencies.distribution()).toEqual(nothing);
  });
});

test('random numbers are the same for a seed and a stream, others for others, and whole spans are drawn', () => {
  const draw = (seed: number, stream: number) => {
    const random = seededRandom(seed, stream);
    return Array.from({ length: 1_000 }, () => drawFrom({ min: 3, max: 5 }, random));
  };
  expect(draw(1, 2)).toEqual(draw(1, 2));
  expect(draw(1, 2)).not.toEqual(draw(1, 3));
  expect(draw(1, 2)).not.toEqual(draw(2, 2));
  expect(new Set(draw(1, 2))).toEqual(new Set([3, 4, 5]));
});
