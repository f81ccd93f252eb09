import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { messageOf } from '../database.ts';
import { isFull } from './errors.ts';

/** A batch was not taken. */
export class WriteFailed extends Error {
  override readonly name = 'WriteFailed';
  /**
   * `not-written`: rolled back. `unknown`: a crash now might bring it back. `written`: in the log, but not witnessed.
   */
  readonly outcome: 'not-written' | 'unknown' | 'written';

  constructor(outcome: WriteFailed['outcome'], cause: unknown) {
    super(messageOf(cause), { cause });
    this.outcome = outcome;
  }
}

/** Does work as a whole, synced, or not at all. */
export class Transaction {
  readonly #connection: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;

  constructor(connection: DatabaseSync) {
    this.#connection = connection;
    this.#begin = connection.prepare('BEGIN IMMEDIATE');
    this.#commit = connection.prepare('COMMIT');
  }

  /** Throws WriteFailed. */
  run(work: () => void): void {
    let committing = false;
    try {
      this.#begin.run();
      work();
      committing = true;
      this.#commit.run();
    } catch (error) {
      if (this.#connection.isTransaction) this.#connection.exec('ROLLBACK');
      throw new WriteFailed(committing && !isFull(error) ? 'unknown' : 'not-written', error);
    }
  }
}
