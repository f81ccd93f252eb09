import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { LogDamage } from './errors.ts';
import { type FrameHeader, frameTimeMs, isLeftOf, lostFrame, readFrameHeader } from './frame.ts';
import { frameTable, logFiles, openForWriting } from './schema.ts';
import type { Partition, Topology } from './topology.ts';
import { Witness } from './witness.ts';

/** Frames written in one transaction. */
const framesPerTransaction = 10_000;

interface Table {
  readonly place: Partition;
  readonly insert: StatementSync;
  readonly find: StatementSync;
  readonly offsets: StatementSync;
}

/** The new log of a salvage. */
export class SalvageTarget implements Disposable {
  readonly topology: Topology;
  readonly #folder: string;
  readonly #connection: DatabaseSync;
  readonly #tables: readonly Table[];
  #records = 0;
  #inTransaction = 0;

  constructor(folder: string, topology: Topology) {
    this.#folder = folder;
    this.topology = topology;
    this.#connection = openForWriting(logFiles(folder).database);
    this.#tables = topology.partitions.map((place) => this.#table(place));
    this.#connection.exec('BEGIN');
  }

  /** Records so far. */
  get records(): number {
    return this.#records;
  }

  /**
   * Whether a frame of these fields would add anything. Of several for one offset the latest counts: earlier ones were
   * rolled back. Of several of one time the shortest may be what erasing has left of the others, and then counts.
   */
  lacks(header: FrameHeader): boolean {
    const table = this.#tableOf(header);
    if (table === undefined || header.lost) return false;
    const known = frameAt(table, header.offset);
    if (known === undefined) return true;
    const knownTimeMs = frameTimeMs(known);
    return knownTimeMs < header.timeMs || (knownTimeMs === header.timeMs && header.byteLength < known.length);
  }

  /** Adds a whole frame, if the log lacks it. */
  add(frame: Buffer): void {
    const header = readFrameHeader(frame);
    const table = this.#tableOf(header);
    if (table === undefined || !this.lacks(header)) return;
    const known = frameAt(table, header.offset);
    if (known === undefined) this.#records += 1;
    else if (frameTimeMs(known) === header.timeMs && !isLeftOf(frame, known)) return;
    this.#put(table, header.offset, frame);
  }

  /**
   * Fills what is missing with entries that folds skip, and returns the ranges. The log reaches as far as the witness
   * has seen.
   */
  finish(witnessedEnds: readonly number[]): LogDamage[] {
    const missing: LogDamage[] = [];
    const ends = this.#tables.map((table, slot) => this.#fillGaps(table, witnessedEnds[slot] ?? 0, missing));
    this.#connection.exec('COMMIT');
    new Witness(logFiles(this.#folder).head, this.topology, ends).close();
    return missing;
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }

  #table(place: Partition): Table {
    const name = frameTable(place.topic, place.partition);
    const offsets = this.#connection.prepare(
      `SELECT offset FROM ${name} WHERE offset >= ? ORDER BY offset LIMIT ${framesPerTransaction}`,
    );
    return {
      place,
      insert: this.#connection.prepare(`INSERT OR REPLACE INTO ${name} (offset, frame) VALUES (?, ?)`),
      find: this.#connection.prepare(`SELECT frame FROM ${name} WHERE offset = ?`),
      offsets,
    };
  }

  #tableOf({ topicId, partition }: FrameHeader): Table | undefined {
    const slot = this.topology.slotById(topicId, partition);
    return slot === undefined ? undefined : this.#tables[slot];
  }

  #put(table: Table, offset: number, frame: Buffer): void {
    table.insert.run(offset, frame);
    this.#inTransaction += 1;
    if (this.#inTransaction < framesPerTransaction) return;
    this.#connection.exec('COMMIT; BEGIN');
    this.#inTransaction = 0;
  }

  /** Returns the partition's end offset. */
  #fillGaps(table: Table, witnessedEnd: number, missing: LogDamage[]): number {
    let next = 0;
    for (;;) {
      const offsets = table.offsets.all(next).map((row) => Number(row['offset']));
      for (const offset of offsets) {
        this.#markLost(table, next, offset, missing);
        next = offset + 1;
      }
      if (offsets.length < framesPerTransaction) break;
    }
    this.#markLost(table, next, witnessedEnd, missing);
    return Math.max(next, witnessedEnd);
  }

  #markLost(table: Table, from: number, to: number, missing: LogDamage[]): void {
    if (from >= to) return;
    const { topic, partition } = table.place;
    const before = frameAt(table, from - 1);
    const timeMs = before === undefined ? 0 : frameTimeMs(before);
    for (let offset = from; offset < to; offset += 1) {
      this.#put(table, offset, lostFrame(topic.id, partition, offset, timeMs));
    }
    missing.push({ topic: topic.name, partition, firstOffset: from, lastOffset: to - 1, what: 'lost' });
  }
}

/** The frame that the table has at this offset. */
function frameAt(table: Table, offset: number): Buffer | undefined {
  const frame = table.find.get(offset)?.['frame'];
  return frame instanceof Uint8Array ? Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength) : undefined;
}
