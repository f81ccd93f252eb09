import { TokenBuckets } from './token-buckets.ts';

/** Counts offences by key, in token buckets: a key that commits another one with no token left is out for a while. */
export class Penalties {
  readonly #buckets: TokenBuckets;
  readonly #penaltyMs: number;

  /** So many offences at once, and so many more each second. */
  constructor(capacity: number, perSecond: number, penaltyMs: number) {
    this.#buckets = new TokenBuckets(capacity, (1_000 * capacity) / perSecond);
    this.#penaltyMs = penaltyMs;
  }

  /** How long the key is still out; 0: it is not. */
  outForMs(key: string, nowMs: number): number {
    return this.#buckets.waitMs(key, nowMs);
  }

  /** Counts an offence so many times; answers whether the key is out from now on. */
  offend(key: string, nowMs: number, times = 1): boolean {
    for (let left = times; left > 0; left -= 1) {
      if (this.#buckets.waitMs(key, nowMs) > 0) {
        this.#buckets.empty(key, nowMs, this.#penaltyMs);
        return true;
      }
      this.#buckets.take(key, nowMs);
    }
    return false;
  }
}
