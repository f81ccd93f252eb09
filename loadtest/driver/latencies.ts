import { createHistogram } from 'node:perf_hooks';
import type { Distribution } from './figures.ts';

const microsPerMs = 1_000;
/** Longer than any run waits for anything; what is above counts as this. */
const longestMicros = 3_600_000 * microsPerMs;
/** Dense where the tail is. */
const curvePercentiles = [
  0, 1, 5, 10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 92.5, 95, 96, 97, 98, 99, 99.5, 99.9, 99.95, 99.99, 100,
];

/** Times, counted in an HDR histogram of microseconds: exact to three significant digits, whatever their number. */
export class Latencies {
  readonly #histogram = createHistogram({ lowest: 1, highest: longestMicros, figures: 3 });

  get count(): number {
    return this.#histogram.count;
  }

  /** Milliseconds; what is less than a microsecond counts as one. */
  record(ms: number): void {
    this.#histogram.record(Math.min(longestMicros, Math.max(1, Math.round(ms * microsPerMs))));
  }

  /** Milliseconds; 0 when there is none. */
  percentile(percentile: number): number {
    if (this.#histogram.count === 0) return 0;
    // The histogram takes no 0 for a percentile.
    if (percentile === 0) return this.#histogram.min / microsPerMs;
    // It answers with the end of what it holds equal, which may be above the largest that was ever recorded.
    return Math.min(this.#histogram.percentile(percentile), this.#histogram.max) / microsPerMs;
  }

  reset(): void {
    this.#histogram.reset();
  }

  distribution(): Distribution {
    const { count, min, max, mean } = this.#histogram;
    const isEmpty = count === 0;
    return {
      count,
      mean: isEmpty ? 0 : mean / microsPerMs,
      min: isEmpty ? 0 : min / microsPerMs,
      p50: this.percentile(50),
      p75: this.percentile(75),
      p90: this.percentile(90),
      p95: this.percentile(95),
      p99: this.percentile(99),
      p999: this.percentile(99.9),
      max: isEmpty ? 0 : max / microsPerMs,
      curve: isEmpty ? [] : curvePercentiles.map((percentile) => [percentile, this.percentile(percentile)] as const),
    };
  }
}
