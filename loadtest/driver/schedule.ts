/** Calls back so often a second, evenly, by a schedule that waits for nothing: what is due while the thread is busy is done as soon as it is not. */
export class Schedule implements Disposable {
  readonly #gapMs: number;
  readonly #startMs: number;
  readonly #onDue: (dueMs: number) => void;
  #done = 0;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  /** From now on; the callback is told when it was due, by `performance.now()`. */
  constructor(perSecond: number, onDue: (dueMs: number) => void) {
    this.#gapMs = 1_000 / perSecond;
    this.#startMs = performance.now();
    this.#onDue = onDue;
    this.#next();
  }

  /** The callback may do it, too. */
  [Symbol.dispose](): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }

  #next(): void {
    const leftMs = this.#startMs + this.#done * this.#gapMs - performance.now();
    this.#timer = setTimeout(() => this.#run(), Math.max(0, leftMs));
  }

  #run(): void {
    while (!this.#isOver) {
      const dueMs = this.#startMs + this.#done * this.#gapMs;
      if (dueMs > performance.now()) return this.#next();
      this.#done += 1;
      this.#onDue(dueMs);
    }
  }
}
