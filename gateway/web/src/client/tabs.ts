/** What one tab holds and no other. */
export interface Hold {
  /** Aborted when another tab has taken it. */
  readonly lost: AbortSignal;
  release(): void;
}

/**
 * Which tab of this browser has the session: the one that holds a lock of the browser's, which a tab that is closed or crashes gives back.
 * A tab that wants it takes it away, so that one that is frozen in the background need not answer.
 */
export class TabLock {
  readonly #locks: LockManager;
  readonly #name: string;

  constructor(locks: LockManager, name: string) {
    this.#locks = locks;
    this.#name = name;
  }

  /** Waits in line behind the other tabs. undefined when the signal ended that. */
  async take(signal: AbortSignal): Promise<Hold | undefined> {
    try {
      return await this.#request({ signal });
    } catch (error) {
      if (signal.aborted) return undefined;
      throw error;
    }
  }

  /** Takes it from whichever tab has it. */
  takeAway(): Promise<Hold> {
    return this.#request({ steal: true });
  }

  /** Resolves when this tab must have heard of it if another one has taken the lock. */
  async settle(): Promise<void> {
    await this.#locks.query();
  }

  #request(options: LockOptions): Promise<Hold> {
    const lost = new AbortController();
    const held = Promise.withResolvers<void>();
    const { promise, resolve, reject } = Promise.withResolvers<Hold>();
    this.#locks
      .request(this.#name, options, () => {
        resolve({ lost: lost.signal, release: () => held.resolve() });
        return held.promise;
      })
      .catch((error: unknown) => {
        // Before it was granted nobody has it; after, it was taken away.
        reject(error);
        lost.abort();
      });
    return promise;
  }
}
