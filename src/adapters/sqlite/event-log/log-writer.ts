import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Erasure } from '../../../ports/event-log.ts';
import { messageOf } from '../database.ts';
import { lockFile } from './data-folder.ts';
import { frameLength, framePartition, frameTopicId, sealFrame } from './frame.ts';
import { LogEraser } from './log-eraser.ts';
import { type Position, preparePositions, writePosition } from './positions.ts';
import { frameTable, logFiles, openForWriting } from './schema.ts';
import type { Topology } from './topology.ts';
import { Transaction, WriteFailed } from './transaction.ts';
import { Witness } from './witness.ts';

/** What the writer starts from, as verification found it. */
export interface WriterStart {
  readonly topology: Topology;
  /** End offset by slot. */
  readonly ends: readonly number[];
}

/**
 * The one writer of a log: a batch is one synced transaction, then noted by the witness. Synchronous, for a thread of
 * its own.
 */
export class LogWriter {
  readonly #topology: Topology;
  readonly #connection: DatabaseSync;
  readonly #inserts: readonly StatementSync[];
  readonly #position: StatementSync;
  readonly #transaction: Transaction;
  readonly #eraser: LogEraser;
  readonly #witness: Witness;
  readonly #files: OpenFiles;
  #displaced: FilesDisplaced | undefined;
  #ends: Float64Array;
  #nextEnds: Float64Array;
  readonly #nowMs: () => number;
  #lastTimeMs = 0;
  /**
   * Time of the previous batch, if it was rolled back: the batch that reuses its offsets is not older. Its frames may still be in the file, where
   * salvage takes the latest frame of an offset for the committed one.
   */
  #rolledBackTimeMs = 0;

  /** `nowMs`: the machine's clock, milliseconds since the epoch. */
  constructor(folder: string, start: WriterStart, nowMs: () => number = Date.now) {
    const files = logFiles(folder);
    this.#topology = start.topology;
    this.#ends = Float64Array.from(start.ends);
    this.#nextEnds = Float64Array.from(start.ends);
    this.#nowMs = nowMs;
    this.#connection = openForWriting(files.database);
    this.#inserts = start.topology.partitions.map(({ topic, partition }) =>
      this.#connection.prepare(`INSERT INTO ${frameTable(topic, partition)} (offset, frame) VALUES (?, ?)`),
    );
    this.#position = preparePositions(this.#connection);
    this.#transaction = new Transaction(this.#connection);
    this.#eraser = new LogEraser(folder, this.#connection, this.#transaction, start.topology);
    this.#witness = new Witness(files.head, start.topology, this.#ends);
    this.#files = new OpenFiles([files.database, files.wal, files.head, lockFile(dirname(folder))]);
  }

  /** End offset by slot, of what is committed. */
  get ends(): Float64Array {
    return this.#ends;
  }

  /** The latest batch's time, milliseconds since the epoch; 0 before the first. */
  get lastTimeMs(): number {
    return this.#lastTimeMs;
  }

  /** Set once a file of the log was found displaced: from then on nothing is written. */
  get displaced(): FilesDisplaced | undefined {
    return this.#displaced;
  }

  /**
   * Checks that the log's files are still at their paths: before every response, and periodically without writes. Throws WriteFailed: with the outcome
   * `unknown`, because a folder that was moved has what was committed.
   */
  checkFiles(): void {
    this.#displaced ??= this.#files.displaced();
    if (this.#displaced !== undefined) throw new WriteFailed('unknown', this.#displaced);
  }

  /**
   * Gives frames their offsets and time, and makes them and the positions durable, all or none. Returns the time.
   * Throws WriteFailed.
   */
  write(frames: Buffer, positions: readonly Position[]): number {
    this.#assertInPlace();
    // Else as it is: a time that is held until the clock has come up to it would hold every deadline as long.
    const timeMs = Math.max(this.#nowMs(), this.#rolledBackTimeMs);
    this.#nextEnds.set(this.#ends);
    this.#rolledBackTimeMs = timeMs;
    this.#transaction.run(() => {
      this.#insert(frames, timeMs);
      for (const position of positions) writePosition(this.#position, position);
    });
    this.checkFiles();
    this.#rolledBackTimeMs = 0;
    [this.#ends, this.#nextEnds] = [this.#nextEnds, this.#ends];
    this.#lastTimeMs = timeMs;
    try {
      this.#witness.note(this.#ends);
    } catch (error) {
      throw new WriteFailed('written', error);
    }
    return timeMs;
  }

  /** Erases the content of a slot's records, up to the limit of a step. Returns how many. Throws WriteFailed, EraseRefused. */
  erase(slot: number, erasures: readonly Erasure[]): number {
    this.#assertInPlace();
    const erased = this.#eraser.erase(slot, erasures, this.#ends[slot] ?? 0);
    this.checkFiles();
    return erased;
  }

  /** Truncates the WAL, which still has erased content; false while a reader blocks it. Throws WriteFailed. */
  emptyWal(): boolean {
    return this.#eraser.emptyWal();
  }

  /** Closes the files; the WAL is copied into the database if nobody else reads it. */
  close(): void {
    this.#connection.close();
    this.#witness.close();
  }

  #assertInPlace(): void {
    if (this.#displaced !== undefined) throw new WriteFailed('not-written', this.#displaced);
  }

  #insert(frames: Buffer, timeMs: number): void {
    for (let start = 0; start < frames.length; ) {
      const end = start + frameLength(frames, start);
      const slot = this.#topology.slotById(frameTopicId(frames, start), framePartition(frames, start));
      const insert = slot === undefined ? undefined : this.#inserts[slot];
      if (slot === undefined || insert === undefined) throw new RangeError('a frame of an unknown partition');
      const frame = frames.subarray(start, end);
      const offset = this.#nextEnds[slot] ?? 0;
      this.#nextEnds[slot] = offset + 1;
      sealFrame(frame, offset, timeMs);
      insert.run(offset, frame);
      start = end;
    }
  }
}

/** A path no longer leads to the file that is open: what is written there is lost with the process, or lands beside what others read. */
class FilesDisplaced extends Error {
  override readonly name = 'FilesDisplaced';
}

/** Files that are open, by device and inode: SQLite goes on writing into a file that was removed, and reports nothing. */
class OpenFiles {
  readonly #identities: ReadonlyMap<string, string>;

  /** Those of the paths that exist. Throws what the file system reports. */
  constructor(paths: readonly string[]) {
    const found = paths.map((path) => [path, identityOf(path)] as const);
    this.#identities = new Map(found.filter((entry): entry is [string, string] => entry[1] !== undefined));
  }

  /** The first path that leads elsewhere than at first, or that cannot be followed any more; undefined: all are in place. 2 µs a file. */
  displaced(): FilesDisplaced | undefined {
    for (const [path, identity] of this.#identities) {
      try {
        const found = identityOf(path);
        if (found === undefined) return new FilesDisplaced(`${path} is no longer there`);
        if (found !== identity) return new FilesDisplaced(`${path} is another file than the one that is open`);
      } catch (error) {
        return new FilesDisplaced(`${path} is no longer within reach: ${messageOf(error)}`, { cause: error });
      }
    }
    return undefined;
  }
}

/** undefined: nothing is there. */
function identityOf(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found && `${found.dev}/${found.ino}`;
}
