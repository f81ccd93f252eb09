import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { DataDirLocked } from './errors.ts';
import { isBusy } from './system-errors.ts';

/** The file that is locked. */
export function lockFile(dataDir: string): string {
  return join(dataDir, 'lock');
}

/**
 * Locks the data folder for this process until disposed, creating it if it is missing. Throws DataDirLocked.
 *
 * Node has no file locks, SQLite has: an exclusive transaction on an empty database, which the system ends with the process, however that ends.
 */
export function lockDataDir(dataDir: string): Disposable {
  mkdirSync(dataDir, { recursive: true });
  const database = new DatabaseSync(lockFile(dataDir));
  try {
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    throw isBusy(error) ? new DataDirLocked(dataDir) : error;
  }
  return { [Symbol.dispose]: () => database.close() };
}
