/** Some minutes of a busy chat: whoever is further behind does not read. */
const MAX_UNREAD = 10_000;

/** What was told and not read yet, in order, for one reader. */
export class Unread<T> implements AsyncIterable<T> {
  readonly #items: T[] = [];
  #isOver = false;
  #why: Error | undefined;
  #changed = Promise.withResolvers<void>();

  /** More than a reader may be behind end its reading with a RangeError. */
  push(item: T): void {
    if (this.#isOver) return;
    if (this.#items.push(item) > MAX_UNREAD)
      return this.end(new RangeError(`More than ${MAX_UNREAD} events of the chat were not read.`));
    this.#changed.resolve();
  }

  /** What was pushed is still read. @param why thrown behind it; undefined: it just ends */
  end(why: Error | undefined): void {
    this.#isOver = true;
    this.#why ??= why;
    this.#changed.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    for (;;) {
      const item = this.#items.shift();
      if (item !== undefined) yield item;
      else if (!this.#isOver) {
        await this.#changed.promise;
        this.#changed = Promise.withResolvers();
      } else if (this.#why === undefined) return;
      else throw this.#why;
    }
  }
}
