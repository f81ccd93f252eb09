import type { Appended, Erasure, EventLog, LogRecord, NewRecord } from '../../../ports/event-log.ts';
import { LogTruncated, LogUnavailable } from '../../../ports/event-log.ts';
import type { MemoryPartition } from './memory-partition.ts';

/** Records that a tail yields at once. */
const maxTailRecords = 512;

/** What a handle needs of the server. */
export interface SharedLog {
  readonly positions: Map<string, number>;
  topic(name: string): readonly MemoryPartition[];
  partition(topic: string, partition: number): MemoryPartition;
  append(records: readonly NewRecord[]): readonly Appended[];
}

/** The log as one process has it. */
export class MemoryLogHandle implements EventLog {
  readonly #log: SharedLog;
  readonly #closed = new AbortController();

  constructor(log: SharedLog) {
    this.#log = log;
  }

  partitions(topic: string): number {
    return this.#log.topic(topic).length;
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
