import type { Clock } from '../src/ports/clock.ts';

/**
 * Keeps those who work side by side in step: after a turn they wait for the next one together, so that what they write shares a
 * transaction, and several changes of one document make one write. Nobody waits while somebody is waited for.
 */
export class Pace {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #isUrgent: () => boolean;
  #lastMs = Number.NEGATIVE_INFINITY;
  #next: Promise<void> | undefined;
  #hurried = new AbortController();

  /** Turns are an interval apart, unless `isUrgent` says that there is no time to lose. */
  constructor(clock: Clock, intervalMs: number, isUrgent: () => boolean) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#isUrgent = isUrgent;
  }

  /** Resolves when the next turn may begin, at once if the last one is an interval ago or the signal aborts. */
  async turn(signal: AbortSignal): Promise<void> {
    const waitMs = this.#lastMs + this.#intervalMs - this.#clock.monotonicMs();
    if (waitMs > 0 && !this.#isUrgent() && !signal.aborted) {
      this.#next ??= this.#wait(waitMs, signal);
      await this.#next;
    }
    this.#lastMs = this.#clock.monotonicMs();
  }

  /** Ends the wait: it has become urgent. */
  hurry(): void {
    this.#hurried.abort();
  }

  async #wait(waitMs: number, signal: AbortSignal): Promise<void> {
    const hurried = new AbortController();
    const hurry = () => hurried.abort();
    this.#hurried = hurried;
    signal.addEventListener('abort', hurry);
    try {
      await this.#clock.sleep(waitMs, hurried.signal);
    } catch (error) {
      if (!hurried.signal.aborted) throw error;
    } finally {
      signal.removeEventListener('abort', hurry);
      this.#next = undefined;
    }
  }
}
