/** What is to happen when, in whole milliseconds of simulated time; what is due at the same moment happens in the order in which it was planned. */
export class Timeline {
  readonly #due = new Map<number, (() => void)[]>();
  #nowMs = 0;

  get nowMs(): number {
    return this.#nowMs;
  }

  /** A delay below a millisecond counts as one: nothing happens at once. */
  after(delayMs: number, action: () => void): void {
    const atMs = this.#nowMs + Math.max(1, Math.round(delayMs));
    const due = this.#due.get(atMs);
    if (due === undefined) this.#due.set(atMs, [action]);
    else due.push(action);
  }

  /** Plays everything up to this moment. */
  playUntil(endMs: number): void {
    for (; this.#nowMs < endMs; this.#nowMs += 1) {
      const due = this.#due.get(this.#nowMs);
      if (due === undefined) continue;
      this.#due.delete(this.#nowMs);
      for (const action of due) action();
    }
  }
}
