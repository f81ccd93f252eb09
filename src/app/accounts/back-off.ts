import { Refused } from '../../domain/errors/catalogue.ts';
import type { FailedSignInStore, FailedSignIns } from '../../ports/account-store.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Ids } from '../../ports/ids.ts';
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
 * Guesses at the password of one name that are let through in a day, at whatever gateways and however the guesser times them: what the above add up to
 * while the owner does not sign in, which begins anew.
 */
export const maxGuessesPerDay = 310;

export interface BackOffDeps {
  readonly clock: Omit<Clock, 'sleep'>;
  readonly ids: Pick<Ids, 'hash'>;
  readonly store: FailedSignInStore;
}

/**
 * Back-off of password guesses, by name and by address, and a limit of accounts per address and hour. Failures of a name are in the account store, so
 * all gateways on it share one count. Counts by address are in this process's memory: they restart with it, and each gateway counts for itself. Unknown
 * names are counted like others.
 */
export class BackOff {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #names: NameFailures;
  readonly #addresses = new AddressFailures();
  readonly #signUps: TokenBuckets;

  /** `signUpsPerAddress`: accounts that an address may make at once, and again within an hour. */
  constructor({ clock, ids, store }: BackOffDeps, signUpsPerAddress: number) {
    this.#clock = clock;
    this.#names = new NameFailures({ clock, ids, store });
    this.#signUps = new TokenBuckets(signUpsPerAddress, signUpRefillMs);
  }

  /**
   * One attempt: its work answers null when it failed; when it rejects, nothing is counted. Rejects with TOO_MANY_ATTEMPTS and the time to
   * wait before any work, or with AccountStoreUnavailable. A success forgets the name's failures, not the address's: a guesser may have an account, too.
   */
  async attempt<T>({ name, address }: SignInAttempt, work: () => Promise<T | null>): Promise<T | null> {
    checkWait(this.#addresses.waitMs(address, this.#clock.monotonicMs()));
    const result = await (name === undefined ? work() : this.#names.attempt(name, work));
    if (result === null) this.#addresses.add(address, this.#clock.monotonicMs());
    return result;
  }

  /**
   * The same for creating an account. Rejects also with TOO_MANY_SIGN_UPS and the delay. Attempts in progress count; one that creates no account does
   * not, because no password was hashed for a taken name.
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
}

/** Who tries. */
export interface SignInAttempt {
  /** undefined where no name's password is at stake. */
  readonly name?: string | undefined;
  readonly address: string;
}

/** How long the next attempt has to wait after so many failures, of which this is the last; 0: not at all. */
function waitAfterMs(
  { count, timeMs }: { readonly count: number; readonly timeMs: number },
  free: number,
  nowMs: number,
) {
  if (count < free) return 0;
  const delayMs = Math.min(initialDelayMs * 2 ** (count - free), maxDelayMs);
  // No longer than the delay, where another gateway's clock is ahead.
  return Math.min(delayMs, Math.max(0, timeMs + delayMs - nowMs));
}

function checkWait(waitMs: number): void {
  if (waitMs > 0) throw new Refused('TOO_MANY_ATTEMPTS', undefined, { retryDelayMs: Math.ceil(waitMs) });
}

/**
 * Failures by name, in the store, which has the name's hash alone. An attempt is counted as failed before its work begins: a guesser who sends many at once, to whatever gateways, has not
 * more of them than one after the other. How many names are there is bounded by what the password hasher does within `forgetAfterMs`.
 */
class NameFailures {
  readonly #deps: BackOffDeps;

  constructor(deps: BackOffDeps) {
    this.#deps = deps;
  }

  async attempt<T>(name: string, work: () => Promise<T | null>): Promise<T | null> {
    await this.#change(name, (failures) => this.#withOneMore(failures));
    let result: T | null;
    try {
      result = await work();
    } catch (error) {
      // Why there is no verdict matters more to the caller than that this attempt stays counted, until it is forgotten.
      await this.#change(name, withOneLess).catch(() => undefined);
      throw error;
    }
    if (result !== null) await this.#change(name, () => null);
    return result;
  }

  /** Throws TOO_MANY_ATTEMPTS. */
  #withOneMore(failures: FailedSignIns | null): FailedSignIns {
    const nowMs = this.#deps.clock.nowMs();
    if (failures !== null) checkWait(waitAfterMs(failures, freeFailuresPerName, nowMs));
    return { count: (failures?.count ?? 0) + 1, timeMs: nowMs, expireTimeMs: nowMs + forgetAfterMs };
  }

  /** Again when another gateway, or another attempt, was first: then that one has come further. */
  async #change(name: string, change: (failures: FailedSignIns | null) => FailedSignIns | null): Promise<void> {
    const { store, ids } = this.#deps;
    const nameHash = ids.hash(name);
    for (;;) {
      const before = await store.failedSignIns(nameHash);
      if (await store.replaceFailedSignIns(nameHash, before, change(before))) return;
    }
  }
}

function withOneLess(failures: FailedSignIns | null): FailedSignIns | null {
  return failures === null || failures.count <= 1 ? null : { ...failures, count: failures.count - 1 };
}

/** Failures by address, in memory. */
class AddressFailures {
  readonly #byAddress = new Remembered<{ readonly count: number; readonly timeMs: number }>();

  waitMs(address: string, nowMs: number): number {
    const failures = this.#of(address, nowMs);
    return failures === undefined ? 0 : waitAfterMs(failures, freeFailuresPerAddress, nowMs);
  }

  add(address: string, nowMs: number): void {
    this.#byAddress.set(address, { count: (this.#of(address, nowMs)?.count ?? 0) + 1, timeMs: nowMs });
  }

  #of(address: string, nowMs: number) {
    const failures = this.#byAddress.get(address);
    return failures === undefined || nowMs - failures.timeMs >= forgetAfterMs ? undefined : failures;
  }
}
