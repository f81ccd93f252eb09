import { Remembered } from './remembered.ts';

/** A token bucket for each key: so many at once, and as many again within `refillMs`, one after the other. */
export class TokenBuckets {
  readonly #capacity: number;
  readonly #intervalMs: number;
  /** When the bucket of a key is full again; one that is not remembered is full. */
  readonly #fullAtMs = new Remembered<number>();

  /** `refillMs`: a bucket is full again this long after it was emptied. */
  constructor(capacity: number, refillMs: number) {
    this.#capacity = capacity;
    this.#intervalMs = refillMs / capacity;
  }

  /** How long until the bucket has a token; 0: it has one. */
  waitMs(key: string, nowMs: number): number {
    const emptyForMs = (this.#fullAtMs.get(key) ?? nowMs) - nowMs - (this.#capacity - 1) * this.#intervalMs;
    return Math.max(0, emptyForMs);
  }

  /** How many tokens the bucket has. */
  left(key: string, nowMs: number): number {
    const missing = Math.max(0, (this.#fullAtMs.get(key) ?? nowMs) - nowMs) / this.#intervalMs;
    return Math.max(0, Math.floor(this.#capacity - missing));
  }

  /** Takes a token, after `waitMs` returned 0. */
  take(key: string, nowMs: number): void {
    this.#fullAtMs.set(key, Math.max(this.#fullAtMs.get(key) ?? 0, nowMs) + this.#intervalMs);
  }

  /** The bucket has no token for so long from now on. */
  empty(key: string, nowMs: number, forMs: number): void {
    this.#fullAtMs.set(key, nowMs + forMs + (this.#capacity - 1) * this.#intervalMs);
  }

  /** One that was taken was not used. */
  giveBack(key: string): void {
    const fullAtMs = this.#fullAtMs.get(key);
    if (fullAtMs !== undefined) this.#fullAtMs.set(key, fullAtMs - this.#intervalMs);
  }
}
