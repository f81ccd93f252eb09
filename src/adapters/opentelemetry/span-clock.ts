import type { Clock } from '../../ports/clock.ts';

/** Further apart, the machine's clock was set, or runs differently: spans follow it. */
const maxDriftMs = 5;

/**
 * The time of spans, milliseconds since the epoch. The SDK's begins are whole milliseconds, and steps here take a fraction of one: this is as
 * fine as the monotonic clock, and runs with it between settings of the machine's clock.
 */
export class SpanClock {
  readonly #clock: Clock;
  #offsetMs = Number.NaN;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  nowMs(): number {
    const monotonicMs = this.#clock.monotonicMs();
    const wallMs = this.#clock.nowMs();
    const isNear = Math.abs(monotonicMs + this.#offsetMs - wallMs) <= maxDriftMs;
    if (!isNear) this.#offsetMs = wallMs - monotonicMs;
    return monotonicMs + this.#offsetMs;
  }
}
