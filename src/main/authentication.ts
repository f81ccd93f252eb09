import { joseAccessTokens } from '../adapters/jose/jose-access-tokens.ts';
import { nodeCryptoIds } from '../adapters/node/node-crypto-ids.ts';
import { systemClock } from '../adapters/node/system-clock.ts';
import { oidcAuthenticator } from '../adapters/oidc/oidc-authenticator.ts';
import { scryptHasher } from '../adapters/scrypt/scrypt-hasher.ts';
import { Accounts } from '../app/accounts/accounts.ts';
import { accountAuthenticator } from '../app/accounts/authenticator.ts';
import type { AccountsConfig, Config } from '../config/config.ts';
import type { AccountStore } from '../ports/account-store.ts';
import type { Authenticator } from '../ports/authenticator.ts';
import type { Logger } from '../ports/telemetry.ts';
import type { Backends } from './backends.ts';
import { readCommonPasswords } from './common-passwords.ts';

/** How callers prove who they are. */
export interface Authentication extends AsyncDisposable {
  /** undefined: they need not. */
  readonly authenticator: Authenticator | undefined;
  /** undefined: this server keeps none. */
  readonly accounts: Accounts | undefined;
}

/** As configured. Rejects with AccountStoreUnavailable, …TooNew, …Damaged, or OidcIssuerInsecure. */
export async function openAuthentication(config: Config, backends: Backends, logger: Logger): Promise<Authentication> {
  const { auth } = config;
  const nothingOpen = { accounts: undefined, [Symbol.asyncDispose]: async () => {} };
  switch (auth.kind) {
    case 'none':
      return { ...nothingOpen, authenticator: undefined };
    case 'oidc':
      return { ...nothingOpen, authenticator: oidcAuthenticator({ ...auth, clock: systemClock }) };
    case 'accounts':
      return openAccounts(config.prefix, auth, await backends.openAccounts(), logger);
    default:
      return auth satisfies never;
  }
}

function openAccounts(prefix: string, auth: AccountsConfig, store: AccountStore, logger: Logger): Authentication {
  const clock = systemClock;
  const tokens = joseAccessTokens({
    store,
    clock,
    prefix,
    tokenLifetimeMs: auth.accessTokenLifetimeMs,
    keyLifetimeMs: auth.keyLifetimeMs,
  });
  const accounts = new Accounts({
    store,
    tokens,
    clock,
    logger,
    hasher: scryptHasher(),
    commonPasswords: readCommonPasswords(),
    ids: nodeCryptoIds,
    settings: auth,
  });
  return {
    accounts,
    authenticator: accountAuthenticator(tokens, store),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}
