import { setImmediate as nextTurn } from 'node:timers/promises';
import { type LogRecord, LogTruncated } from '../../../ports/event-log.ts';
import type { FrameReader } from './frame-reader.ts';
import { maxTailRecords, readAheadBytes } from './limits.ts';
import type { PartitionFeed } from './partition-feed.ts';

const firstRowsPerRead = 64;

/**
 * Every record from the offset on: from the file until memory has them, then live. Checking and waiting are one synchronous step, so no growth is
 * missed; every read of the file yields to the event loop first, so that catching up starves nothing.
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
class Waiting implements Disposable {
  #wake: () => void = () => {};
  readonly #stop: () => void;

  constructor(feed: PartitionFeed, signal: AbortSignal) {
    const wake = () => this.#wake();
    const unwatch = feed.watch(wake);
    signal.addEventListener('abort', wake);
    this.#stop = () => {
      unwatch();
      signal.removeEventListener('abort', wake);
    };
  }

  /** Resolves at the next growth or abort after this call. */
  change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  [Symbol.dispose](): void {
    this.#stop();
  }
}
