import {
  type Appended,
  type EventLog,
  type LogRecord,
  LogTruncated,
  type NewRecord,
} from '../../src/ports/event-log.ts';

/** A log in memory for tests: as much of the port as projections use. */
export class MemoryLog implements EventLog {
  readonly #topics: ReadonlyMap<string, LogRecord[][]>;
  readonly #waiters = new Set<() => void>();
  #timeMs = 1_000;

  /** Topic names and how many partitions each has. */
  constructor(topics: Readonly<Record<string, number>>) {
    this.#topics = new Map(
      Object.entries(topics).map(([name, count]) => [name, Array.from({ length: count }, () => [])]),
    );
  }

  partitions(topic: string): number {
    return this.#topic(topic).length;
  }

  async append(records: readonly NewRecord[]): Promise<readonly Appended[]> {
    const appended = records.map((record) => {
      const partition = this.#partition(record.topic, record.partition);
      this.#timeMs += 10;
      const stored = { ...record, offset: partition.length, timeMs: this.#timeMs };
      partition.push(stored);
      return stored;
    });
    for (const wake of [...this.#waiters]) wake();
    return appended;
  }

  /** Forgets what stands at this offset and behind it, as an older copy of the log does. */
  truncate(topic: string, partition: number, endOffset: number): void {
    this.#partition(topic, partition).length = endOffset;
    for (const wake of [...this.#waiters]) wake();
  }

  async read(topic: string, partition: number, fromOffset: number, maxRecords: number): Promise<readonly LogRecord[]> {
    return this.#partition(topic, partition).slice(fromOffset, fromOffset + maxRecords);
  }

  async *tail(
    topic: string,
    partition: number,
    fromOffset: number,
    signal: AbortSignal,
  ): AsyncIterable<readonly LogRecord[]> {
    for (let next = fromOffset; !signal.aborted; ) {
      const { length: end } = this.#partition(topic, partition);
      if (next > end) throw new LogTruncated(topic, partition, next, end);
      const records = this.#partition(topic, partition).slice(next);
      if (records.length === 0) {
        await this.#change(signal);
        continue;
      }
      next += records.length;
      yield records;
    }
  }

  async erase(): Promise<void> {
    throw new Error('projections erase nothing');
  }

  async endOffset(topic: string, partition: number): Promise<number> {
    return this.#partition(topic, partition).length;
  }

  async committed(): Promise<number> {
    return 0;
  }

  async commit(): Promise<void> {
    throw new Error('projections commit nothing to the log');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#waiters.clear();
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiters.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiters.add(wake);
      signal.addEventListener('abort', wake);
    });
  }

  #topic(topic: string): LogRecord[][] {
    const found = this.#topics.get(topic);
    if (found === undefined) throw new Error(`no topic ${topic}`);
    return found;
  }

  #partition(topic: string, partition: number): LogRecord[] {
    const found = this.#topic(topic)[partition];
    if (found === undefined) throw new Error(`no partition ${partition} of ${topic}`);
    return found;
  }
}
