import { Refused } from '../../../domain/errors/catalogue.ts';
import { busyRetryDelayMs, maxHashesAtOnce, maxWaitingHashes } from './limits.ts';

/** Lets a few work at once and some wait, first come, first served. */
export class Turns {
  readonly #waiting: (() => void)[] = [];
  #working = 0;

  /** Resolves or rejects as the work does. Rejects with Refused TOO_MANY_ATTEMPTS, without working, when too many wait. */
  async take<T>(work: () => Promise<T>): Promise<T> {
    await this.#turn();
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      // The turn is handed over: whoever comes now stands behind those who wait.
      if (next === undefined) this.#working -= 1;
      else next();
    }
  }

  async #turn(): Promise<void> {
    if (this.#working < maxHashesAtOnce) {
      this.#working += 1;
      return;
    }
    if (this.#waiting.length >= maxWaitingHashes)
      throw new Refused('TOO_MANY_ATTEMPTS', 'Too many people sign in at this moment.', {
        retryDelayMs: busyRetryDelayMs,
      });
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}
