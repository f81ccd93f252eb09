import type { Worker } from 'node:worker_threads';
import type { Appended, Erasure, EventLog, LogRecord, NewRecord } from '../../../ports/event-log.ts';
import type { CheckBeside } from './check-beside.ts';
import { ErasureClient } from './erasure-client.ts';
import type { Position } from './positions.ts';
import type { Reading } from './reading.ts';
import { type OnCommitted, type OnWriterFault, WriterClient } from './writer-client.ts';

/** What opening for writing has made. */
export interface OpenedForWriting {
  readonly lock: Disposable;
  readonly worker: Worker;
  readonly reading: Reading;
  readonly positions: readonly Position[];
  readonly wakeSignal: SharedArrayBuffer;
  readonly writtenBy: string | undefined;
  /** The check of what was not checked before it was opened; undefined: there is nothing left to check. */
  readonly check: CheckBeside | undefined;
  readonly onFault: OnWriterFault;
}

/** The log as its one writer has it: appends go to the writer thread, hot tails are fed from memory. */
export class WriterHandle implements EventLog {
  readonly wakeSignal: SharedArrayBuffer;
  readonly topics: ReadonlyMap<string, number>;
  readonly writtenBy: string | undefined;
  readonly #lock: Disposable;
  readonly #reading: Reading;
  readonly #writer: WriterClient;
  readonly #erasures: ErasureClient;
  readonly #check: CheckBeside | undefined;
  #closed: Promise<void> | undefined;
  readonly #positions = new Map<string, number>();

  constructor({ lock, worker, reading, positions, wakeSignal, writtenBy, check, onFault }: OpenedForWriting) {
    this.writtenBy = writtenBy;
    this.#lock = lock;
    this.#reading = reading;
    this.wakeSignal = wakeSignal;
    this.topics = reading.topics;
    const onCommitted: OnCommitted = (records, timeMs) => this.#committed(records, timeMs);
    this.#writer = new WriterClient(worker, reading.topology, onCommitted, onFault);
    this.#erasures = new ErasureClient(worker);
    this.#check = check;
    void check?.damage.then((damage) => damage && this.#writer.fail(damage));
    for (const { group, topicId, partition, offset } of positions) {
      this.#positions.set(positionKey(group, topicId, partition), offset);
    }
  }

  partitions(topic: string): number {
    return this.#reading.topology.partitionsOf(topic);
  }

  async append(records: readonly NewRecord[]): Promise<readonly Appended[]> {
    if (records.length === 0) return [];
    for (const { topic, partition } of records) this.#slot(topic, partition);
    return this.#writer.append(records);
  }

  async read(topic: string, partition: number, fromOffset: number, maxRecords: number): Promise<readonly LogRecord[]> {
    return this.#reading.read(this.#slot(topic, partition), fromOffset, maxRecords);
  }

  tail(topic: string, partition: number, fromOffset: number, signal: AbortSignal): AsyncIterable<readonly LogRecord[]> {
    return this.#reading.tail(this.#slot(topic, partition), fromOffset, signal, () => this.#reading.assertOpen());
  }

  async erase(topic: string, partition: number, erasures: readonly Erasure[]): Promise<void> {
    const slot = this.#slot(topic, partition);
    const { feed } = this.#reading.at(slot);
    this.#reading.assertOpen();
    for (const { offset } of erasures) {
      if (!Number.isInteger(offset) || offset < 0 || offset >= feed.end)
        throw new RangeError(`${topic}/${partition} has no record at offset ${offset}`);
    }
    // Copies: a value that is a view would keep the words of what it is a view of.
    const own = erasures.map(({ offset, value }) => ({ offset, value: value.slice() }));
    await this.#erasures.erase({ topic, partition, slot, erasures: own }, (erased) => {
      for (const { offset, value } of erased) feed.replaceValue(offset, value);
    });
  }

  async endOffset(topic: string, partition: number): Promise<number> {
    return this.#reading.at(this.#slot(topic, partition)).feed.end;
  }

  async committed(group: string, topic: string, partition: number): Promise<number> {
    this.#slot(topic, partition);
    return this.#positions.get(positionKey(group, this.#reading.topology.topic(topic).id, partition)) ?? 0;
  }

  async commit(group: string, topic: string, partition: number, offset: number): Promise<void> {
    this.#slot(topic, partition);
    const topicId = this.#reading.topology.topic(topic).id;
    this.#positions.set(positionKey(group, topicId, partition), offset);
    this.#writer.commit({ group, topicId, partition, offset });
  }

  /** Answers what has been appended, then closes; a second call waits for the first. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#check?.stop();
    await this.#erasures.stop();
    await this.#writer.drain();
    // Before the writer's: the last connection to close tidies the WAL away, and this one may not write.
    this.#reading.close();
    await this.#writer.close();
    this.#lock[Symbol.dispose]();
  }

  #slot(topic: string, partition: number): number {
    return this.#reading.topology.slot(topic, partition);
  }

  /** The writer counts offsets up batch by batch, and so does this, over the same batches. */
  #committed(records: readonly NewRecord[], timeMs: number): readonly Appended[] {
    const appended: Appended[] = [];
    for (const { topic, partition, key, headers, value, says } of records) {
      const { feed } = this.#reading.at(this.#slot(topic, partition));
      const offset = feed.end;
      feed.push({ topic, partition, key, headers, value, says, offset, timeMs });
      feed.wake();
      appended.push({ topic, partition, offset, timeMs });
    }
    return appended;
  }
}

function positionKey(group: string, topicId: number, partition: number): string {
  return `${topicId} ${partition} ${group}`;
}
