import { DatabaseSync } from 'node:sqlite';
import { copyDatabase } from '../copy-database.ts';
import { mapSqliteError } from './errors.ts';
import { checkWhole } from './open-file.ts';

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
