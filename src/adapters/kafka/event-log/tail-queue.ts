import { maxTailQueueBytes, maxTailQueueRecords } from './limits.ts';
import type { StoredRecord } from './record-batch.ts';

/** What a record costs to hold besides its value. */
const overheadBytes = 256;

/** What was fetched for one tail and not yet taken by it. */
export class TailQueue {
  /** Called whenever there is room again. */
  readonly #onRoom: () => void;
  #records: StoredRecord[] = [];
  #taken = 0;
  #bytes = 0;
  #error: Error | undefined;
  #wake: () => void = () => {};

  constructor(onRoom: () => void) {
    this.#onRoom = onRoom;
  }

  /** It takes more. */
  get hasRoom(): boolean {
    return this.#bytes < maxTailQueueBytes && this.#records.length - this.#taken < maxTailQueueRecords;
  }

  offer(records: readonly StoredRecord[]): void {
    for (const record of records) {
      this.#records.push(record);
      this.#bytes += sizeOf(record);
    }
    this.#wake();
  }

  /** Ends the tail, once what it has is taken. */
  fail(error: Error): void {
    this.#error = error;
    this.#wake();
  }

  /** Up to so many records, as soon as there is one; none when the signal aborts. Rejects with what the tail ended with. */
  async take(maxRecords: number, signal: AbortSignal): Promise<readonly StoredRecord[]> {
    while (this.#records.length === this.#taken) {
      if (signal.aborted) return [];
      if (this.#error !== undefined) throw this.#error;
      await this.#change(signal);
    }
    const hadRoom = this.hasRoom;
    const records = this.#records.slice(this.#taken, this.#taken + maxRecords);
    this.#taken += records.length;
    for (const record of records) this.#bytes -= sizeOf(record);
    if (this.#taken === this.#records.length) {
      this.#records = [];
      this.#taken = 0;
    }
    if (!hadRoom && this.hasRoom) this.#onRoom();
    return records;
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener('abort', wake);
        this.#wake = () => {};
        resolve();
      };
      signal.addEventListener('abort', wake);
      this.#wake = wake;
    });
  }
}

function sizeOf({ value }: StoredRecord): number {
  return (value?.length ?? 0) + overheadBytes;
}
