import { AccountStoreDamaged, AccountStoreUnavailable } from '../../../ports/account-store.ts';
import { fieldsOf, isCorrupt, isUnavailable, messageOf } from '../result-codes.ts';

/** What to do about damage. */
export const restore = 'put a copy in its place: accounts cannot be made again from anything else';

/** SQLite's and the file system's errors as the store's own; others, which only a programmer can cause, as they are. */
export function mapSqliteError(path: string, error: unknown): unknown {
  const what = `${path}: ${messageOf(error)}`;
  if (isCorrupt(error)) return new AccountStoreDamaged(`${what}; ${restore}`, { cause: error });
  if (isUnavailable(error) || typeof fieldsOf(error).syscall === 'string')
    return new AccountStoreUnavailable(what, { cause: error });
  return error;
}
