import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { joseAccessTokens } from '../../../adapters/jose/jose-access-tokens.ts';
import { nodeCryptoIds } from '../../../adapters/node/node-crypto-ids.ts';
import { scryptHasher } from '../../../adapters/scrypt/scrypt-hasher.ts';
import { openSqliteAccountStore } from '../../../adapters/sqlite/account-store/sqlite-account-store.ts';
import type { AccountStore } from '../../../ports/account-store.ts';
import type { Authenticator } from '../../../ports/authenticator.ts';
import type { PasswordHasher } from '../../../ports/password-hasher.ts';
import { StandingClock } from '../../../testing/standing-clock.ts';
import { Accounts } from '../accounts.ts';
import { accountAuthenticator } from '../authenticator.ts';

export const accessTokenLifetimeMs = 60_000;
export const refreshTokenLifetimeMs = 3_600_000;
export const signUpsPerAddress = 20;

/** The same algorithm for a thousandth of the time. */
const cheapCost = { log2N: 5, r: 8, p: 1 };

export const commonPasswords: ReadonlySet<string> = new Set(['password', 'letmein123']);

/** The use cases over the real store, hasher and tokens. */
export interface AccountWorld extends AsyncDisposable {
  readonly clock: StandingClock;
  readonly store: AccountStore;
  readonly accounts: Accounts;
  readonly authenticator: Authenticator;
  /** What was hashed, in order: `hash`, `verify`, or `verify nobody`. */
  readonly hashed: readonly string[];
  readonly warnings: readonly object[];
  /** Another server on the same store. */
  server(more?: { readonly signUpOpen?: boolean; readonly hasher?: PasswordHasher }): Accounts;
}

export async function accountWorld(): Promise<AccountWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'parley-accounts-'));
  const clock = new StandingClock();
  const store = openSqliteAccountStore({ path: join(folder, 'accounts.db'), clock });
  const hashed: string[] = [];
  const warnings: object[] = [];
  const tokens = joseAccessTokens({
    store,
    clock,
    prefix: 'parley',
    tokenLifetimeMs: accessTokenLifetimeMs,
    keyLifetimeMs: refreshTokenLifetimeMs,
  });
  const server: AccountWorld['server'] = ({ signUpOpen = true, hasher = countingHasher(hashed) } = {}) =>
    new Accounts({
      ...{ store, hasher, clock, tokens, ids: nodeCryptoIds, commonPasswords },
      logger: { warn: (fields) => void warnings.push(fields) },
      settings: { signUpOpen, signUpsPerAddress, refreshTokenLifetimeMs },
    });
  return {
    ...{ clock, store, hashed, warnings, server },
    accounts: server(),
    authenticator: accountAuthenticator(tokens, store),
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

function countingHasher(hashed: string[]): PasswordHasher {
  const hasher = scryptHasher(cheapCost);
  return {
    hash: (password, queue) => {
      hashed.push('hash');
      return hasher.hash(password, queue);
    },
    verify: (password, hash) => {
      hashed.push(hash === null ? 'verify nobody' : 'verify');
      return hasher.verify(password, hash);
    },
  };
}
