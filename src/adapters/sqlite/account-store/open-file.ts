import { chmodSync, closeSync, existsSync, openSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { AccountStoreDamaged } from '../../../ports/account-store.ts';
import { mapSqliteError, restore } from './errors.ts';
import { migrate, schemaVersionOf } from './schema.ts';

/**
 * How long a statement waits for another handle's transaction. `parley user` holds one for a commit; the wait is the event loop's, and a
 * gateway must beat.
 */
const busyTimeoutMs = 1_000;

/** Of its owner only: it holds keys that sign for anybody. */
const ownerOnlyMode = 0o600;
const permissionBits = 0o777;

/** Opens the file, made if it is not there, brought up to date if it is. Throws what the store's errors are. */
export function openAccountFile(path: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    keepToOwner(path);
    database = new DatabaseSync(path, { timeout: busyTimeoutMs });
    // What was removed is overwritten; the log, which keeps it for a while, is cut when the last handle closes.
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON');
    checkWhole(database, path);
    migrate(database);
    return database;
  } catch (error) {
    database?.close();
    throw mapSqliteError(path, error);
  }
}

/** The version of the file's tables, null when there is no file; nothing is changed. Throws as opening does. */
export function readAccountSchemaVersion(path: string): number | null {
  if (!existsSync(path)) return null;
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { readOnly: true, timeout: busyTimeoutMs });
    return schemaVersionOf(database);
  } catch (error) {
    throw mapSqliteError(path, error);
  } finally {
    database?.close();
  }
}

/** Before SQLite opens it: the files that it puts beside this one get the same permissions. */
function keepToOwner(path: string): void {
  closeSync(openSync(path, 'a', ownerOnlyMode));
  for (const file of [path, `${path}-wal`, `${path}-shm`]) {
    const mode = statSync(file, { throwIfNoEntry: false })?.mode;
    if (mode !== undefined && (mode & permissionBits) !== ownerOnlyMode) chmodSync(file, ownerOnlyMode);
  }
}

/** Throws AccountStoreDamaged when a check of every page finds a fault. */
export function checkWhole(database: DatabaseSync, path: string): void {
  const found = database.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
  if (found !== 'ok') throw new AccountStoreDamaged(`${path}: ${String(found)}; ${restore}`);
}
