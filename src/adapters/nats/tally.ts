import type { Logger } from '../../ports/telemetry.ts';
import { logEveryMs } from './limits.ts';

/** Counts a fault that may come with every piece, and logs it at most every `logEveryMs`. */
export class Tally {
  readonly #logger: Logger;
  readonly #sentence: string;
  #count = 0;
  #unreported = 0;
  #lastError: unknown;
  #reportedMs = Number.NEGATIVE_INFINITY;

  constructor(logger: Logger, sentence: string) {
    this.#logger = logger;
    this.#sentence = sentence;
  }

  /** How often it has happened since the start. */
  get count(): number {
    return this.#count;
  }

  add(error?: unknown): void {
    this.#count += 1;
    this.#unreported += 1;
    this.#lastError = error;
    if (performance.now() - this.#reportedMs >= logEveryMs) this.report();
  }

  /** Logs what was not logged yet; the end of a series would else never be. */
  report(): void {
    if (this.#unreported === 0) return;
    const fields = this.#lastError === undefined ? {} : { err: this.#lastError };
    this.#logger.warn({ ...fields, times: this.#unreported, total: this.#count }, this.#sentence);
    this.#unreported = 0;
    this.#lastError = undefined;
    this.#reportedMs = performance.now();
  }
}
