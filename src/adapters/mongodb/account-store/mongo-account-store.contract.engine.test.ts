import { afterAll, beforeAll } from '@jest/globals';
import { accountStoreContract } from '../../../ports/contracts/account-store.contract.ts';
import { type MongoEngine, startMongo } from '../../../testing/engines/mongo.ts';
import { testDatabase } from '../../../testing/engines/test-database.ts';
import { openMongoAccountStore } from './mongo-account-store.ts';

let engine: MongoEngine;
beforeAll(async () => {
  engine = await startMongo({ external: 'allowed' });
});
afterAll(() => engine[Symbol.asyncDispose]());

accountStoreContract('MongoDB', async (clock) => {
  const database = testDatabase(engine.uri);
  return {
    open: () => openMongoAccountStore({ uri: database.uri, prefix: 'parley', clock }),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
});
