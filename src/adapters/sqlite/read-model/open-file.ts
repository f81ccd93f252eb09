import { statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { Connection } from './connection.ts';
import { checkWhole, mapOpenError, mapSqliteError } from './damage.ts';
import { checkTables, createMeta, readSchemaVersion, sealTables } from './meta.ts';
import { checkWordIndexes } from './word-index.ts';

export type Mode = 'write' | 'read';

/** How long a statement waits for another handle's transaction. Batches take milliseconds; a rebuild in another process also writes batches. */
const busyTimeoutMs = 5_000;

/** Maximum wait of a WAL truncation for readers, which blocks the thread; reads take less than a millisecond. */
const truncateTimeoutMs = 100;

/** SQLite's own page cache, enough for the inner pages of a large file. The operating system's holds the rest, and is as fast. */
const cacheKibibytes = 4 * 1_024;

/** Up to this size an opening writer also compares every index with its table, 4 ms per MiB, and that of words. */
const maxIntegrityCheckBytes = 32 * 1_024 * 1_024;

/** Up to this size it checks every page, 0.7 ms per MiB; above it, so that a start stays quick, damage shows when it is read. */
const maxQuickCheckBytes = 256 * 1_024 * 1_024;

/** The WAL is copied into the database at this many pages, 16 MiB: pages that many commits changed are then copied once. */
const checkpointPages = 4_000;

/** The file for reading; null while it is not there. Throws StoreDamaged, ReadModelUnavailable or ReadModelTooNew. */
export function openToRead(path: string): Connection | null {
  const inode = inodeOf(path);
  if (inode === undefined) return null;
  return opened(path, 'read', (database) => {
    const connection = new Connection(database, inode);
    readSchemaVersion(connection);
    checkTables(connection);
    return connection;
  });
}

/** The file for writing, made if it is not there, checked if it is. Throws as `openToRead`. */
export function openToWrite(path: string): Connection {
  const bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  return opened(path, 'write', (database) => {
    database.exec(
      `PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = ${checkpointPages};
      PRAGMA secure_delete = ON`,
    );
    const connection = new Connection(database, statSync(path).ino);
    if (bytes === 0) createMeta(connection);
    readSchemaVersion(connection);
    // First, because SQLite reports flipped bits in the schema as errors of the statement.
    checkTables(connection);
    if (bytes <= maxQuickCheckBytes) checkWhole(database, bytes <= maxIntegrityCheckBytes);
    if (bytes <= maxIntegrityCheckBytes) checkWordIndexes(connection);
    // Only a write shows that the header lets the file be written.
    sealTables(connection);
    // What was removed just before the process died may be in it.
    truncateLog(connection);
    return connection;
  });
}

/**
 * Copies the write-ahead log into the database and empties it: what was removed is then nowhere in the two, because the database's own free
 * space is always overwritten. False when a reader is in the way.
 */
export function truncateLog(connection: Connection): boolean {
  connection.database.exec(`PRAGMA busy_timeout = ${truncateTimeoutMs}`);
  try {
    const result = connection.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get();
    return result?.['busy'] === 0;
  } finally {
    connection.database.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
  }
}

/** The number of the file now under this name. */
export function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}

function opened(path: string, mode: Mode, prepare: (database: DatabaseSync) => Connection): Connection {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { readOnly: mode === 'read', timeout: busyTimeoutMs });
    database.exec(`PRAGMA cache_size = -${cacheKibibytes}`);
    return prepare(database);
  } catch (error) {
    database?.close();
    throw mapSqliteError(mapOpenError(path, error));
  }
}
