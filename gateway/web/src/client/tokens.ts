import { renewAtMs } from '../../../../src/client/saved-tokens.ts';
import { type CallFailed, type Credentials, failure } from './calls.ts';
import type { Kept } from './kept.ts';
import type { Page } from './page.ts';
import { RenewalMark } from './renewal-mark.ts';

/** When no newer token was to be had. */
const tryAgainMs = 5_000;
/** The longest that a browser's timer can be set to. */
const maxTimerMs = 2 ** 31 - 1;

/** What a sign-in gives. All of it is secret. */
export interface NewTokens {
  readonly accessToken: string;
  /** '' when there is none: then the sign-in ends with the access token. */
  readonly refreshToken: string;
  readonly lifetimeMs: number;
  /** As the server knows it; '' when only the token says it. */
  readonly clientId: string;
}

interface StoredTokens extends NewTokens {
  /** By this machine's clock, milliseconds since the epoch. */
  readonly obtainedAtMs: number;
}

export interface TokensDeps {
  readonly kept: Kept;
  readonly page: Page;
  /** Trades a refresh token. Rejects with CallFailed. */
  readonly renew: (tokens: NewTokens) => Promise<NewTokens>;
  /** There is a newer access token. */
  readonly onRenewed: () => void;
  /** The sign-in is over, for this reason or because another tab signed out. */
  readonly onEnded: (why: CallFailed | undefined) => void;
  /** Another tab has signed in. */
  readonly onFound: () => void;
}

/**
 * The tokens of who is signed in, renewed in time. They are kept in the browser's storage, for all tabs: a visit tomorrow needs no
 * password, and a reload needs no new tokens. A script in this page could read them there; but one in this page could as well ask for whatever
 * it wants in the visitor's name, and the page lets none in: it runs nothing but its own files. A refresh token that was stolen all the same is
 * found out when it is used twice, and ended.
 */
export class Tokens implements Credentials {
  readonly #deps: TokensDeps;
  readonly #stopListening: () => void;
  readonly #mark: RenewalMark;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isStarted = false;
  /** Under way, for all callers of this page. */
  #renewing: Promise<string | undefined> | undefined;

  constructor(deps: TokensDeps) {
    this.#deps = deps;
    this.#mark = new RenewalMark(deps.page.locks, deps.kept.keyOf('renewed'));
    this.#stopListening = deps.page.onStored((key) => {
      if (key === deps.kept.keyOf('tokens') || key === null) this.#changedElsewhere();
    });
  }

  /** From now on they are renewed in time: it is known how. */
  start(): void {
    this.#isStarted = true;
    this.#watch();
  }

  /** Who is signed in; undefined: nobody. */
  get current(): NewTokens | undefined {
    return this.#read();
  }

  /** Somebody has signed in. */
  set(tokens: NewTokens): void {
    this.#store({ ...tokens, obtainedAtMs: Date.now() });
  }

  forget(): void {
    this.#deps.kept.remove('tokens');
    clearTimeout(this.#timer);
  }

  async fresh(): Promise<string | undefined> {
    const stored = this.#read();
    if (stored === undefined || Date.now() < renewalMs(stored)) return stored?.accessToken;
    return this.#renewed((now) => Date.now() < renewalMs(now));
  }

  async instead(refused: string | undefined): Promise<string | undefined> {
    const token = await this.#renewed((now) => now.accessToken !== refused);
    return token === refused ? undefined : token;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#stopListening();
    this.#mark.remove();
  }

  /** For all callers at once, and never in two tabs: a refresh token works once, and two that use the same one end the sign-in of both. */
  #renewed(isGood: (stored: StoredTokens) => boolean): Promise<string | undefined> {
    this.#renewing ??= this.#deps.page.locks
      .request(this.#deps.kept.keyOf('renewing'), () => this.#renew(isGood))
      .finally(() => {
        this.#renewing = undefined;
      });
    return this.#renewing;
  }

  async #renew(isGood: (stored: StoredTokens) => boolean): Promise<string | undefined> {
    // Another tab may have done it while this one stood at the lock.
    const stored = await this.#mark.upToDate(() => this.#read());
    if (stored === undefined || isGood(stored)) return stored?.accessToken;
    try {
      const renewed = await this.#deps.renew(stored);
      const obtainedAtMs = Date.now();
      this.#store({ ...renewed, obtainedAtMs });
      await this.#mark.put(obtainedAtMs);
      this.#deps.onRenewed();
      return renewed.accessToken;
    } catch (error) {
      return this.#withoutRenewal(failure(error), stored);
    }
  }

  #withoutRenewal(why: CallFailed, stored: StoredTokens): string {
    if (!why.refusal.retryable) {
      this.forget();
      this.#deps.onEnded(why);
    } else if (Date.now() < stored.obtainedAtMs + stored.lifetimeMs) return stored.accessToken;
    throw why;
  }

  #watch(): void {
    clearTimeout(this.#timer);
    const stored = this.#read();
    if (stored === undefined || !this.#isStarted) return;
    const delayMs = Math.max(0, renewalMs(stored) - Date.now());
    this.#timer = setTimeout(() => void this.#renewInTime(), Math.min(delayMs, maxTimerMs));
  }

  async #renewInTime(): Promise<void> {
    try {
      await this.fresh();
      this.#watch();
    } catch {
      // While the server is away the former token may still do; an ended sign-in was told.
      this.#timer = setTimeout(() => void this.#renewInTime(), tryAgainMs);
    }
  }

  #changedElsewhere(): void {
    if (!this.#isStarted) return;
    this.#watch();
    if (this.#read() === undefined) return this.#deps.onEnded(undefined);
    this.#deps.onFound();
    // The session may be this tab's: the server is shown the newer token.
    this.#deps.onRenewed();
  }

  #store(tokens: StoredTokens): void {
    this.#deps.kept.write('tokens', tokens);
    this.#watch();
  }

  #read(): StoredTokens | undefined {
    const found = Object(this.#deps.kept.read('tokens'));
    const isWhole =
      texts.every((name) => typeof found[name] === 'string') && times.every((name) => Number.isFinite(found[name]));
    return isWhole ? found : undefined;
  }
}

const texts = ['accessToken', 'refreshToken', 'clientId'] as const satisfies (keyof StoredTokens)[];
const times = ['obtainedAtMs', 'lifetimeMs'] as const satisfies (keyof StoredTokens)[];

function renewalMs(stored: StoredTokens): number {
  // One that cannot be renewed is used to its end.
  return stored.refreshToken === '' ? stored.obtainedAtMs + stored.lifetimeMs : renewAtMs(stored);
}
