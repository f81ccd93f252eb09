import type { LogRecord } from '../../../ports/event-log.ts';
import { maxRecentBytes, maxRecentRecords } from './limits.ts';

/** One who reads all of a partition. */
export interface FeedTail {
  /** It has read everything, and waits for more. */
  readonly isWaiting: boolean;
  /** There is more. */
  wake(): void;
}

/** How far a partition reaches, who reads it, and the records that one of them has not read yet. */
export class PartitionFeed {
  #end: number;
  /**
   * The newest records, up to `#end`: none that every tail has read, because a record that is kept for a moment is collected as one that is kept for
   * long. At most twice the retention, so that dropping old ones costs nothing per record.
   */
  #recent: LogRecord[] = [];
  #recentBytes = 0;
  readonly #tails = new Set<FeedTail>();

  constructor(end: number) {
    this.#end = end;
  }

  /** The offset of the next record. */
  get end(): number {
    return this.#end;
  }

  /** The partition has one more record. `wake` must be called before the next: until then a tail that waits counts as one that has read this. */
  push(record: LogRecord): void {
    if (this.#isReadByAll) this.#forget();
    this.#recent.push(record);
    this.#recentBytes += record.value.length;
    this.#end = record.offset + 1;
    if (this.#recent.length > 2 * maxRecentRecords || this.#recentBytes > 2 * maxRecentBytes) this.#trim();
  }

  /** A record has another value now. */
  replaceValue(offset: number, value: Uint8Array): void {
    const index = offset - (this.#end - this.#recent.length);
    const record = this.#recent[index];
    if (record === undefined) return;
    this.#recent[index] = { ...record, value, says: undefined };
    this.#recentBytes += value.length - record.value.length;
  }

  /** The partition reaches this far, as another thread or process says; its records are in the file. */
  advanceTo(end: number): void {
    if (end <= this.#end) return;
    this.#end = end;
    this.wake();
  }

  /** Up to `maxRecords` from this offset on, if memory still has them. */
  recent(fromOffset: number, maxRecords: number): readonly LogRecord[] | undefined {
    const start = fromOffset - (this.#end - this.#recent.length);
    return start < 0 ? undefined : this.#recent.slice(start, start + maxRecords);
  }

  /** Wakes everybody who waits. */
  wake(): void {
    for (const tail of this.#tails) tail.wake();
  }

  /** Calls `wake` at every growth until the function that is returned is called. */
  watch(tail: FeedTail): () => void {
    this.#tails.add(tail);
    return () => this.#tails.delete(tail);
  }

  get #isReadByAll(): boolean {
    for (const { isWaiting } of this.#tails) if (!isWaiting) return false;
    return true;
  }

  #forget(): void {
    this.#recent = [];
    this.#recentBytes = 0;
  }

  #trim(): void {
    let kept = 0;
    let bytes = 0;
    for (let index = this.#recent.length - 1; index >= 0 && kept < maxRecentRecords; index -= 1) {
      bytes += this.#recent[index]?.value.length ?? 0;
      if (bytes > maxRecentBytes) break;
      kept += 1;
    }
    if (kept === 0) return this.#forget();
    this.#recent = this.#recent.slice(-kept);
    this.#recentBytes = this.#recent.reduce((sum, record) => sum + record.value.length, 0);
  }
}
