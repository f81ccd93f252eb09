import type { DatabaseSync } from 'node:sqlite';
import { AccountStoreDamaged, AccountStoreTooNew } from '../../../ports/account-store.ts';
import { inTransaction } from '../database.ts';

/** "PACC": what file(1) and SQLite's own tools know the file by. */
const applicationId = 0x50414343;

/** One step brings a file to the next version. */
export type Migration = (database: DatabaseSync) => void;

/**
 * What made the file what it is, in order: its version is the number of steps taken. A step that a release has shipped is never
 * changed; the next change is a step of its own.
 */
export const migrations: readonly Migration[] = [
  (database) =>
    database.exec(`
      CREATE TABLE accounts (
        client_id TEXT PRIMARY KEY,
        name_key TEXT NOT NULL UNIQUE,
        user_name TEXT NOT NULL,
        password_hash TEXT NOT NULL,
        role TEXT NOT NULL CHECK (role IN ('client', 'operator')),
        create_time_ms INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE families (
        family_id TEXT PRIMARY KEY,
        client_id TEXT NOT NULL,
        token_hash TEXT NOT NULL,
        expire_time_ms INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX families_by_client ON families (client_id, expire_time_ms);
      CREATE INDEX families_by_expiry ON families (expire_time_ms);
      CREATE TABLE signing_keys (
        position INTEGER PRIMARY KEY,
        kid TEXT NOT NULL UNIQUE,
        private_jwk TEXT NOT NULL,
        create_time_ms INTEGER NOT NULL,
        retire_time_ms INTEGER NOT NULL,
        remove_time_ms INTEGER NOT NULL
      ) STRICT;
    `),
  (database) =>
    database.exec(`
      CREATE TABLE failed_sign_ins (
        name_hash TEXT PRIMARY KEY,
        count INTEGER NOT NULL,
        time_ms INTEGER NOT NULL,
        expire_time_ms INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX failed_sign_ins_by_expiry ON failed_sign_ins (expire_time_ms);
    `),
  (database) =>
    database.exec(`
      CREATE TABLE security_events (
        entry_id TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        time_ms INTEGER NOT NULL,
        last_time_ms INTEGER NOT NULL,
        count INTEGER NOT NULL,
        client_id TEXT NOT NULL,
        user_name TEXT NOT NULL,
        operator TEXT NOT NULL,
        address TEXT NOT NULL,
        detail TEXT NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX security_events_by_time ON security_events (time_ms, entry_id);
    `),
  (database) => database.exec("ALTER TABLE accounts ADD COLUMN group_name TEXT NOT NULL DEFAULT ''"),
];

/** What this release writes. */
export const accountSchemaVersion = migrations.length;

/** The version of an open file; 0 for an empty one. Throws AccountStoreDamaged when it is something else's. */
export function schemaVersionOf(database: DatabaseSync): number {
  const version = pragma(database, 'user_version');
  const id = pragma(database, 'application_id');
  if (id === applicationId) return version;
  const isEmpty = database.prepare('SELECT 1 FROM sqlite_schema').get() === undefined;
  if (id === 0 && version === 0 && isEmpty) return 0;
  throw new AccountStoreDamaged(`${database.location() ?? 'the file'} is a database, but not one of accounts`);
}

/**
 * Takes the steps that are missing, all or none. Throws AccountStoreTooNew when the file has more than there are, and
 * AccountStoreDamaged when it is something else's.
 */
export function migrate(database: DatabaseSync, steps: readonly Migration[] = migrations): void {
  // Seen before the lock is taken: nearly every open has nothing to do, and must not wait for another's transaction.
  if (checkedVersion(database, steps) === steps.length) return;
  inTransaction(database, () => {
    // Another process may have taken them while this one waited.
    for (const step of steps.slice(checkedVersion(database, steps))) step(database);
    database.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${steps.length}`);
  });
}

function checkedVersion(database: DatabaseSync, steps: readonly Migration[]): number {
  const version = schemaVersionOf(database);
  if (version > steps.length) {
    throw new AccountStoreTooNew(
      `${database.location() ?? 'the file'} has schema ${version}, written by a later release; this one knows up to ${steps.length}. Start that release.`,
    );
  }
  return version;
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);
}
