import type { DatabaseSync, StatementSync } from 'node:sqlite';

/** One open file, its prepared statements kept. */
export class Connection {
  readonly database: DatabaseSync;
  /** Which file this is: another one under the same name has another number. */
  readonly inode: number;
  readonly #statements = new Map<string, StatementSync>();

  constructor(database: DatabaseSync, inode: number) {
    this.database = database;
    this.inode = inode;
  }

  /** The statement, prepared once. */
  prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  /** All of the work or nothing of it. */
  transaction<T>(work: () => T): T {
    this.prepare('BEGIN IMMEDIATE').run();
    try {
      const result = work();
      this.prepare('COMMIT').run();
      return result;
    } catch (error) {
      // It is closed when the work has found the file damaged.
      if (this.database.isOpen && this.database.isTransaction) this.prepare('ROLLBACK').run();
      throw error;
    }
  }

  /** What the work reads is of one state of the file. */
  snapshot<T>(work: () => T): T {
    if (this.database.isTransaction) return work();
    this.prepare('BEGIN').run();
    try {
      return work();
    } finally {
      if (this.database.isTransaction) this.prepare('ROLLBACK').run();
    }
  }

  close(): void {
    this.#statements.clear();
    if (this.database.isOpen) this.database.close();
  }
}
