import { joseAccessTokens } from '../adapters/access-tokens/jose/jose-access-tokens.ts';
import { openSqliteAccountStore } from '../adapters/account-store/sqlite/sqlite-account-store.ts';
import { oidcAuthenticator } from '../adapters/authenticator/oidc/oidc-authenticator.ts';
import { systemClock } from '../adapters/clock/system/system-clock.ts';
import { nodeCryptoIds } from '../adapters/ids/node-crypto/node-crypto-ids.ts';
import { scryptHasher } from '../adapters/password-hasher/scrypt/scrypt-hasher.ts';
import { Accounts } from '../app/accounts/accounts.ts';
import { accountAuthenticator } from '../app/accounts/authenticator.ts';
import type { AccountsConfig, Config } from '../config/config.ts';
import type { Authenticator } from '../ports/authenticator.ts';
import type { Logger } from '../ports/telemetry.ts';
import { accountsPath } from './data-folder.ts';

/** How callers prove who they are. */
export interface Authentication extends AsyncDisposable {
  /** undefined: they need not. */
  readonly authenticator: Authenticator | undefined;
  /** undefined: this server keeps none. */
  readonly accounts: Accounts | undefined;
}

/** As configured; the data folder is there. Throws AccountStoreUnavailable, …TooNew, …Damaged, or OidcIssuerInsecure. */
export function openAuthentication(config: Config, logger: Logger): Authentication {
  const { auth } = config;
  const nothingOpen = { accounts: undefined, [Symbol.asyncDispose]: async () => {} };
  switch (auth.kind) {
    case 'none':
      return { ...nothingOpen, authenticator: undefined };
    case 'oidc':
      return { ...nothingOpen, authenticator: oidcAuthenticator({ ...auth, clock: systemClock }) };
    case 'accounts':
      return openAccounts(config, auth, logger);
    default:
      return auth satisfies never;
  }
}

function openAccounts({ dataDir, prefix }: Config, auth: AccountsConfig, logger: Logger): Authentication {
  const clock = systemClock;
  const store = openSqliteAccountStore({ path: accountsPath(dataDir), clock });
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
    ids: nodeCryptoIds,
    settings: { signUpOpen: auth.signUpOpen, refreshTokenLifetimeMs: auth.refreshTokenLifetimeMs },
  });
  return {
    accounts,
    authenticator: accountAuthenticator(tokens, store),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}
