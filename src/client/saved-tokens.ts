import { durationMs } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import type { AccessToken, AccessTokens } from './access-tokens.ts';
import type { Tokens } from './gen/chat/v1/account_service_pb.js';
import { isRefusal, Refusal } from './refusal.ts';

/** What is kept of a sign-in. All of it is secret. */
export interface StoredTokens {
  readonly accessToken: string;
  /** Empty: the sign-in ends with the access token. */
  readonly refreshToken: string;
  readonly clientId: string;
  readonly userName: string;
  /** When the access token was got, and how long it works, by this machine's clock. */
  readonly obtainedAtMs: number;
  readonly lifetimeMs: number;
}

/** Where the tokens of one account at one server are kept. */
export interface TokenStore {
  /** @returns undefined when nobody is signed in */
  read(): StoredTokens | undefined;
  /** Replaces what is kept, in one step. */
  write(tokens: StoredTokens): void;
  remove(): void;
  /**
   * Does something that no other process does at the same time: a refresh token works once, and two that use the same
   * one end the sign-in of both.
   */
  alone<Result>(action: () => Promise<Result>): Promise<Result>;
}

/** A token is renewed when this share of its life is left, so that a server that restarts meanwhile does no harm… */
const RENEWED_SHARE = 1 / 5;
/** … but of a long one not more than this: nobody is away for longer than a restart takes. */
const MAX_RENEWED_MS = 60_000;

/** Calls RefreshTokens, without credentials, or what an issuer has for the same. A refusal with the code UNAUTHENTICATED ends the sign-in. */
export type Renewal = (refreshToken: string, stored: StoredTokens) => Promise<Tokens | undefined>;

/** The tokens that a sign-in has left, renewed when they are about to expire. */
export class SavedTokens implements AccessTokens {
  readonly #store: TokenStore;
  readonly #renewal: Renewal;
  /** Under way, for all callers of this process. */
  #renewing: Promise<AccessToken | undefined> | undefined;

  constructor(store: TokenStore, renewal: Renewal) {
    this.#store = store;
    this.#renewal = renewal;
  }

  async fresh(): Promise<AccessToken | undefined> {
    const stored = this.#store.read();
    if (stored === undefined || isFresh(stored)) return stored && tokenOf(stored);
    return this.#renewed(isFresh);
  }

  async instead(refused: AccessToken): Promise<AccessToken | undefined> {
    const other = await this.#renewed(({ accessToken }) => accessToken !== refused.text);
    return other?.text === refused.text ? undefined : other;
  }

  #renewed(isGood: (stored: StoredTokens) => boolean): Promise<AccessToken | undefined> {
    this.#renewing ??= this.#renew(isGood).finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  #renew(isGood: (stored: StoredTokens) => boolean): Promise<AccessToken | undefined> {
    return this.#store.alone(async () => {
      // Another process may have done it while this one stood at the lock.
      const stored = this.#store.read();
      if (stored === undefined || isGood(stored)) return stored && tokenOf(stored);
      try {
        if (stored.refreshToken === '')
          throw new Refusal(Code.Unauthenticated, 'The sign-in has ended.', { reason: 'UNAUTHENTICATED' });
        const renewed = storedTokens(await this.#renewal(stored.refreshToken, stored), stored.userName);
        this.#store.write(renewed);
        return tokenOf(renewed);
      } catch (error) {
        return this.#withoutRenewal(error, stored);
      }
    });
  }

  #withoutRenewal(error: unknown, stored: StoredTokens): AccessToken {
    if (!isRefusal(error)) throw error;
    // Nothing will make it work again.
    if (error.code === Code.Unauthenticated && error.reason !== '') this.#store.remove();
    else if (Date.now() < stored.obtainedAtMs + stored.lifetimeMs) return tokenOf(stored);
    throw error;
  }
}

/** The server's tokens as they are kept. */
export function storedTokens(tokens: Tokens | undefined, userName: string): StoredTokens {
  if (tokens?.accessTokenLifetime === undefined) throw new Error('The server sent no tokens.');
  const { accessToken, refreshToken, clientId, accessTokenLifetime } = tokens;
  const lifetimeMs = durationMs(accessTokenLifetime);
  return { accessToken, refreshToken, clientId, userName, obtainedAtMs: Date.now(), lifetimeMs };
}

function tokenOf(stored: StoredTokens): AccessToken {
  return { text: stored.accessToken, renewAtMs: renewAtMs(stored) };
}

function isFresh(stored: StoredTokens): boolean {
  return Date.now() < renewAtMs(stored);
}

/** From when on a token is renewed, milliseconds since the epoch; one that cannot be renewed is used to its end. */
function renewAtMs({ obtainedAtMs, lifetimeMs, refreshToken }: StoredTokens): number {
  if (refreshToken === '') return obtainedAtMs + lifetimeMs;
  return obtainedAtMs + lifetimeMs - Math.min(MAX_RENEWED_MS, lifetimeMs * RENEWED_SHARE);
}
