import { slowConsumerMs, sweepMs } from '../domain/limits.ts';
import type { Clock } from '../ports/clock.ts';

/**
 * Deadlines for transports to take what was written: one timer for all streams, which block and drain often, and none while no stream is
 * blocked.
 */
export class WriteDeadlines {
  readonly #clock: Clock;
  /** What to do, and the monotonic time at which. All wait equally long, so the first is always the next. */
  readonly #pending = new Map<() => void, number>();
  #isRunning = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls back after `slowConsumerMs`, at most `sweepMs` late, unless it is cleared before; counts anew when it is set already. */
  set(onExpired: () => void): void {
    this.#pending.delete(onExpired);
    this.#pending.set(onExpired, this.#clock.monotonicMs() + slowConsumerMs);
    if (!this.#isRunning) void this.#run();
  }

  clear(onExpired: () => void): void {
    this.#pending.delete(onExpired);
  }

  /** Never rejects, unless a callback throws. */
  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#pending.size > 0) {
      await this.#clock.sleep(sweepMs);
      const nowMs = this.#clock.monotonicMs();
      for (const [onExpired, atMs] of this.#pending) {
        if (atMs > nowMs) break;
        this.#pending.delete(onExpired);
        onExpired();
      }
    }
    this.#isRunning = false;
  }
}
