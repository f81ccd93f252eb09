import type { Db, Filter } from 'mongodb';
import { type Account, AccountStoreTooNew, type SigningKey, type TokenFamily } from '../../../ports/account-store.ts';
import { unlessThere } from './connection.ts';

/**
 * What is stored. Each operation of the port is one change of one document:
 *
 *     <prefix>_accounts        a document for each account, with its families of refresh tokens: who removes it ends them, and a family
 *                              cannot outlive its account
 *     <prefix>_account_store   `schema`: the version of all this. `signing-keys`: all keys, as one document, because only the one who knows
 *                              the newest may add another
 */
export interface AccountRow extends Account {
  /** The user name without case. */
  readonly _id: string;
  readonly families: readonly Omit<TokenFamily, 'clientId'>[];
  /** Raised with every change of the families. */
  readonly familyChanges: number;
}

export interface SchemaRow {
  readonly _id: 'schema';
  readonly version: number;
}

export interface SigningKeysRow {
  readonly _id: 'signing-keys';
  readonly newestKid: string;
  /** Oldest first. */
  readonly keys: readonly SigningKey[];
}

/** Raised when an earlier release could not read what this one writes. */
export const schemaVersion = 1;

export const signingKeysFilter: Filter<SigningKeysRow> = { _id: 'signing-keys' };
const schemaFilter: Filter<SchemaRow> = { _id: 'schema' };

export function accountsIn(database: Db, prefix: string) {
  return database.collection<AccountRow>(`${prefix}_accounts`);
}

export function signingKeysIn(database: Db, prefix: string) {
  return database.collection<SigningKeysRow>(`${prefix}_account_store`);
}

/** Makes what is missing; several processes may do so at once. Rejects with AccountStoreTooNew when a later release was here. */
export async function prepare(database: Db, prefix: string): Promise<void> {
  const schema = database.collection<SchemaRow>(`${prefix}_account_store`);
  await unlessThere(schema.insertOne({ _id: 'schema', version: schemaVersion }));
  const found = (await schema.findOne(schemaFilter))?.version ?? schemaVersion;
  if (found > schemaVersion) {
    throw new AccountStoreTooNew(
      `the accounts have schema ${found}, written by a later release; this one knows up to ${schemaVersion}. Start that release.`,
    );
  }
  await accountsIn(database, prefix).createIndexes([
    { name: 'byClient', key: { clientId: 1 }, unique: true },
    { name: 'byFamily', key: { 'families.familyId': 1 } },
  ]);
}
