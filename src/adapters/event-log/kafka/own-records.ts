import { maxOwnBytes, maxOwnRecords } from './limits.ts';

/** The newest values that this process has appended to a partition: its tails give back the very same objects. */
export class OwnRecords {
  readonly #values = new Map<number, Uint8Array>();
  #bytes = 0;

  get(offset: number): Uint8Array | undefined {
    return this.#values.get(offset);
  }

  put(offset: number, value: Uint8Array): void {
    this.#values.set(offset, value);
    this.#bytes += value.length;
    for (const [oldest, bytes] of this.#values) {
      if (this.#values.size <= maxOwnRecords && this.#bytes <= maxOwnBytes) return;
      this.#values.delete(oldest);
      this.#bytes -= bytes.length;
    }
  }

  /** Its words may be given to nobody any more. */
  forget(offset: number): void {
    const value = this.#values.get(offset);
    if (value === undefined) return;
    this.#values.delete(offset);
    this.#bytes -= value.length;
  }
}
