interface Waiting {
  readonly work: () => void;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Writes that are asked for in one turn of the event loop share a transaction: partitions are folded side by side, and a commit costs
 * as much as many documents.
 */
export class GroupCommit {
  readonly #transaction: (work: () => void) => void;
  #waiting: Waiting[] = [];

  constructor(transaction: (work: () => void) => void) {
    this.#transaction = transaction;
  }

  /** Resolves once the work is committed; rejects with what it, or the commit, throws. */
  add(work: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ work, resolve, reject });
      if (this.#waiting.length === 1) setImmediate(() => this.#flush());
    });
  }

  #flush(): void {
    const group = this.#waiting;
    this.#waiting = [];
    try {
      this.#transaction(() => {
        for (const { work } of group) work();
      });
      for (const { resolve } of group) resolve();
    } catch {
      // One member's fault is not the others': each alone tells whose it was.
      for (const member of group) this.#alone(member);
    }
  }

  #alone({ work, resolve, reject }: Waiting): void {
    try {
      this.#transaction(work);
      resolve();
    } catch (error) {
      reject(error);
    }
  }
}
