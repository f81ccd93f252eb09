import type { Clock } from '../ports/clock.ts';

/** Something with a time limit that moves: a field is cheaper to move than a timer. */
export interface Watched {
  /** By the monotonic clock, milliseconds. */
  readonly deadlineMs: number;
  /** Called once, within a tick after the deadline. */
  expire(): void;
}

/** Holds any number of deadlines with one timer, which runs only while there are any. */
export class Watchdog {
  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #watched = new Set<Watched>();
  #ticking = false;

  /** `tickMs`: how often deadlines are looked at. */
  constructor(clock: Clock, tickMs: number) {
    this.#clock = clock;
    this.#tickMs = tickMs;
  }

  /** From now on, or still. */
  watch(watched: Watched): void {
    this.#watched.add(watched);
    if (!this.#ticking) void this.#tick();
  }

  unwatch(watched: Watched): void {
    this.#watched.delete(watched);
  }

  /** Never rejects, unless a callback throws. */
  async #tick(): Promise<void> {
    this.#ticking = true;
    while (this.#watched.size > 0) {
      await this.#clock.sleep(this.#tickMs);
      const nowMs = this.#clock.monotonicMs();
      for (const watched of this.#watched) {
        if (watched.deadlineMs > nowMs) continue;
        this.#watched.delete(watched);
        watched.expire();
      }
    }
    this.#ticking = false;
  }
}
