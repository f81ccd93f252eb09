import { chmodSync, closeSync, existsSync, openSync, statSync } from 'node:fs';
import { DatabaseSync, type SQLInputValue, type SQLOutputValue } from 'node:sqlite';
import { AccountStoreDamaged, AccountStoreUnavailable } from '../../../ports/account-store.ts';
import { copyDatabase, fieldsOf, inTransaction, isCorrupt, isUnavailable, messageOf } from '../database.ts';
import { migrate, schemaVersionOf } from './schema.ts';

/** What to do about damage. */
const restore = 'put a copy in its place: accounts cannot be made again from anything else';

/** SQLite's and the file system's errors as the store's own; others, which only a programmer can cause, as they are. */
function mapSqliteError(path: string, error: unknown): unknown {
  const what = `${path}: ${messageOf(error)}`;
  if (isCorrupt(error)) return new AccountStoreDamaged(`${what}; ${restore}`, { cause: error });
  if (isUnavailable(error) || typeof fieldsOf(error).syscall === 'string')
    return new AccountStoreUnavailable(what, { cause: error });
  return error;
}

/**
 * How long a statement waits for another handle's transaction. `parley user` holds one for a commit; the wait is the event loop's, and a
 * gateway must beat.
 */
const busyTimeoutMs = 1_000;

/** Of its owner only: it holds keys that sign for anybody. */
const ownerOnlyMode = 0o600;
const permissionBits = 0o777;

/** Opens the file, made if it is not there, brought up to date if it is. Throws what the store's errors are. */
function openAccountFile(path: string): DatabaseSync {
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
function checkWhole(database: DatabaseSync, path: string): void {
  const found = database.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
  if (found !== 'ok') throw new AccountStoreDamaged(`${path}: ${String(found)}; ${restore}`);
}

export type Row = Record<string, SQLOutputValue>;

/** A handle on the file of accounts. Everything throws AccountStoreUnavailable, AccountStoreTooNew or AccountStoreDamaged. */
export class AccountFile {
  readonly #path: string;
  readonly #database: DatabaseSync;

  /** The file is made if it is not there; its folder must be there. */
  constructor(path: string) {
    this.#path = path;
    this.#database = openAccountFile(path);
  }

  /** Whether the statement changed anything. */
  changes(sql: string, ...values: readonly SQLInputValue[]): boolean {
    return this.run(sql, ...values) > 0;
  }

  /** How many rows the statement changed. */
  run(sql: string, ...values: readonly SQLInputValue[]): number {
    return this.#use(() => Number(this.#database.prepare(sql).run(...values).changes));
  }

  all(sql: string, ...values: readonly SQLInputValue[]): readonly Row[] {
    return this.#use(() => this.#database.prepare(sql).all(...values));
  }

  /** All of the work or nothing of it; no other handle writes meanwhile. */
  transaction<T>(work: () => T): T {
    return this.#use(() => inTransaction(this.#database, work));
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  #use<T>(work: () => T): T {
    if (!this.#database.isOpen) throw new AccountStoreUnavailable(`${this.#path} is closed`);
    try {
      return work();
    } catch (error) {
      throw mapSqliteError(this.#path, error);
    }
  }
}

/** Copies the file of accounts, also beside a server that runs, and checks the copy. Rejects with AccountStoreDamaged or AccountStoreUnavailable. */
export async function copyAccountFile(from: string, to: string): Promise<void> {
  try {
    await copyDatabase(from, to);
    using copy = new DatabaseSync(to, { readOnly: true });
    checkWhole(copy, from);
  } catch (error) {
    throw mapSqliteError(from, error);
  }
}
