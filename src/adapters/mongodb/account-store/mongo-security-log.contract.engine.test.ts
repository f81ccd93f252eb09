import { afterAll, beforeAll } from '@jest/globals';
import { securityLogContract } from '../../../ports/contracts/security-log.contract.ts';
import { type MongoEngine, startMongo } from '../../../testing/engines/mongo.ts';
import { testDatabase } from '../../../testing/engines/test-database.ts';
import { openMongoSecurityLog } from './mongo-security-log.ts';

let engine: MongoEngine;
beforeAll(async () => {
  engine = await startMongo({ external: 'allowed' });
});
afterAll(() => engine[Symbol.asyncDispose]());

securityLogContract('MongoDB', async (clock) => {
  const database = testDatabase(engine.uri);
  return {
    open: () => openMongoSecurityLog({ uri: database.uri, prefix: 'parley', clock }),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
});
