/**
 * Runs of the same work, one after the other. Whoever asks while one is under way shares the next with all who come meanwhile: it begins after they asked,
 * so its answer is not older than their question.
 */
export class SharedRuns<T> {
  readonly #work: () => Promise<T>;
  #running: Promise<unknown> = Promise.resolve();
  #next: Promise<T> | undefined;

  constructor(work: () => Promise<T>) {
    this.#work = work;
  }

  /** Rejects as the work does; the run after that begins all the same. */
  next(): Promise<T> {
    this.#next ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        const run = this.#work();
        this.#running = run;
        return run;
      });
    return this.#next;
  }
}
