/** Where it is no terminal. */
const loggedEveryMs = 10_000;

/** One line that is written over and over on a terminal; elsewhere a line now and then, so that a log stays readable. */
export class LiveLine {
  readonly #out: NodeJS.WriteStream;
  #lastAtMs = Number.NEGATIVE_INFINITY;
  #isOpen = false;

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  /** What is replaced by the next. */
  show(line: string): void {
    if (this.#out.isTTY) {
      this.#out.write(`\r\u001b[2K${line}`);
      this.#isOpen = true;
      return;
    }
    const nowMs = performance.now();
    if (nowMs - this.#lastAtMs < loggedEveryMs) return;
    this.#lastAtMs = nowMs;
    this.#out.write(`${line}\n`);
  }

  /** What stays. */
  say(text: string): void {
    this.#out.write(`${this.#isOpen ? '\r\u001b[2K' : ''}${text}\n`);
    this.#isOpen = false;
  }
}
