import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { securityLogContract } from '../../../ports/contracts/security-log.contract.ts';
import { openSqliteSecurityLog } from './sqlite-security-log.ts';

securityLogContract('SQLite', async (clock) => {
  const folder = await mkdtemp(join(tmpdir(), 'parley-accounts-'));
  return {
    open: async () => openSqliteSecurityLog({ path: join(folder, 'accounts.db'), clock }),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
});
