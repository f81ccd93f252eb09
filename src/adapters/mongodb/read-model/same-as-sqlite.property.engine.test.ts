import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ReadModelStore } from '../../../ports/read-model.ts';
import { type MongoEngine, startMongo } from '../../../testing/engines/mongo.ts';
import { type TestDatabase, testDatabase } from '../../../testing/engines/test-database.ts';
import { assertProperty } from '../../../testing/property.ts';
import { answersOf, histories } from '../../../testing/read-model-answers.ts';
import { rounds } from '../../../testing/rounds.ts';
import { openSqliteReadModels } from '../../sqlite/read-model/store.ts';
import { openMongoReadModels } from './mongo-read-models.ts';

const runs = rounds({ usual: 40, long: 200 });

let engine: MongoEngine;
let database: TestDatabase;
let mongo: ReadModelStore;
let folder: string;
beforeAll(async () => {
  engine = await startMongo({ external: 'allowed' });
  database = testDatabase(engine.uri);
  mongo = await openMongoReadModels({ uri: database.uri, prefix: 'parley', mode: 'write' });
  folder = await mkdtemp(join(tmpdir(), 'parley-same-'));
});
afterAll(async () => {
  await mongo[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
  await engine[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

async function forgetAll(): Promise<void> {
  const stored = database.client.db(database.name);
  for (const name of ['parley_notes_1', 'parley_plain_1', 'parley_checkpoints'])
    await stored.collection(name).deleteMany({});
}

test('any documents, pages and searches are answered as SQLite does', async () => {
  let run = 0;
  await assertProperty(
    fc.asyncProperty(histories, async (history) => {
      run += 1;
      await forgetAll();
      await using sqlite = openSqliteReadModels({ path: join(folder, `${run}.db`), mode: 'write' });
      expect(await answersOf(mongo, history)).toEqual(await answersOf(sqlite, history));
    }),
    { numRuns: runs },
  );
});
