import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { openSqliteReadModels } from '../../../adapters/sqlite/read-model/store.ts';
import { assertProperty } from '../../property.ts';
import { answersOf, histories } from '../../read-model-answers.ts';
import { MemoryReadModelServer } from './memory-read-models.ts';

const runs = 100;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-same-'));
});
afterAll(() => rm(folder, { recursive: true }));

test('any documents, pages and searches are answered as SQLite does', async () => {
  let run = 0;
  await assertProperty(
    fc.asyncProperty(histories, async (history) => {
      run += 1;
      await using sqlite = openSqliteReadModels({ path: join(folder, `${run}.db`), mode: 'write' });
      const memory = new MemoryReadModelServer().handle('write');
      expect(await answersOf(memory, history)).toEqual(await answersOf(sqlite, history));
    }),
    { numRuns: runs },
  );
});
