import type { Refused } from '../../domain/errors/catalogue.ts';

export interface TurnsOptions {
  readonly maxAtOnce: number;
  readonly maxWaiting: number;
  /** What whoever comes beyond that is told. */
  readonly busy: () => Refused;
}

/** Lets a few work at once and some wait, first come, first served. */
export class Turns {
  readonly #options: TurnsOptions;
  readonly #waiting: (() => void)[] = [];
  #working = 0;

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /** Resolves or rejects as the work does. Rejects with the refusal, without working, when too many wait. */
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
    const { maxAtOnce, maxWaiting, busy } = this.#options;
    if (this.#working < maxAtOnce) {
      this.#working += 1;
      return;
    }
    if (this.#waiting.length >= maxWaiting) throw busy();
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}
