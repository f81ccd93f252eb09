/** Serialized runs of one task. Callers during a run share the next one: it starts after their call, so its result is not older. */
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
