import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readModelContract } from '../../../ports/contracts/read-model.contract.ts';
import { openSqliteReadModels } from './store.ts';

readModelContract('SQLite', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'parley-read-models-'));
  const path = join(folder, 'read-models.db');
  const writer = openSqliteReadModels({ path, mode: 'write' });
  return {
    writer,
    open: async (mode) => openSqliteReadModels({ path, mode }),
    [Symbol.asyncDispose]: async () => {
      await writer[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
});
