import { maxOwnBytes, maxOwnRecords } from './limits.ts';

/**
 * Values that this process has appended to a partition and not read back: its tail gives back the very same objects. Each is given once, since
 * what is kept for long costs the collector of garbage more than another decoding would.
 */
export class OwnRecords {
  readonly #values = new Map<number, Uint8Array>();
  #bytes = 0;

  put(offset: number, value: Uint8Array): void {
    this.#values.set(offset, value);
    this.#bytes += value.length;
    for (const [oldest, bytes] of this.#values) {
      if (this.#values.size <= maxOwnRecords && this.#bytes <= maxOwnBytes) return;
      this.#values.delete(oldest);
      this.#bytes -= bytes.length;
    }
  }

  take(offset: number): Uint8Array | undefined {
    const value = this.#values.get(offset);
    if (value === undefined) return undefined;
    this.#values.delete(offset);
    this.#bytes -= value.length;
    return value;
  }
}
