import { closeSync, existsSync, fsyncSync, openSync } from 'node:fs';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Erasure } from '../../../ports/event-log.ts';
import { frameWithValue } from './frame.ts';
import { FrameReader } from './frame-reader.ts';
import { erasePieceMs, sqliteBusyMs } from './limits.ts';
import { frameTable, logFiles, scrub } from './schema.ts';
import type { Topology } from './topology.ts';
import { type Transaction, WriteFailed } from './transaction.ts';

/** A record cannot be erased as asked, now or ever; those before it may have been. */
export class EraseRefused extends Error {
  override readonly name = 'EraseRefused';
  readonly reason: 'range' | 'damaged';
  readonly offset: number;

  constructor(reason: EraseRefused['reason'], offset: number, what: string) {
    super(what);
    this.reason = reason;
    this.offset = offset;
  }
}

interface Table {
  readonly reader: FrameReader;
  readonly update: StatementSync;
}

/**
 * Shortens frames in place. SQLite overwrites the rest in their pages (secure_delete), in the WAL first; after a checkpoint that truncates the WAL the
 * erased content is in neither file.
 */
export class LogEraser {
  readonly #wal: string;
  readonly #connection: DatabaseSync;
  readonly #transaction: Transaction;
  readonly #topology: Topology;
  readonly #tables = new Map<number, Table>();
  #isScrubbed = false;

  constructor(folder: string, connection: DatabaseSync, transaction: Transaction, topology: Topology) {
    this.#wal = logFiles(folder).wal;
    this.#connection = connection;
    this.#transaction = transaction;
    this.#topology = topology;
  }

  /** Erases the first of these, in one synced transaction, for a piece's time. Returns how many. Throws EraseRefused, WriteFailed. */
  erase(slot: number, erasures: readonly Erasure[], end: number): number {
    this.#scrubOnce();
    const table = this.#table(slot);
    const begun = performance.now();
    let erased = 0;
    let refused: EraseRefused | undefined;
    this.#transaction.run(() => {
      for (const erasure of erasures) {
        refused = eraseOne(table, erasure, end);
        if (refused !== undefined) return;
        erased += 1;
        if (performance.now() - begun > erasePieceMs) return;
      }
    });
    if (refused !== undefined) throw refused;
    return erased;
  }

  /** Copies the WAL into the database and cuts it to nothing; false when a reader is in the midst of it. Throws WriteFailed. */
  emptyWal(): boolean {
    try {
      // Waiting here would block appends: the caller tries again.
      this.#connection.exec('PRAGMA busy_timeout = 0');
      const answer = this.#connection.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get();
      if (answer?.['busy'] !== 0) return false;
      this.#syncWal();
      return true;
    } catch (error) {
      throw new WriteFailed('unknown', error);
    } finally {
      this.#connection.exec(`PRAGMA busy_timeout = ${sqliteBusyMs}`);
    }
  }

  #scrubOnce(): void {
    if (this.#isScrubbed) return;
    try {
      scrub(this.#connection);
    } catch (error) {
      throw new WriteFailed('not-written', error);
    }
    this.#isScrubbed = true;
  }

  /** SQLite leaves it to the system when the cut becomes durable: a power cut could bring the old content back. */
  #syncWal(): void {
    if (!existsSync(this.#wal)) return;
    const file = openSync(this.#wal, 'r');
    try {
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }

  #table(slot: number): Table {
    const known = this.#tables.get(slot);
    if (known !== undefined) return known;
    const place = this.#topology.partitions[slot];
    if (place === undefined) throw new RangeError(`no slot ${slot}`);
    const name = frameTable(place.topic, place.partition);
    const table = {
      reader: new FrameReader(this.#connection, place),
      update: this.#connection.prepare(`UPDATE ${name} SET frame = ? WHERE offset = ?`),
    };
    this.#tables.set(slot, table);
    return table;
  }
}

/** Why it is refused; undefined when it is done. */
function eraseOne(table: Table, { offset, value }: Erasure, end: number): EraseRefused | undefined {
  if (offset >= end) return new EraseRefused('range', offset, 'there is no such record');
  const frame = table.reader.frame(offset);
  if (frame === undefined) return new EraseRefused('damaged', offset, 'the record is damaged or missing');
  try {
    const left = frameWithValue(frame, value);
    if (left !== undefined) table.update.run(left, offset);
    return undefined;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return new EraseRefused('range', offset, error.message);
  }
}
