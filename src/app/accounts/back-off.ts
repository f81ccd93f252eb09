import { Refused } from '../../domain/errors/catalogue.ts';
import type { Clock } from '../../ports/clock.ts';
import { Remembered } from '../rate-limits/remembered.ts';
import { TokenBuckets } from '../rate-limits/token-buckets.ts';

/** Failures with one name before its next attempt has to wait: people mistype, and have several passwords. */
export const freeFailuresPerName = 5;

/** The same per address: many people may share one. */
export const freeFailuresPerAddress = 20;

/** The first wait; it doubles with each further failure. */
export const initialDelayMs = 1_000;

/** The longest wait. A longer one would rather keep the owner out than the guesser. */
export const maxDelayMs = 300_000;

/** As many accounts as an address may make at once it may make again within this time. */
export const signUpRefillMs = 3_600_000;

/** Failures are forgotten this long after the last. */
export const forgetAfterMs = 3_600_000;

/**
 * Guesses at the password of one name that one gateway lets through in a day, however the guesser times them: what the above add up to while the owner
 * does not sign in, which begins anew. Each gateway counts for itself: a deployment lets through this times its gateways.
 */
export const maxGuessesPerDay = 310;

/**
 * Who guesses passwords waits longer each time, by name and by address, and an address makes so many accounts an hour. In this process's memory: it
 * begins anew with a start, and each server counts for itself. Names that nobody has are counted like others.
 */
export class BackOff {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #names = new Failures(freeFailuresPerName);
  readonly #addresses = new Failures(freeFailuresPerAddress);
  /** Attempts by name whose verdict is not there yet; the password hasher bounds how many. */
  readonly #underWay = new Map<string, number>();
  readonly #signUps: TokenBuckets;

  /** `signUpsPerAddress`: accounts that an address may make at once, and again within an hour. */
  constructor(clock: Pick<Clock, 'monotonicMs'>, signUpsPerAddress: number) {
    this.#clock = clock;
    this.#signUps = new TokenBuckets(signUpsPerAddress, signUpRefillMs);
  }

  /**
   * One attempt: its work answers null when it failed; when it rejects, nothing is counted. Rejects with TOO_MANY_ATTEMPTS and the time to
   * wait before any work. A success forgets the name's failures, not the address's: a guesser may have an account, too.
   */
  async attempt<T>({ name, address }: SignInAttempt, work: () => Promise<T | null>): Promise<T | null> {
    this.#check(name, address);
    this.#count(name, 1);
    try {
      const result = await work();
      if (result === null) this.#failed(name, address);
      else if (name !== undefined) this.#names.forget(name);
      return result;
    } finally {
      this.#count(name, -1);
    }
  }

  /**
   * The same for making an account. Rejects also with TOO_MANY_SIGN_UPS and the time to wait. Those under way count; one that makes no account does
   * not, because nothing was hashed for a name that is taken.
   */
  async signUp<T>(address: string, work: () => Promise<T | null>): Promise<T | null> {
    return this.attempt({ address }, async () => {
      const nowMs = this.#clock.monotonicMs();
      const waitMs = this.#signUps.waitMs(address, nowMs);
      if (waitMs > 0)
        throw new Refused('TOO_MANY_SIGN_UPS', 'Too many accounts were made from this address.', {
          retryDelayMs: Math.ceil(waitMs),
        });
      this.#signUps.take(address, nowMs);
      let result: T | null = null;
      try {
        result = await work();
      } finally {
        if (result === null) this.#signUps.giveBack(address);
      }
      return result;
    });
  }

  #check(name: string | undefined, address: string): void {
    const nowMs = this.#clock.monotonicMs();
    const waitsMs = [this.#addresses.waitMs(address, nowMs)];
    if (name !== undefined) waitsMs.push(this.#names.waitMs(name, nowMs), this.#crowdWaitMs(name, nowMs));
    const waitMs = Math.max(...waitsMs);
    if (waitMs > 0) throw new Refused('TOO_MANY_ATTEMPTS', undefined, { retryDelayMs: Math.ceil(waitMs) });
  }

  /** Those under way count as failed, or a guesser would send all of them at once. */
  #crowdWaitMs(name: string, nowMs: number): number {
    const underWay = this.#underWay.get(name) ?? 0;
    return underWay > 0 && this.#names.countOf(name, nowMs) + underWay >= freeFailuresPerName ? initialDelayMs : 0;
  }

  #count(name: string | undefined, by: 1 | -1): void {
    if (name === undefined) return;
    const underWay = (this.#underWay.get(name) ?? 0) + by;
    if (underWay > 0) this.#underWay.set(name, underWay);
    else this.#underWay.delete(name);
  }

  #failed(name: string | undefined, address: string): void {
    const nowMs = this.#clock.monotonicMs();
    if (name !== undefined) this.#names.add(name, nowMs);
    this.#addresses.add(address, nowMs);
  }
}

/** Who tries. */
export interface SignInAttempt {
  /** undefined where no name's password is at stake. */
  readonly name?: string | undefined;
  readonly address: string;
}

/** Failures by key. */
class Failures {
  readonly #byKey = new Remembered<{ readonly count: number; readonly lastMs: number }>();
  readonly #free: number;

  constructor(free: number) {
    this.#free = free;
  }

  countOf(key: string, nowMs: number): number {
    const failures = this.#byKey.get(key);
    return failures === undefined || nowMs - failures.lastMs >= forgetAfterMs ? 0 : failures.count;
  }

  /** How long the next attempt has to wait; 0: not at all. */
  waitMs(key: string, nowMs: number): number {
    const over = this.countOf(key, nowMs) - this.#free;
    if (over < 0) return 0;
    const delayMs = Math.min(initialDelayMs * 2 ** over, maxDelayMs);
    return Math.max(0, (this.#byKey.get(key)?.lastMs ?? 0) + delayMs - nowMs);
  }

  add(key: string, nowMs: number): void {
    this.#byKey.set(key, { count: this.countOf(key, nowMs) + 1, lastMs: nowMs });
  }

  forget(key: string): void {
    this.#byKey.forget(key);
  }
}
