/** One after the other for each key: what is done to an object's two files is done by one at a time. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Runs this when all that came before it under the same key has ended, however it ended. */
  async take<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve();
    const mine = before.then(work, work);
    this.#last.set(key, mine);
    try {
      return await mine;
    } finally {
      if (this.#last.get(key) === mine) this.#last.delete(key);
    }
  }
}
