import { randomBytes } from 'node:crypto';
import { MongoClient } from 'mongodb';

/** A database of a test's own on a server that may be anybody's. */
export interface TestDatabase extends AsyncDisposable {
  /** Names the database. */
  readonly uri: string;
  readonly name: string;
  readonly client: MongoClient;
}

/** Gives the database a new name; dispose drops it. */
export function testDatabase(serverUri: string): TestDatabase {
  const name = `parley-test-${randomBytes(6).toString('hex')}`;
  const [, server, options = ''] = /^([^/]*\/\/[^/?]*)[^?]*(\?.*)?$/.exec(serverUri) ?? [];
  const client = new MongoClient(serverUri);
  return {
    uri: `${server}/${name}${options}`,
    name,
    client,
    [Symbol.asyncDispose]: async () => {
      await client.db(name).dropDatabase();
      await client.close();
    },
  };
}
