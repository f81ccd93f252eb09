import { nodeCryptoIds } from '../adapters/node/node-crypto-ids.ts';
import { systemClock } from '../adapters/node/system-clock.ts';
import { scryptHasher } from '../adapters/scrypt/scrypt-hasher.ts';
import { Accounts, type AccountsDeps } from '../app/accounts/accounts.ts';
import { accountAuthenticator } from '../app/accounts/authenticator.ts';
import type { SecurityRecorder } from '../app/security/security-recorder.ts';
import type { AccountsConfig, Config } from '../config/config.ts';
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

/** What a configuration does not use is not loaded. As configured, for a gateway; other roles take no callers, and open neither accounts nor keys. Rejects with AccountStoreUnavailable, …TooNew, …Damaged, or OidcIssuerInsecure. */
export async function openAuthentication(
  config: Config,
  backends: Backends,
  logger: Logger,
  security: Pick<SecurityRecorder, 'record'>,
): Promise<Authentication> {
  const { auth } = config;
  const nothingOpen = { accounts: undefined, [Symbol.asyncDispose]: async () => {} };
  if (!config.roles.includes('gateway')) return { ...nothingOpen, authenticator: undefined };
  switch (auth.kind) {
    case 'none':
      return { ...nothingOpen, authenticator: undefined };
    case 'oidc': {
      const { oidcAuthenticator } = await import('../adapters/oidc/oidc-authenticator.ts');
      return { ...nothingOpen, authenticator: oidcAuthenticator({ ...auth, clock: systemClock }) };
    }
    case 'accounts':
      return openAccounts(config.prefix, auth, { store: await backends.openAccounts(), logger, security });
    default:
      return auth satisfies never;
  }
}

async function openAccounts(
  prefix: string,
  auth: AccountsConfig,
  deps: Pick<AccountsDeps, 'store' | 'logger' | 'security'>,
): Promise<Authentication> {
  const { joseAccessTokens } = await import('../adapters/jose/jose-access-tokens.ts');
  const clock = systemClock;
  const { store } = deps;
  const tokens = joseAccessTokens({
    store,
    clock,
    prefix,
    tokenLifetimeMs: auth.accessTokenLifetimeMs,
    keyLifetimeMs: auth.keyLifetimeMs,
  });
  const accounts = new Accounts({
    ...deps,
    tokens,
    clock,
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
