import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { accountStoreContract } from '../../../ports/contracts/account-store.contract.ts';
import { openSqliteAccountStore } from './sqlite-account-store.ts';

accountStoreContract('SQLite', async (clock) => {
  const folder = await mkdtemp(join(tmpdir(), 'parley-accounts-'));
  return {
    open: async () => openSqliteAccountStore({ path: join(folder, 'accounts.db'), clock }),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
});
