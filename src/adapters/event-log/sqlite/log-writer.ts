import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { frameLength, framePartition, frameTopicId, sealFrame } from './frame.ts';
import type { Position } from './positions.ts';
import { preparePositions, writePosition } from './positions.ts';
import { frameTable, logFiles, openForWriting } from './schema.ts';
import { isFull, messageOf } from './system-errors.ts';
import type { Topology } from './topology.ts';
import { Witness } from './witness.ts';

/** A batch was not taken. */
export class WriteFailed extends Error {
  override readonly name = 'WriteFailed';
  /**
   * `not-written`: rolled back. `unknown`: a crash now might bring it back. `written`: in the log, but not witnessed.
   */
  readonly outcome: 'not-written' | 'unknown' | 'written';

  constructor(outcome: WriteFailed['outcome'], cause: unknown) {
    super(messageOf(cause), { cause });
    this.outcome = outcome;
  }
}

/** What the writer starts from, as verification found it. */
export interface WriterStart {
  readonly topology: Topology;
  /** End offset by slot. */
  readonly ends: readonly number[];
  /** The latest record's time, milliseconds since the epoch. */
  readonly lastTimeMs: number;
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
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #witness: Witness;
  #ends: Float64Array;
  #nextEnds: Float64Array;
  #lastTimeMs: number;

  constructor(folder: string, start: WriterStart) {
    const files = logFiles(folder);
    this.#topology = start.topology;
    this.#ends = Float64Array.from(start.ends);
    this.#nextEnds = Float64Array.from(start.ends);
    this.#lastTimeMs = start.lastTimeMs;
    this.#connection = openForWriting(files.database);
    this.#inserts = start.topology.partitions.map(({ topic, partition }) =>
      this.#connection.prepare(`INSERT INTO ${frameTable(topic, partition)} (offset, frame) VALUES (?, ?)`),
    );
    this.#position = preparePositions(this.#connection);
    this.#begin = this.#connection.prepare('BEGIN IMMEDIATE');
    this.#commit = this.#connection.prepare('COMMIT');
    this.#witness = new Witness(files.head, start.topology, this.#ends);
  }

  /** End offset by slot, of what is committed. */
  get ends(): Float64Array {
    return this.#ends;
  }

  /** The latest record's time, milliseconds since the epoch. */
  get lastTimeMs(): number {
    return this.#lastTimeMs;
  }

  /**
   * Gives frames their offsets and time, and makes them and the positions durable, all or none. Returns the time.
   * Throws WriteFailed.
   */
  write(frames: Buffer, positions: readonly Position[]): number {
    const timeMs = Math.max(Date.now(), this.#lastTimeMs);
    this.#nextEnds.set(this.#ends);
    this.#transaction(() => {
      this.#insert(frames, timeMs);
      for (const position of positions) writePosition(this.#position, position);
    });
    [this.#ends, this.#nextEnds] = [this.#nextEnds, this.#ends];
    this.#lastTimeMs = timeMs;
    try {
      this.#witness.note(this.#ends);
    } catch (error) {
      throw new WriteFailed('written', error);
    }
    return timeMs;
  }

  /** Closes the files; the WAL is copied into the database if nobody else reads it. */
  close(): void {
    this.#connection.close();
    this.#witness.close();
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

  #transaction(work: () => void): void {
    let committing = false;
    try {
      this.#begin.run();
      work();
      committing = true;
      this.#commit.run();
    } catch (error) {
      if (this.#connection.isTransaction) this.#connection.exec('ROLLBACK');
      throw new WriteFailed(committing && !isFull(error) ? 'unknown' : 'not-written', error);
    }
  }
}
