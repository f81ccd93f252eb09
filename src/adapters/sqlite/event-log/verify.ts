import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { messageOf } from '../database.ts';
import { isDamage, type LogDamage } from './errors.ts';
import { FrameReader, type FrameRow } from './frame-reader.ts';
import { type Position, readPositions } from './positions.ts';
import {
  applicationId,
  expectedTables,
  frameTable,
  laterFormat,
  logFiles,
  openForReading,
  pragma,
  readTopics,
  schemaVersion,
  writtenBy,
} from './schema.ts';
import { type Partition, Topology } from './topology.ts';
import { readWitness, type Witnessed } from './witness.ts';

/** Rows checked at once: enough that the statement's cost vanishes, few enough that large records do not pile up. */
const rowsPerStep = 256;
/** Findings of SQLite's own check that are named. */
const maxStructureFindings = 10;
/**
 * Write and read version in the header of a database in WAL mode (https://sqlite.org/fileformat2.html, section 1.3).
 */
const walVersions = Buffer.from([2, 2]);
const versionsStart = 18;

/** What a log holds, and what is wrong with it. */
export interface Verification {
  readonly topology: Topology;
  /** End offset by slot. */
  readonly ends: readonly number[];
  readonly positions: readonly Position[];
  /** Empty: every record that was ever acknowledged is there and whole, and the file can be written. */
  readonly damages: readonly LogDamage[];
  /** Set when a later release has written the log: then nothing else was looked at. */
  readonly laterFormat?: number;
  /** With it: which release that was, if the log says so. */
  readonly laterRelease?: string | undefined;
  /** There are records that were not looked at, because only the newest were asked for; SQLite's structure was not either then. */
  readonly isPartial: boolean;
}

export interface VerifyOptions {
  /** Of each partition that the witness knows, only so many; default: all. */
  readonly newestRecords?: number;
  /** Called after every few hundred records. */
  readonly afterStep?: () => void;
}

/**
 * Reads and checks everything in a log's folder, without changing its database or WAL, also beside its writer: each record's checksum, place
 * and contiguity, the ends against the witness, the tables, and SQLite's own structure. Throws only what is not the
 * file's fault.
 */
export function verifyLog(folder: string, options: VerifyOptions = {}): Verification {
  const files = logFiles(folder);
  const witnessed = readWitness(files.head);
  const damages: LogDamage[] = witnessed === undefined ? [{ what: 'the file head is missing or damaged' }] : [];
  if (!existsSync(files.database))
    return nothingReadable(witnessed, [...damages, { what: 'the file log.db is missing' }]);
  try {
    const connection = openForReading(files.database);
    try {
      const later = laterFormat(connection);
      if (later !== undefined)
        return { ...nothingReadable(undefined, []), laterFormat: later, laterRelease: writtenBy(connection) };
      if (!isMarkedAsWal(files.database)) damages.push({ what: 'log.db is not marked as a database in WAL mode' });
      return new Verifier(connection, witnessed, damages, options).run();
    } finally {
      connection.close();
    }
  } catch (error) {
    if (!isDamage(error)) throw error;
    return nothingReadable(witnessed, [...damages, { what: `log.db cannot be read: ${messageOf(error)}` }]);
  }
}

/** SQLite opens a database with another write version read-only, and reports that only at the first write. */
function isMarkedAsWal(database: string): boolean {
  const versions = Buffer.alloc(walVersions.length);
  const file = openSync(database, 'r');
  try {
    readSync(file, versions, 0, versions.length, versionsStart);
  } finally {
    closeSync(file);
  }
  return versions.equals(walVersions);
}

function nothingReadable(witnessed: Witnessed | undefined, damages: readonly LogDamage[]): Verification {
  const topology = witnessed?.topology ?? new Topology([]);
  const lost = (witnessed?.ends ?? []).flatMap((end, slot): LogDamage[] => {
    const place = topology.partitions[slot];
    return place === undefined || end === 0 ? [] : [rangeDamage(place, 0, end - 1, 'missing')];
  });
  const ends = topology.partitions.map(() => 0);
  return { topology, ends, positions: [], damages: [...damages, ...lost], isPartial: false };
}

function rangeDamage(place: Partition, firstOffset: number, lastOffset: number, what: string): LogDamage {
  return { topic: place.topic.name, partition: place.partition, firstOffset, lastOffset, what };
}

/** One pass over a log. */
class Verifier {
  readonly #connection: DatabaseSync;
  readonly #witnessed: Witnessed | undefined;
  readonly #damages: LogDamage[];
  readonly #options: VerifyOptions;
  #isPartial = false;

  constructor(
    connection: DatabaseSync,
    witnessed: Witnessed | undefined,
    damages: LogDamage[],
    options: VerifyOptions,
  ) {
    this.#connection = connection;
    this.#witnessed = witnessed;
    this.#damages = damages;
    this.#options = options;
  }

  run(): Verification {
    const topology =
      this.#attempt('the table of topics', () => this.#topology()) ?? this.#witnessed?.topology ?? new Topology([]);
    this.#attempt('the header', () => this.#checkFormat());
    const intact = this.#attempt('the schema', () => this.#checkTables(topology)) ?? false;
    const ends = topology.partitions.map((place) => this.#checkRecords(place));
    if (!this.#isPartial) this.#attempt('the structure', () => this.#checkStructure());
    const positions = intact ? (this.#attempt('consumer positions', () => readPositions(this.#connection)) ?? []) : [];
    return { topology, ends, positions, damages: this.#damages, isPartial: this.#isPartial };
  }

  #checkRecords(place: Partition): number {
    const { newestRecords = Number.POSITIVE_INFINITY, afterStep } = this.#options;
    const witnessedEnd = this.#witnessedEnd(place);
    const from = Math.max(0, (witnessedEnd ?? 0) - newestRecords);
    if (from > 0) this.#isPartial = true;
    const scan = new PartitionScan(place, witnessedEnd, this.#damages, from);
    const table = frameTable(place.topic, place.partition);
    return this.#attempt(`table ${table}`, () => scan.run(new FrameReader(this.#connection, place), afterStep)) ?? 0;
  }

  /** One part of the examination; that SQLite cannot do it is a finding, and the others go on. */
  #attempt<T>(part: string, work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (!isDamage(error)) throw error;
      this.#damages.push({ what: `SQLite cannot read ${part}: ${messageOf(error)}` });
      return undefined;
    }
  }

  /** The table of topics; where it contradicts the witness, the witness is right, because it has a checksum. */
  #topology(): Topology {
    const found = readTopics(this.#connection);
    for (const topic of this.#witnessed?.topology.topics ?? []) {
      const same = found.find(({ id }) => id === topic.id);
      if (same?.name === topic.name && same.partitions === topic.partitions) continue;
      this.#damages.push({ what: `topic ${topic.name} is missing from the table of topics, or differs there` });
      return this.#witnessed?.topology ?? new Topology([]);
    }
    return new Topology(found);
  }

  #witnessedEnd(place: Partition): number | undefined {
    const slot = this.#witnessed?.topology.slotById(place.topic.id, place.partition);
    return slot === undefined ? undefined : this.#witnessed?.ends[slot];
  }

  #checkFormat(): void {
    if (pragma(this.#connection, 'application_id') !== applicationId)
      this.#damages.push({ what: 'log.db is not marked as a log' });
    const version = pragma(this.#connection, 'user_version');
    if (typeof version !== 'number' || version < 1 || version > schemaVersion)
      this.#damages.push({ what: `log.db has format ${String(version)}, this release reads up to ${schemaVersion}` });
    if (pragma(this.#connection, 'encoding') !== 'UTF-8')
      this.#damages.push({ what: 'log.db has another text encoding' });
  }

  /** Whether every table is there as it was made: reading by a changed definition would misread. */
  #checkTables(topology: Topology): boolean {
    const rows = this.#connection.prepare('SELECT name, sql FROM sqlite_schema').all();
    const found = new Map(rows.map((row) => [row['name'], row['sql']]));
    const wrong = [...expectedTables(topology)].filter(([name, sql]) => found.get(name) !== sql);
    for (const [name] of wrong) this.#damages.push({ what: `table ${name} is missing or changed` });
    return wrong.length === 0;
  }

  /** What no record shows: interior pages and free space, which the next write would trip over. */
  #checkStructure(): void {
    const findings = this.#connection.prepare(`PRAGMA quick_check(${maxStructureFindings})`).all();
    for (const row of findings) {
      const what = String(Object.values(row)[0]);
      if (what !== 'ok') this.#damages.push({ what: `SQLite: ${what}` });
    }
  }
}

/** Walks one partition's rows. A row that is not the whole frame of its offset counts as missing, with the reason. */
class PartitionScan {
  readonly #place: Partition;
  readonly #witnessedEnd: number | undefined;
  readonly #damages: LogDamage[];
  /** Up to here everything is checked. */
  #next: number;
  /** From here rows are read: past `#next` when there are rows that cannot be placed. */
  #cursor: number;

  constructor(place: Partition, witnessedEnd: number | undefined, damages: LogDamage[], from: number) {
    this.#place = place;
    this.#witnessedEnd = witnessedEnd;
    this.#damages = damages;
    this.#next = from;
    this.#cursor = from;
  }

  /** Returns the end offset: what lies between it and the beginning of the scan is whole or named as damaged. */
  run(reader: FrameReader, afterStep: (() => void) | undefined): number {
    while (this.#step(reader)) afterStep?.();
    const witnessedEnd = this.#witnessedEnd ?? 0;
    this.#missingUntil(witnessedEnd, 'missing, although the witness has seen them');
    return this.#next;
  }

  /** Checks the next rows; false at the end. */
  #step(reader: FrameReader): boolean {
    let rows: readonly FrameRow[];
    try {
      rows = reader.rows(this.#cursor, rowsPerStep);
    } catch (error) {
      if (!isDamage(error)) throw error;
      return this.#probe(reader);
    }
    for (const row of rows) this.#check(reader, row);
    this.#cursor = (rows.at(-1)?.offset ?? this.#cursor) + 1;
    return rows.length === rowsPerStep;
  }

  #check(reader: FrameReader, row: FrameRow): void {
    if (reader.isWhole(row, row.offset)) {
      this.#missingUntil(row.offset, 'missing');
      this.#next = Math.max(this.#next, row.offset + 1);
    } else if (row.offset === this.#next) {
      this.#damaged(row.offset, 'the record fails its checksum');
    } else {
      this.#damages.push({
        topic: this.#place.topic.name,
        partition: this.#place.partition,
        what: `a damaged row, numbered ${row.offset}`,
      });
    }
  }

  /** Where a range cannot be read at once, one by one, as far as the witness says that there is something. */
  #probe(reader: FrameReader): boolean {
    const witnessedEnd = this.#witnessedEnd ?? 0;
    const end = Math.min(this.#next + rowsPerStep, witnessedEnd);
    this.#cursor = end;
    while (this.#next < end) {
      const offset = this.#next;
      const row = probeRow(reader, offset);
      if (row === 'unreadable') this.#damaged(offset, 'SQLite cannot read the record');
      else if (row === undefined) this.#damaged(offset, 'missing');
      else this.#check(reader, row);
    }
    if (this.#next >= witnessedEnd) this.#damagedEnd();
    return this.#next < witnessedEnd;
  }

  #damagedEnd(): void {
    const { topic, partition } = this.#place;
    this.#damages.push({ topic: topic.name, partition, what: `SQLite cannot read on from offset ${this.#next}` });
  }

  #damaged(offset: number, what: string): void {
    this.#missingUntil(offset, 'missing');
    this.#addRange(offset, offset, what);
    this.#next = offset + 1;
  }

  #missingUntil(offset: number, what: string): void {
    if (offset <= this.#next) return;
    this.#addRange(this.#next, offset - 1, what);
    this.#next = offset;
  }

  /** Neighbours with the same fault are one range. */
  #addRange(firstOffset: number, lastOffset: number, what: string): void {
    const range = rangeDamage(this.#place, firstOffset, lastOffset, what);
    const last = this.#damages.at(-1);
    const adjoins =
      last?.topic === range.topic && last?.partition === range.partition && last?.lastOffset === firstOffset - 1;
    if (last !== undefined && adjoins && last.what === what) {
      this.#damages[this.#damages.length - 1] = { ...range, firstOffset: last.firstOffset ?? firstOffset };
    } else this.#damages.push(range);
  }
}

function probeRow(reader: FrameReader, offset: number): FrameRow | 'unreadable' | undefined {
  try {
    const [row] = reader.rows(offset, 1);
    return row?.offset === offset ? row : undefined;
  } catch (error) {
    if (!isDamage(error)) throw error;
    return 'unreadable';
  }
}
