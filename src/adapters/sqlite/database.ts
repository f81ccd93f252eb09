import { backup, DatabaseSync } from 'node:sqlite';

/** Primary result codes of SQLite (sqlite.org/rescode.html), those that mean something to a store. */
export const resultCodes = {
  error: 1,
  permission: 3,
  busy: 5,
  locked: 6,
  noMemory: 7,
  readOnly: 8,
  ioError: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  notADatabase: 26,
} as const;

const { busy, locked, noMemory, readOnly, ioError, corrupt, full, cannotOpen, notADatabase } = resultCodes;
const contentCodes: ReadonlySet<number | undefined> = new Set([corrupt, notADatabase]);
const unavailableCodes: ReadonlySet<number | undefined> = new Set([
  busy,
  locked,
  noMemory,
  readOnly,
  ioError,
  full,
  cannotOpen,
]);

/**
 * What an error of Node's or SQLite's carries. Not asked by `instanceof`, which fails between realms (threads, test
 * runners).
 */
export function fieldsOf(error: unknown): {
  readonly code?: unknown;
  readonly errcode?: unknown;
  readonly syscall?: unknown;
  readonly message?: unknown;
} {
  return typeof error === 'object' && error !== null ? error : {};
}

/** SQLite's primary result code; undefined when the error is not SQLite's. */
export function primaryCode(error: unknown): number | undefined {
  const { errcode } = fieldsOf(error);
  return typeof errcode === 'number' ? errcode & 0xff : undefined;
}

/** Whether SQLite reports that the file is not, or no longer, a database. */
export function isCorrupt(error: unknown): boolean {
  return contentCodes.has(primaryCode(error));
}

/** Whether SQLite could not do it now, and may another time. */
export function isUnavailable(error: unknown): boolean {
  return unavailableCodes.has(primaryCode(error));
}

/** What went wrong, in words. */
export function messageOf(error: unknown): string {
  const { message } = fieldsOf(error);
  return typeof message === 'string' ? message : String(error);
}

/** All of the work or nothing of it; no other connection writes meanwhile. Throws what the work and SQLite throw. */
export function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/** Pages copied between two calls of `onProgress`, 4 MiB of those of 4 KiB. */
const pagesPerStep = 1_024;

/** How long it waits for another handle's transaction. */
const busyTimeoutMs = 5_000;

/**
 * Copies a database as it is at one moment, while others may go on writing to it: the write-ahead log keeps what they write until the copy is made.
 * Rejects with what SQLite throws. `onProgress` is called with pages.
 */
export async function copyDatabase(
  from: string,
  to: string,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<void> {
  using source = new DatabaseSync(from, { readOnly: true, timeout: busyTimeoutMs });
  // Without a transaction of its own, the copy would begin again at each write of another process.
  source.exec('BEGIN; SELECT count(*) FROM sqlite_schema');
  await backup(source, to, {
    rate: pagesPerStep,
    progress: ({ totalPages, remainingPages }) => onProgress(totalPages - remainingPages, totalPages),
  });
}
