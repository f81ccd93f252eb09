import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';

/** One open file, its prepared statements kept. */
export class Connection {
  readonly database: DatabaseSync;
  /** Which file this is: another one under the same name has another number. */
  readonly inode: number;
  readonly #statements = new Map<string, StatementSync>();
  readonly #changes = new Map<string, StatementSync>();

  constructor(database: DatabaseSync, inode: number) {
    this.database = database;
    this.inode = inode;
  }

  /** The statement, prepared once, to be read from. */
  prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  /**
   * Runs a statement, prepared once, that is not read from. Its result has the last rowid that anything has inserted, also a place in an index of
   * words, and Node 26 throws where that is more than a number holds: so it is to be a bigint, for every statement.
   */
  run(sql: string, ...parameters: readonly SQLInputValue[]): void {
    const statement = this.#changes.get(sql) ?? this.database.prepare(sql);
    if (!this.#changes.has(sql)) {
      statement.setReadBigInts(true);
      this.#changes.set(sql, statement);
    }
    statement.run(...parameters);
  }

  /** All of the work or nothing of it. */
  transaction<T>(work: () => T): T {
    this.run('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.run('COMMIT');
      return result;
    } catch (error) {
      // It is closed when the work has found the file damaged.
      if (this.database.isOpen && this.database.isTransaction) this.run('ROLLBACK');
      throw error;
    }
  }

  /** What the work reads is of one state of the file. */
  snapshot<T>(work: () => T): T {
    if (this.database.isTransaction) return work();
    this.run('BEGIN');
    try {
      return work();
    } finally {
      if (this.database.isOpen && this.database.isTransaction) this.run('ROLLBACK');
    }
  }

  close(): void {
    this.#statements.clear();
    this.#changes.clear();
    if (this.database.isOpen) this.database.close();
  }
}
