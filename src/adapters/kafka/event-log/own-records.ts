import type { NewRecord } from '../../../ports/event-log.ts';
import { maxOwnBytes, maxOwnRecords } from './limits.ts';

/** What there is to give back. */
export type OwnRecord = Pick<NewRecord, 'value' | 'says'>;

/**
 * What this process has appended to a partition and not read back: its tail need not decrypt and decode it. Each is given once, since what is kept
 * for long costs the collector of garbage more than another decoding would.
 */
export class OwnRecords {
  readonly #records = new Map<number, OwnRecord>();
  #bytes = 0;

  put(offset: number, record: OwnRecord): void {
    this.#records.set(offset, record);
    this.#bytes += record.value.length;
    for (const [oldest, { value }] of this.#records) {
      if (this.#records.size <= maxOwnRecords && this.#bytes <= maxOwnBytes) return;
      this.#records.delete(oldest);
      this.#bytes -= value.length;
    }
  }

  take(offset: number): OwnRecord | undefined {
    const record = this.#records.get(offset);
    if (record === undefined) return undefined;
    this.#records.delete(offset);
    this.#bytes -= record.value.length;
    return record;
  }
}
