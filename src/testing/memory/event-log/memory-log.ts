import {
  type Appended,
  type Erasure,
  type EventLog,
  type LogRecord,
  LogTruncated,
  LogUnavailable,
  type NewRecord,
} from '../../../ports/event-log.ts';
import { MemoryPartition } from './memory-partition.ts';

/**
 * The log of processes that share an object instead of an engine, each with its own handle. Nothing here waits or fails by itself, and an append is
 * visible when the call returns. Records are frozen and passed to readers without a copy: values must not be changed.
 */
export class MemoryLogServer {
  /** The clock of a partition's leader, milliseconds since the epoch; undefined: all of them have the server's. */
  timeOf: ((topic: string, partition: number) => number) | undefined;
  /** Committed positions, by `positionKey`. */
  readonly positions = new Map<string, number>();
  readonly #topics: ReadonlyMap<string, readonly MemoryPartition[]>;
  readonly #listeners = new Set<(records: readonly LogRecord[]) => void>();
  readonly #nowMs: () => number;

  /** `topics`: names, and how many partitions each has. `nowMs`: the server's wall clock, milliseconds since the epoch. */
  constructor(topics: Readonly<Record<string, number>>, nowMs: () => number) {
    this.#topics = new Map(
      Object.entries(topics).map(([name, count]) => [
        name,
        Array.from({ length: count }, (_, partition) => new MemoryPartition(name, partition)),
      ]),
    );
    this.#nowMs = nowMs;
  }

  /** A process's handle. Disposed, it ends its own tails with LogUnavailable and rejects everything; the server and other handles go on. */
  handle(): EventLog {
    return new MemoryLogHandle(this);
  }

  /** What a partition holds now, in offset order. */
  records(topic: string, partition: number): readonly LogRecord[] {
    return this.partition(topic, partition).records;
  }

  /** Truncates the partition at this offset, as a log restored from an older copy. Committed offsets stay. */
  truncate(topic: string, partition: number, toOffset: number): void {
    this.partition(topic, partition).truncate(toOffset);
  }

  /** Calls the listener with the records of each append, as soon as they are there. Returns the way to stop. */
  onAppend(listener: (records: readonly LogRecord[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tails that wait for growth, of all handles and partitions: 0 once all of them have ended. */
  get waitingTails(): number {
    let waiting = 0;
    for (const partitions of this.#topics.values()) for (const partition of partitions) waiting += partition.waiting;
    return waiting;
  }

  /** Stores all records, or none. Throws RangeError for a topic or partition that there is not. */
  append(records: readonly NewRecord[]): readonly Appended[] {
    const places = records.map(({ topic, partition }) => this.partition(topic, partition));
    const stored = records.map((record, index) => {
      const timeMs = this.timeOf?.(record.topic, record.partition) ?? this.#nowMs();
      return (places[index] as MemoryPartition).push(record, timeMs);
    });
    if (stored.length === 0) return [];
    for (const listener of [...this.#listeners]) listener(stored);
    for (const place of new Set(places)) place.wake();
    return stored.map(({ topic, partition, offset, timeMs }) => ({ topic, partition, offset, timeMs }));
  }

  /** How many the topic has; 0: there is no such topic. */
  partitionsOf(topic: string): number {
    return this.#topics.get(topic)?.length ?? 0;
  }

  /** Every partition of a topic. Throws RangeError when there is none of this name. */
  topic(name: string): readonly MemoryPartition[] {
    const found = this.#topics.get(name);
    if (found === undefined) throw new RangeError(`the log has no topic ${name}`);
    return found;
  }

  /** Throws RangeError when there is no such topic or partition. */
  partition(topic: string, partition: number): MemoryPartition {
    const found = this.topic(topic)[partition];
    if (found === undefined) throw new RangeError(`topic ${topic} has no partition ${partition}`);
    return found;
  }
}

/** Records that a tail yields at once. */
const maxTailRecords = 512;

/** The log as one process has it. */
export class MemoryLogHandle implements EventLog {
  readonly #log: MemoryLogServer;
  readonly #closed = new AbortController();

  constructor(log: MemoryLogServer) {
    this.#log = log;
  }

  partitions(topic: string): number {
    return this.#log.partitionsOf(topic);
  }

  async append(records: readonly NewRecord[]): Promise<readonly Appended[]> {
    this.#assertOpen();
    return this.#log.append(records);
  }

  async read(topic: string, partition: number, fromOffset: number, maxRecords: number): Promise<readonly LogRecord[]> {
    this.#assertOpen();
    return this.#log.partition(topic, partition).records.slice(fromOffset, fromOffset + maxRecords);
  }

  tail(topic: string, partition: number, fromOffset: number, signal: AbortSignal): AsyncIterable<readonly LogRecord[]> {
    return this.#follow(this.#log.partition(topic, partition), fromOffset, signal);
  }

  async erase(topic: string, partition: number, erasures: readonly Erasure[]): Promise<void> {
    this.#assertOpen();
    this.#log.partition(topic, partition).erase(erasures);
  }

  async endOffset(topic: string, partition: number): Promise<number> {
    this.#assertOpen();
    return this.#log.partition(topic, partition).end;
  }

  async committed(group: string, topic: string, partition: number): Promise<number> {
    this.#assertOpen();
    return this.#log.positions.get(positionKey(group, topic, partition)) ?? 0;
  }

  async commit(group: string, topic: string, partition: number, offset: number): Promise<void> {
    this.#assertOpen();
    this.#log.positions.set(positionKey(group, topic, partition), offset);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort();
  }

  async *#follow(
    partition: MemoryPartition,
    fromOffset: number,
    signal: AbortSignal,
  ): AsyncGenerator<readonly LogRecord[]> {
    for (let next = fromOffset; !signal.aborted; ) {
      this.#assertOpen();
      if (next > partition.end) throw new LogTruncated(partition.topic, partition.partition, next, partition.end);
      if (next === partition.end) {
        await growth(partition, [signal, this.#closed.signal]);
        continue;
      }
      const records = partition.records.slice(next, next + maxTailRecords);
      next += records.length;
      yield records;
    }
  }

  #assertOpen(): void {
    if (this.#closed.signal.aborted) throw new LogUnavailable('the log is closed', 'not-written');
  }
}

/** The key of a committed position in the server's map. */
export function positionKey(group: string, topic: string, partition: number): string {
  return `${topic} ${partition} ${group}`;
}

/** Resolves at the next growth or abort, and leaves no listener behind. */
function growth(partition: MemoryPartition, signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      unwatch();
      for (const signal of signals) signal.removeEventListener('abort', wake);
      resolve();
    };
    const unwatch = partition.watch(wake);
    for (const signal of signals) signal.addEventListener('abort', wake);
  });
}
