import { afterAll, beforeAll } from '@jest/globals';
import { readModelContract } from '../../../ports/contracts/read-model.contract.ts';
import { type MongoEngine, startMongo } from '../../../testing/engines/mongo.ts';
import { testDatabase } from '../../../testing/engines/test-database.ts';
import { openMongoReadModels } from './mongo-read-models.ts';

let engine: MongoEngine;
beforeAll(async () => {
  engine = await startMongo({ external: 'allowed' });
});
afterAll(() => engine[Symbol.asyncDispose]());

readModelContract('MongoDB', async () => {
  const database = testDatabase(engine.uri);
  const open = (mode: 'read' | 'write') => openMongoReadModels({ uri: database.uri, prefix: 'parley', mode });
  const opened = [await open('write')];
  return {
    writer: opened[0]!,
    open: async (mode) => {
      const handle = await open(mode);
      opened.push(handle);
      return handle;
    },
    [Symbol.asyncDispose]: async () => {
      for (const handle of opened) await handle[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
});
