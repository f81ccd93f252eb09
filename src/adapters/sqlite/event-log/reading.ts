import type { DatabaseSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type LogRecord, LogTruncated, LogUnavailable } from '../../../ports/event-log.ts';
import { FrameReader } from './frame-reader.ts';
import { maxTailRecords, readAheadBytes } from './limits.ts';
import { type FeedTail, PartitionFeed } from './partition-feed.ts';
import type { Topology } from './topology.ts';

/**
 * What the writer's and the readers' handles have in common: reading and tailing through one connection, which it
 * closes.
 */
export class Reading {
  readonly topology: Topology;
  readonly feeds: readonly PartitionFeed[];
  readonly readers: readonly FrameReader[];
  readonly #connection: DatabaseSync;
  #closed = false;

  constructor(connection: DatabaseSync, topology: Topology, ends?: readonly number[]) {
    this.#connection = connection;
    this.topology = topology;
    this.readers = topology.partitions.map((place) => new FrameReader(connection, place));
    this.feeds = this.readers.map((reader, slot) => new PartitionFeed(ends?.[slot] ?? reader.end()));
  }

  /** Name to number of partitions. */
  get topics(): ReadonlyMap<string, number> {
    return new Map(this.topology.topics.map(({ name, partitions }) => [name, partitions]));
  }

  /** A partition's feed and reader. */
  at(slot: number): { readonly feed: PartitionFeed; readonly reader: FrameReader } {
    const feed = this.feeds[slot];
    const reader = this.readers[slot];
    if (feed === undefined || reader === undefined) throw new RangeError(`no slot ${slot}`);
    return { feed, reader };
  }

  /** As EventLog.read, up to what the feed says is the end. */
  async read(slot: number, fromOffset: number, maxRecords: number): Promise<readonly LogRecord[]> {
    const { feed, reader } = this.at(slot);
    this.assertOpen();
    const recent = feed.recent(fromOffset, maxRecords);
    if (recent !== undefined) return recent;
    const found: LogRecord[] = [];
    while (fromOffset + found.length < feed.end && found.length < maxRecords) {
      await nextTurn();
      this.assertOpen();
      const maxRows = Math.min(maxRecords - found.length, maxTailRecords);
      found.push(...reader.records(fromOffset + found.length, feed.end, maxRows).records);
    }
    return found;
  }

  /** As EventLog.tail. `refresh` brings the feed up to date, and throws when there is no going on. */
  tail(
    slot: number,
    fromOffset: number,
    signal: AbortSignal,
    refresh: () => void,
  ): AsyncIterable<readonly LogRecord[]> {
    const { feed, reader } = this.at(slot);
    return follow(feed, reader, fromOffset, signal, refresh);
  }

  /** Throws LogUnavailable once closed. */
  assertOpen(): void {
    if (this.#closed) throw new LogUnavailable('the log is closed', 'not-written');
  }

  /** Ends every tail with LogUnavailable. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const feed of this.feeds) feed.wake();
    this.#connection.close();
  }
}

const firstRowsPerRead = 64;

/**
 * Every record from the offset on: from the file until memory has them, then live. Between looking and waiting nothing
 * can happen, so no growth is missed; every read of the file gives the event loop a turn first, so that catching up
 * starves nobody.
 */
export async function* follow(
  feed: PartitionFeed,
  reader: FrameReader,
  fromOffset: number,
  signal: AbortSignal,
  refresh: () => void,
): AsyncGenerator<readonly LogRecord[]> {
  using waiting = new Waiting(feed, signal);
  let next = fromOffset;
  let rowsPerRead = firstRowsPerRead;
  while (!signal.aborted) {
    refresh();
    if (next > feed.end) {
      const { topic, partition } = reader.partition;
      throw new LogTruncated(topic.name, partition, next, feed.end);
    }
    if (next === feed.end) {
      await waiting.change();
      continue;
    }
    const recent = feed.recent(next, maxTailRecords);
    if (recent !== undefined) {
      next += recent.length;
      yield recent;
      continue;
    }
    await nextTurn();
    if (signal.aborted) return;
    refresh();
    const { records, bytes } = reader.records(next, feed.end, rowsPerRead);
    rowsPerRead = nextRowsPerRead(records.length / bytes);
    next += records.length;
    yield records;
  }
}

/**
 * As many rows as `readAheadBytes` hold, going by the last read: records differ in size by four orders of magnitude.
 */
function nextRowsPerRead(rowsPerByte: number): number {
  return Math.min(maxTailRecords, Math.max(1, Math.floor(rowsPerByte * readAheadBytes)));
}

/** One tail's wait for growth or abort. */
class Waiting implements FeedTail, Disposable {
  #resolve: (() => void) | undefined;
  readonly #stop: () => void;

  constructor(feed: PartitionFeed, signal: AbortSignal) {
    const wake = () => this.wake();
    const unwatch = feed.watch(this);
    signal.addEventListener('abort', wake);
    this.#stop = () => {
      unwatch();
      signal.removeEventListener('abort', wake);
    };
  }

  get isWaiting(): boolean {
    return this.#resolve !== undefined;
  }

  wake(): void {
    this.#resolve?.();
    this.#resolve = undefined;
  }

  /** Resolves at the next growth or abort after this call. */
  change(): Promise<void> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  [Symbol.dispose](): void {
    this.#stop();
  }
}
