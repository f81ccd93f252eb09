import type { Account, AccountStore } from '../../ports/account-store.ts';
import type { Copied } from './copy-media.ts';

/** Accounts read at once. */
const pageSize = 200;

/**
 * Makes every account that the target does not have, with its client id and password hash. Sign-ins and signing keys stay behind: people sign
 * in again. Whoever is interrupted copies again. Rejects with AccountStoreUnavailable.
 */
export async function copyAccounts(
  source: Pick<AccountStore, 'listAccounts'>,
  target: Pick<AccountStore, 'createAccount' | 'accountNamed'>,
): Promise<Copied> {
  let [inAll, before] = [0, 0];
  const differences: string[] = [];
  for await (const account of allAccounts(source)) {
    inAll += 1;
    if (await target.createAccount(account)) continue;
    before += 1;
    const found = await target.accountNamed(account.userName);
    if (found === null || !areSame(account, found))
      differences.push(`the account ${account.userName} was there already, and is another one`);
  }
  return { inAll, before, differences };
}

async function* allAccounts(store: Pick<AccountStore, 'listAccounts'>): AsyncGenerator<Account> {
  for (let after = ''; ; ) {
    const page = await store.listAccounts(after, pageSize);
    const last = page.at(-1);
    if (last === undefined) return;
    yield* page;
    after = last.userName;
  }
}

function areSame(one: Account, other: Account): boolean {
  return (
    one.clientId === other.clientId &&
    one.userName === other.userName &&
    one.passwordHash === other.passwordHash &&
    one.role === other.role &&
    one.createTimeMs === other.createTimeMs
  );
}
