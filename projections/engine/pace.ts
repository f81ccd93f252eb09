import type { Clock } from '../../src/ports/clock.ts';

/** A turn is followed by at least so many times what it took without work: a store that is slow is written to less often, and more at once. */
const restPerWork = 2;

/** What is left, at each turn, of the longest time that one took before: the slowest of those who work side by side sets the pace. */
const remembered = 0.9;

/**
 * Keeps concurrent folders in step: after a turn they wait for the next one together, so that their writes share a transaction, and several changes of
 * one document make one write. None waits while a reader waits for the result.
 */
export class Pace {
  readonly #clock: Clock;
  readonly #shortestMs: number;
  readonly #longestMs: number;
  readonly #isUrgent: () => boolean;
  #lastMs = Number.NEGATIVE_INFINITY;
  #workMs = 0;
  #next: Promise<void> | undefined;
  #hurried = new AbortController();

  /** Turns start `shortestMs` apart, or later when the work takes long, but at most `longestMs` (default: the same); `isUrgent` skips the wait. */
  constructor(clock: Clock, shortestMs: number, isUrgent: () => boolean, longestMs = shortestMs) {
    this.#clock = clock;
    this.#shortestMs = shortestMs;
    this.#longestMs = longestMs;
    this.#isUrgent = isUrgent;
  }

  /** Resolves when the next turn may begin, at once if the last one is long enough ago or the signal aborts. `workMs`: what this one took. */
  async turn(signal: AbortSignal, workMs = 0): Promise<void> {
    this.#workMs = Math.max(workMs, this.#workMs * remembered);
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

  get #intervalMs(): number {
    return Math.min(Math.max((1 + restPerWork) * this.#workMs, this.#shortestMs), this.#longestMs);
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
