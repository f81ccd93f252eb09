import type { DatabaseSync } from 'node:sqlite';
import type { Appended, EventLog, LogRecord } from '../../../ports/event-log.ts';
import { pollMs } from './limits.ts';
import { readPositions } from './positions.ts';
import { Reading } from './reading.ts';
import { readTopics } from './schema.ts';
import { Topology } from './topology.ts';
import { endOf, listen } from './wake-signal.ts';

/**
 * The log as other threads and processes have it: it reads the file, and learns of growth from the wake signal or by
 * looking.
 */
export class ReaderHandle implements EventLog {
  readonly topics: ReadonlyMap<string, number>;
  readonly #connection: DatabaseSync;
  readonly #reading: Reading;
  readonly #signal: Int32Array | undefined;
  readonly #listener: Disposable;

  constructor(connection: DatabaseSync, wakeSignal: SharedArrayBuffer | undefined) {
    this.#connection = connection;
    this.#reading = new Reading(connection, new Topology(readTopics(connection)));
    this.topics = this.#reading.topics;
    this.#signal = wakeSignal === undefined ? undefined : new Int32Array(wakeSignal);
    this.#listener = wakeSignal === undefined ? this.#poll() : listen(wakeSignal, () => this.#refreshAll());
  }

  partitions(topic: string): number {
    return this.#reading.topology.partitionsOf(topic);
  }

  async append(): Promise<readonly Appended[]> {
    throw new TypeError('this handle of the log is for reading');
  }

  async read(topic: string, partition: number, fromOffset: number, maxRecords: number): Promise<readonly LogRecord[]> {
    const slot = this.#reading.topology.slot(topic, partition);
    this.#refresh(slot);
    return this.#reading.read(slot, fromOffset, maxRecords);
  }

  tail(topic: string, partition: number, fromOffset: number, signal: AbortSignal): AsyncIterable<readonly LogRecord[]> {
    const slot = this.#reading.topology.slot(topic, partition);
    return this.#reading.tail(slot, fromOffset, signal, () => this.#refresh(slot));
  }

  async endOffset(topic: string, partition: number): Promise<number> {
    return this.#refresh(this.#reading.topology.slot(topic, partition));
  }

  async committed(group: string, topic: string, partition: number): Promise<number> {
    this.#reading.assertOpen();
    const { id } = this.#reading.topology.topic(topic);
    const found = readPositions(this.#connection).find(
      (position) => position.group === group && position.topicId === id && position.partition === partition,
    );
    return found?.offset ?? 0;
  }

  async commit(): Promise<void> {
    throw new TypeError('this handle of the log is for reading');
  }

  async erase(): Promise<void> {
    throw new TypeError('this handle of the log is for reading');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener[Symbol.dispose]();
    this.#reading.close();
  }

  #refresh(slot: number): number {
    this.#reading.assertOpen();
    const { feed, reader } = this.#reading.at(slot);
    feed.advanceTo(this.#signal === undefined ? reader.end() : endOf(this.#signal, slot, feed.end));
    return feed.end;
  }

  #refreshAll(): void {
    for (const [slot] of this.#reading.feeds.entries()) this.#refresh(slot);
  }

  #poll(): Disposable {
    // Each tail looks for itself when it is woken, so that it meets what goes wrong there.
    const timer = setInterval(() => {
      for (const feed of this.#reading.feeds) feed.wake();
    }, pollMs);
    return { [Symbol.dispose]: () => clearInterval(timer) };
  }
}
