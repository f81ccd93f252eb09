import { accessSync, constants, existsSync, renameSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { ReadModelUnavailable } from '../../../ports/read-model.ts';
import { fieldsOf, isCorrupt, isUnavailable, messageOf, primaryCode, resultCodes } from '../database.ts';

/** The file is not, or no longer, what was written: everything in it is made again from the log. */
export class StoreDamaged extends Error {
  override readonly name = 'StoreDamaged';
}

/** SQLite's errors as the store's own; others, which only a programmer can cause, as they are. */
export function mapSqliteError(error: unknown): unknown {
  const message = messageOf(error);
  if (isCorrupt(error) || isNumberTooLarge(error) || (isStatementError(error) && isOfWordIndex(message)))
    return new StoreDamaged(message, { cause: error });
  if (isUnavailable(error)) return new ReadModelUnavailable(message, { cause: error });
  return error;
}

/** Node refuses a stored number past 2^53, and none is written here. */
function isNumberTooLarge(error: unknown): boolean {
  return fieldsOf(error).code === 'ERR_OUT_OF_RANGE';
}

/** FTS5 says so when what it keeps about its own tables is not what it wrote. */
function isOfWordIndex(message: string): boolean {
  return ['vtable constructor failed', 'invalid fts5 file format', 'fts5: corruption'].some((begin) =>
    message.startsWith(begin),
  );
}

/**
 * What opening a damaged file throws: flipped bits in its header show as a format that SQLite does not know, or one that it may only read;
 * those in a definition as a statement that is wrong, and the statements of opening are the same for every file.
 */
export function mapOpenError(path: string, error: unknown): unknown {
  if (primaryCode(error) === resultCodes.readOnly && isWritable(path))
    return new StoreDamaged(messageOf(error), { cause: error });
  return statementErrorAsDamage(error);
}

/** SQLite finds the statement wrong: a name that it does not know, for one. */
export function isStatementError(error: unknown): boolean {
  return primaryCode(error) === resultCodes.error;
}

/** For statements that no whole file finds wrong. */
export function statementErrorAsDamage(error: unknown): unknown {
  return isStatementError(error) ? new StoreDamaged(messageOf(error), { cause: error }) : error;
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** The table is not there (yet): a reader may come before the writer. */
export function isMissingTable(error: unknown): boolean {
  return isStatementError(error) && messageOf(error).startsWith('no such table');
}

/** Renames the file, and what belongs to it, so that a new one can begin. Returns the new name. */
export function setAside(path: string): string {
  const aside = freeName(`${path}.damaged`);
  for (const suffix of ['-wal', '-shm', '']) {
    if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
  }
  return aside;
}

function freeName(wanted: string): string {
  for (let attempt = 0; ; attempt++) {
    const name = attempt === 0 ? wanted : `${wanted}.${attempt}`;
    if (!existsSync(name)) return name;
  }
}

/** Throws StoreDamaged when a check of every page finds a fault; a thorough one also compares indexes with their tables. */
export function checkWhole(database: DatabaseSync, thorough: boolean): void {
  const pragma = thorough ? 'integrity_check' : 'quick_check';
  const found = database.prepare(`PRAGMA ${pragma}(1)`).get()?.[pragma];
  if (found !== 'ok') throw new StoreDamaged(`${pragma}: ${String(found)}`);
}
