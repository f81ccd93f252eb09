import type { Erasure, LogRecord, NewRecord } from '../../../ports/event-log.ts';

/** One partition: its records, and the tails that wait for more. */
export class MemoryPartition {
  readonly topic: string;
  readonly partition: number;
  readonly #records: LogRecord[] = [];
  /** Bytes that remain of each record after its content is erased; all of one without content. */
  readonly #wordsAt: number[] = [];
  readonly #waiters = new Set<() => void>();

  constructor(topic: string, partition: number) {
    this.topic = topic;
    this.partition = partition;
  }

  get records(): readonly LogRecord[] {
    return this.#records;
  }

  /** The offset that the next record will get. */
  get end(): number {
    return this.#records.length;
  }

  /** Tails that wait. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /** Stores a copy of the record. */
  push({ key, headers, value, contentOffset }: NewRecord, timeMs: number): LogRecord {
    const record: LogRecord = Object.freeze({
      topic: this.topic,
      partition: this.partition,
      key,
      headers: Object.freeze({ ...headers }),
      value: new Uint8Array(value),
      offset: this.end,
      timeMs,
    });
    this.#records.push(record);
    this.#wordsAt.push(contentOffset ?? value.length);
    return record;
  }

  truncate(toOffset: number): void {
    this.#records.length = Math.min(this.end, toOffset);
    this.#wordsAt.length = this.#records.length;
    this.wake();
  }

  /** All of them or, with RangeError, none. */
  erase(erasures: readonly Erasure[]): void {
    const left = erasures.map((erasure) => this.#erased(erasure));
    for (const record of left) this.#records[record.offset] = record;
  }

  /** Calls this at the next growth, once. Returns the way to stop. */
  watch(waiter: () => void): () => void {
    this.#waiters.add(waiter);
    return () => this.#waiters.delete(waiter);
  }

  wake(): void {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of waiters) waiter();
  }

  #erased({ offset, value }: Erasure): LogRecord {
    const record = this.#records[offset];
    const where = `${this.topic}/${this.partition} offset ${offset}`;
    if (record === undefined) throw new RangeError(`${where}: there is no such record`);
    const remains = record.value.slice(0, this.#wordsAt[offset]);
    if (value.length !== remains.length || value.some((byte, index) => byte !== remains[index]))
      throw new RangeError(`${where}: the value is not what comes before the words`);
    return Object.freeze({ ...record, value: remains });
  }
}
