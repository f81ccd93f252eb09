import type { Tokens } from '../../gen/chat/v1/account_service.ts';
import { AccountServiceService, RefreshTokensRequest } from '../../gen/chat/v1/account_service.ts';
import { Connection } from '../connection.ts';
import type { AccessToken, AccessTokens, Endpoint } from '../endpoint.ts';
import { durationMs, Refusal } from '../refusal.ts';
import type { StoredTokens, TokenStore } from './token-store.ts';

/** A token is renewed when this share of its life is left, so that a server that restarts meanwhile does no harm… */
const RENEWED_SHARE = 1 / 5;
/** … but of a long one not more than this: nobody is away for longer than a restart takes. */
const MAX_RENEWED_MS = 60_000;

/** The tokens that `parley sign-in` has left, renewed when they are about to expire. */
export class SavedTokens implements AccessTokens {
  readonly #store: TokenStore;
  readonly #endpoint: Endpoint;
  /** Under way, for all callers of this process. */
  #renewing: Promise<AccessToken | undefined> | undefined;

  /** @param endpoint where they are renewed, without credentials */
  constructor(store: TokenStore, endpoint: Endpoint) {
    this.#store = store;
    this.#endpoint = endpoint;
  }

  async fresh(): Promise<AccessToken | undefined> {
    const stored = this.#store.read();
    if (stored === undefined || Date.now() < renewAtMs(stored)) return stored && tokenOf(stored);
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  #renew(): Promise<AccessToken | undefined> {
    return this.#store.alone(async () => {
      // Another process may have done it while this one stood at the lock.
      const stored = this.#store.read();
      if (stored === undefined || Date.now() < renewAtMs(stored)) return stored && tokenOf(stored);
      try {
        const renewed = storedTokens(await this.#refresh(stored.refreshToken), stored.userName);
        this.#store.write(renewed);
        return tokenOf(renewed);
      } catch (error) {
        return this.#withoutRenewal(error, stored);
      }
    });
  }

  #withoutRenewal(error: unknown, stored: StoredTokens): AccessToken {
    if (!(error instanceof Refusal)) throw error;
    // Nothing will make it work again.
    if (error.reason === 'REFRESH_TOKEN_INVALID') this.#store.remove();
    else if (Date.now() < stored.obtainedAtMs + stored.lifetimeMs) return tokenOf(stored);
    throw error;
  }

  async #refresh(refreshToken: string): Promise<Tokens | undefined> {
    using connection = new Connection(this.#endpoint);
    const request = RefreshTokensRequest.create({ refreshToken });
    return (await connection.call(AccountServiceService.refreshTokens, request)).tokens;
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

function renewAtMs({ obtainedAtMs, lifetimeMs }: StoredTokens): number {
  return obtainedAtMs + lifetimeMs - Math.min(MAX_RENEWED_MS, lifetimeMs * RENEWED_SHARE);
}
