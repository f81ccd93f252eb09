import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { LogDamaged, type LogRecord, LogUnavailable } from '../../../ports/event-log.ts';
import { messageOf } from '../database.ts';
import { isDamage, RowsOutOfOrder } from './errors.ts';
import { decodeRecord, isFrameOf } from './frame.ts';
import { frameTable } from './schema.ts';
import type { Partition } from './topology.ts';

/** A row of a partition's table, as SQLite shows it. */
export interface FrameRow {
  readonly offset: number;
  readonly frame: Buffer;
}

/** Records read, from the offset asked for and without gap. */
export interface ReadRecords {
  readonly records: LogRecord[];
  /** Bytes of the frames read. */
  readonly bytes: number;
}

/** Reads one partition's table. */
export class FrameReader {
  readonly partition: Partition;
  readonly #range: StatementSync;
  readonly #last: StatementSync;

  constructor(connection: DatabaseSync, partition: Partition) {
    const table = frameTable(partition.topic, partition.partition);
    this.partition = partition;
    this.#range = connection.prepare(`SELECT offset, frame FROM ${table} WHERE offset >= ? ORDER BY offset LIMIT ?`);
    this.#range.setReturnArrays(true);
    this.#last = connection.prepare(`SELECT max(offset) AS last FROM ${table}`);
  }

  /** Up to `maxRows` rows from the offset on, their frames unchecked. Throws what SQLite throws, and RowsOutOfOrder. */
  rows(fromOffset: number, maxRows: number): FrameRow[] {
    const rows = this.#range.all(fromOffset, maxRows) as unknown as readonly (readonly [number, unknown])[];
    let least = fromOffset;
    return rows.map(([offset, frame]) => {
      if (offset < least) throw new RowsOutOfOrder(`row ${offset} where only rows from ${least} on belong`);
      least = offset + 1;
      return { offset, frame: asBuffer(frame) };
    });
  }

  /** The highest offset there is and one, 0 when there is none. Throws LogDamaged or LogUnavailable. */
  end(): number {
    try {
      const last = this.#last.get()?.['last'];
      return typeof last === 'number' ? last + 1 : 0;
    } catch (error) {
      throw isDamage(error) ? this.#damaged(0, `SQLite cannot find the end: ${messageOf(error)}`) : unavailable(error);
    }
  }

  /** Whether the frame is whole and is the one of this offset. */
  isWhole(row: FrameRow, offset: number): boolean {
    return row.offset === offset && isFrameOf(row.frame, this.partition.topic.id, this.partition.partition, offset);
  }

  /** The whole frame at the offset; undefined when it is damaged or missing. Throws what SQLite throws about anything else. */
  frame(offset: number): Buffer | undefined {
    try {
      const [row] = this.rows(offset, 1);
      return row !== undefined && this.isWhole(row, offset) ? row.frame : undefined;
    } catch (error) {
      if (!isDamage(error)) throw error;
      return undefined;
    }
  }

  /**
   * The records of `fromOffset` up to `endOffset`, at most `maxRows` of them, checked. Those before a damaged one are
   * given; a damaged one at the start throws LogDamaged.
   */
  records(fromOffset: number, endOffset: number, maxRows: number): ReadRecords {
    const rows = this.#rowsBefore(fromOffset, Math.min(maxRows, endOffset - fromOffset));
    const records: LogRecord[] = [];
    let bytes = 0;
    for (const row of rows) {
      if (!this.isWhole(row, fromOffset + records.length)) break;
      records.push(decodeRecord(row.frame, this.partition.topic.name));
      bytes += row.frame.length;
    }
    if (records.length === 0 && fromOffset < endOffset) {
      const isThere = rows[0]?.offset === fromOffset;
      throw this.#damaged(fromOffset, isThere ? 'the record fails its checksum' : 'the record is missing');
    }
    return { records, bytes };
  }

  /** Rows up to the first that SQLite itself cannot read. */
  #rowsBefore(fromOffset: number, maxRows: number): FrameRow[] {
    try {
      return this.rows(fromOffset, maxRows);
    } catch (error) {
      if (!isDamage(error)) throw unavailable(error);
      if (maxRows > 1) return this.#rowsBefore(fromOffset, Math.floor(maxRows / 2));
      throw this.#damaged(fromOffset, `SQLite cannot read the record: ${messageOf(error)}`);
    }
  }

  #damaged(offset: number, what: string): LogDamaged {
    return new LogDamaged(this.partition.topic.name, this.partition.partition, offset, what);
  }
}

function unavailable(error: unknown): LogUnavailable {
  return new LogUnavailable(`the log cannot be read: ${messageOf(error)}`, 'not-written', { cause: error });
}

/** A damaged row may hold anything; what is not bytes is an empty frame, which fails every check. */
function asBuffer(value: unknown): Buffer {
  if (!(value instanceof Uint8Array)) return Buffer.alloc(0);
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
