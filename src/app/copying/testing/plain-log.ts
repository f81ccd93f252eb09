import type { Appended, EventLog, LogRecord } from '../../../ports/event-log.ts';
import type { TimedRecord } from '../copy-log.ts';

/** A log in memory whose records have the times they are given, with as much of the port as copying uses; `records` may be tampered with. */
export class PlainLog implements EventLog {
  readonly records: ReadonlyMap<string, LogRecord[][]>;
  /** How many records each append had. */
  readonly appends: number[] = [];
  readonly positions = new Map<string, number>();
  /** Called before each append. */
  beforeAppend: () => void = () => undefined;

  /** Topic names and how many partitions each has. */
  constructor(topics: Readonly<Record<string, number>>) {
    this.records = new Map(
      Object.entries(topics).map(([name, count]) => [name, Array.from({ length: count }, () => [])]),
    );
  }

  partitions(topic: string): number {
    return this.#topic(topic).length;
  }

  async append(records: readonly TimedRecord[]): Promise<readonly Appended[]> {
    this.beforeAppend();
    this.appends.push(records.length);
    return records.map((record) => this.put(record));
  }

  /** Puts a record at the end of its partition. */
  put({ topic, partition, key, headers, value, timeMs }: TimedRecord): LogRecord {
    const place = this.at(topic, partition);
    const stored = { topic, partition, key, headers, value, timeMs, offset: place.length };
    place.push(stored);
    return stored;
  }

  at(topic: string, partition: number): LogRecord[] {
    const found = this.#topic(topic)[partition];
    if (found === undefined) throw new RangeError(`${topic} has no partition ${partition}`);
    return found;
  }

  async read(topic: string, partition: number, fromOffset: number, maxRecords: number): Promise<readonly LogRecord[]> {
    return this.at(topic, partition).slice(fromOffset, fromOffset + maxRecords);
  }

  tail(): AsyncIterable<readonly LogRecord[]> {
    throw new Error('copying follows nothing');
  }

  async erase(): Promise<void> {
    throw new Error('copying erases nothing');
  }

  async endOffset(topic: string, partition: number): Promise<number> {
    return this.at(topic, partition).length;
  }

  async committed(group: string, topic: string, partition: number): Promise<number> {
    return this.positions.get(`${group} ${topic} ${partition}`) ?? 0;
  }

  async commit(group: string, topic: string, partition: number, offset: number): Promise<void> {
    this.positions.set(`${group} ${topic} ${partition}`, offset);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #topic(topic: string): LogRecord[][] {
    const found = this.records.get(topic);
    if (found === undefined) throw new RangeError(`there is no topic ${topic}`);
    return found;
  }
}
