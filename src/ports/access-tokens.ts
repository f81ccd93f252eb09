import type { Authenticator, Identity } from './authenticator.ts';

/**
 * Short-lived signed tokens. What says `authenticate` is what was true when the token was made: whether the account is still there is
 * not asked here.
 */
export interface AccessTokens extends Authenticator {
  /** A new token. Rejects with AccountStoreUnavailable when a key is needed and cannot be had. */
  issue(subject: Omit<Identity, 'expireTimeMs'>): Promise<IssuedToken>;
}

export interface IssuedToken {
  /** Secret. */
  readonly accessToken: string;
  /** From now. */
  readonly lifetimeMs: number;
}
