import type { DatabaseSync, SQLInputValue, SQLOutputValue } from 'node:sqlite';
import { AccountStoreUnavailable } from '../../../ports/account-store.ts';
import { mapSqliteError } from './errors.ts';
import { openAccountFile } from './open-file.ts';

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
    return this.#use(() => {
      this.#database.exec('BEGIN IMMEDIATE');
      try {
        const result = work();
        this.#database.exec('COMMIT');
        return result;
      } catch (error) {
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
        throw error;
      }
    });
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
