import type { Appended, LogRecord } from '../../../ports/event-log.ts';
import { MemoryLogHandle, MemoryLogServer } from '../../../testing/memory/event-log/memory-log.ts';
import type { TimedRecord } from '../copy-log.ts';

/** A log in memory whose records have the times they are given; what `at` gives may be tampered with. */
export class PlainLog extends MemoryLogHandle {
  /** How many records each append had. */
  readonly appends: number[] = [];
  /** Called before each append. */
  beforeAppend: () => void = () => undefined;
  readonly #server: MemoryLogServer;
  readonly #topics: readonly string[];

  /** Topic names and how many partitions each has. */
  constructor(topics: Readonly<Record<string, number>>) {
    const server = new MemoryLogServer(topics, () => 0);
    super(server);
    this.#server = server;
    this.#topics = Object.keys(topics);
  }

  /** All that is stored, to be compared. Values in hexadecimal: of bytes, matchers look at each by itself, which takes seconds. */
  get records(): readonly unknown[] {
    const records = this.#topics
      .flatMap((topic) => this.#server.topic(topic))
      .flatMap((partition) => partition.records);
    return records.map((record) => ({ ...record, value: Buffer.from(record.value).toString('hex') }));
  }

  override async append(records: readonly TimedRecord[]): Promise<readonly Appended[]> {
    this.beforeAppend();
    this.appends.push(records.length);
    return records.map((record) => this.put(record));
  }

  /** Puts a record at the end of its partition. */
  put(record: TimedRecord): LogRecord {
    return this.#server.partition(record.topic, record.partition).push(record, record.timeMs);
  }

  at(topic: string, partition: number): LogRecord[] {
    return this.#server.records(topic, partition) as LogRecord[];
  }
}
