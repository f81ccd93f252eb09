import type { Frame } from './line.ts';

/** Frames on their way to the wire, in order. */
export class FrameQueue implements AsyncIterable<Frame> {
  readonly #frames: Frame[] = [];
  readonly #onWritable: () => void;
  readonly #capacity: number;
  #wake: () => void = () => undefined;
  #isFull = false;
  #isEnded = false;

  /**
   * @param onWritable the wire has taken all, after `push` returned false
   * @param capacity so many frames may wait before `push` returns false; 0: each goes alone
   */
  constructor(onWritable: () => void, capacity = 1) {
    this.#onWritable = onWritable;
    this.#capacity = capacity;
  }

  /** @returns false when the wire is behind: the next frame should wait */
  push(frame: Frame): boolean {
    if (this.#isEnded) return false;
    this.#isFull = this.#frames.push(frame) > this.#capacity;
    this.#wake();
    return !this.#isFull;
  }

  /** What was pushed is still taken. */
  end(): void {
    this.#isEnded = true;
    this.#wake();
  }

  /** To be iterated once. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Frame, void, void> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame !== undefined) yield frame;
      else if (this.#isEnded) return;
      else await this.#pushed();
    }
  }

  #pushed(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    if (this.#isFull) {
      this.#isFull = false;
      this.#onWritable();
    }
    return promise;
  }
}
