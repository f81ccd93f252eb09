import { AccountStoreDamaged, AccountStoreUnavailable } from '../../../ports/account-store.ts';

/** Primary result codes of SQLite (sqlite.org/rescode.html) by what they mean here. */
const damagedCodes: ReadonlySet<number> = new Set([11 /* CORRUPT */, 26 /* NOTADB */]);
const unavailableCodes: ReadonlySet<number> = new Set([
  5 /* BUSY */, 6 /* LOCKED */, 7 /* NOMEM */, 8 /* READONLY */, 10 /* IOERR */, 13 /* FULL */, 14 /* CANTOPEN */,
]);

/** What to do about damage. */
export const restore = 'put a copy in its place: accounts cannot be made again from anything else';

/** SQLite's and the file system's errors as the store's own; others, which only a programmer can cause, as they are. */
export function mapSqliteError(path: string, error: unknown): unknown {
  const { errcode, syscall, message } = error as { errcode?: unknown; syscall?: unknown; message?: unknown };
  const primaryCode = typeof errcode === 'number' ? errcode & 0xff : -1;
  const what = `${path}: ${String(message ?? error)}`;
  if (damagedCodes.has(primaryCode)) return new AccountStoreDamaged(`${what}; ${restore}`, { cause: error });
  if (unavailableCodes.has(primaryCode) || typeof syscall === 'string')
    return new AccountStoreUnavailable(what, { cause: error });
  return error;
}
