import type { Clock } from '../ports/clock.ts';
import { watchdogTickMs } from './limits.ts';

/** Something with a time limit that moves: a field is cheaper to move than a timer. */
export interface Watched {
  /** By the monotonic clock. */
  readonly deadlineMs: number;
  /** Called once, within a tick after the deadline. */
  expire(): void;
}

/** Holds any number of deadlines with one timer, which runs only while there are any. */
export class Watchdog {
  readonly #clock: Clock;
  readonly #watched = new Set<Watched>();
  #ticking = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  watch(watched: Watched): void {
    this.#watched.add(watched);
    if (!this.#ticking) void this.#tick();
  }

  unwatch(watched: Watched): void {
    this.#watched.delete(watched);
  }

  async #tick(): Promise<void> {
    this.#ticking = true;
    while (this.#watched.size > 0) {
      await this.#clock.sleep(watchdogTickMs);
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
