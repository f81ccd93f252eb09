import type { Clock } from '../../../ports/clock.ts';

/**
 * How long a member may believe in its assignment: this many milliseconds from when it sent the last request that the group answered, by the monotonic
 * clock. A process that was paused may see responses before its timers when it resumes, so check `holds` before acting on a response.
 */
export class Lease implements Disposable {
  readonly #clock: Clock;
  readonly #lengthMs: number;
  readonly #onEnd: () => void;
  #endsMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** `onEnd` is called once for each lease that ends by itself or by `end`. */
  constructor(clock: Clock, lengthMs: number, onEnd: () => void) {
    this.#clock = clock;
    this.#lengthMs = lengthMs;
    this.#onEnd = onEnd;
  }

  /** Whether there is one that has not ended. One that is overdue is ended first. */
  holds(): boolean {
    if (this.#endsMs === undefined) return false;
    if (this.#clock.monotonicMs() < this.#endsMs) return true;
    this.end();
    return false;
  }

  /** Begins one, or prolongs the one there is, from a request sent at `sentMs`. False when that is so long ago that it is over already. */
  begin(sentMs: number): boolean {
    this.holds();
    if (this.#clock.monotonicMs() >= sentMs + this.#lengthMs) return false;
    this.#endsMs = Math.max(this.#endsMs ?? 0, sentMs + this.#lengthMs);
    this.#watch();
    return true;
  }

  /** Prolongs the one there is; one that has ended stays so. */
  prolong(sentMs: number): void {
    if (this.holds()) this.begin(sentMs);
  }

  end(): void {
    if (this.#endsMs === undefined) return;
    this[Symbol.dispose]();
    this.#onEnd();
  }

  #watch(): void {
    clearTimeout(this.#timer);
    if (this.#endsMs === undefined) return;
    // Timers may fire a fraction of a millisecond early: then it is looked at again.
    const restMs = Math.ceil(this.#endsMs - this.#clock.monotonicMs());
    this.#timer = setTimeout(() => {
      if (this.holds()) this.#watch();
    }, restMs);
  }

  /** Drops it without notice. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#endsMs = undefined;
  }
}
