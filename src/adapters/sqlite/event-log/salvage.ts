import { existsSync, rmSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { appear, createLog, hasLog, lockDataDir } from './data-folder.ts';
import { isDamage, type LogDamage, LogExists, LogNotFound } from './errors.ts';
import { readFrameHeader } from './frame.ts';
import { FrameReader, type FrameRow } from './frame-reader.ts';
import { scanFrames } from './raw-scan.ts';
import { SalvageTarget } from './salvage-target.ts';
import { logFiles, logFolder, missingTopics, openForReading, readTopics } from './schema.ts';
import { type Partition, type Topic, Topology } from './topology.ts';
import { readWitness } from './witness.ts';

/** What a salvage is doing: counted in records while reading, in bytes while searching. */
export interface SalvageProgress {
  readonly step: 'reading records' | 'searching bytes';
  readonly done: number;
  readonly total: number;
}

/** How a salvage is done. */
export interface SalvageOptions {
  readonly onProgress?: (progress: SalvageProgress) => void;
  /** Name to partitions, in the order in which they were configured; used only when neither the file head nor the table of topics can be read. */
  readonly topics?: Readonly<Record<string, number>>;
  /** Copies what else is in the data folder, before the new one has a log; both folders are locked. */
  readonly copyRest?: () => Promise<void>;
}

/** What a salvage has done. */
export interface SalvageReport {
  /** Records in the new log. */
  readonly records: number;
  /** Those of them that SQLite no longer showed, found in the bytes. */
  readonly recovered: number;
  /** Ranges of offsets whose records are lost. Each has an entry in the new log that folds skip. */
  readonly missing: readonly LogDamage[];
}

const rowsPerStep = 1_000;

/**
 * Writes every whole record of a damaged log into a new one, each with its topic, partition, offset and time, and an
 * entry that folds skip where a record is lost, so that no offset ever means something else. Consumer positions are
 * left behind: consumers refold. The source is not changed, and the new log appears whole or not at all.
 *
 * Throws DataDirLocked when either folder is in use, LogNotFound when there is nothing to salvage, LogExists when the target has a log.
 */
export async function salvageLog(
  sourceDir: string,
  targetDir: string,
  { onProgress = () => {}, topics = {}, copyRest = async () => {} }: SalvageOptions = {},
): Promise<SalvageReport> {
  const source = logFolder(sourceDir);
  const target = logFolder(targetDir);
  if (!hasLog(source)) throw new LogNotFound(`there is no log in ${sourceDir}`);
  if (hasLog(target)) throw new LogExists(targetDir);
  using _sourceLock = lockDataDir(sourceDir);
  using _targetLock = lockDataDir(targetDir);
  const topology = new Topology(topicsOf(source, topics));
  const unfinished = `${target}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  createLog(unfinished, topology.topics);
  const report = await fill(source, new SalvageTarget(unfinished, topology), onProgress);
  await copyRest();
  appear(unfinished, target);
  return report;
}

async function fill(
  source: string,
  target: SalvageTarget,
  onProgress: (progress: SalvageProgress) => void,
): Promise<SalvageReport> {
  using _open = target;
  const ends = readWitness(logFiles(source).head)?.ends ?? [];
  const total = ends.reduce((sum, end) => sum + end, 0);
  await copyRows(source, target, ends, () => {
    onProgress({ step: 'reading records', done: target.records, total: Math.max(total, target.records) });
  });
  const shown = target.records;
  const tell = (done: number, bytes: number) => onProgress({ step: 'searching bytes', done, total: bytes });
  for (const frame of scanFrames(source, (header) => target.lacks(readFrameHeader(header)), tell)) target.add(frame);
  const missing = target.finish(ends);
  return { records: target.records, recovered: target.records - shown, missing };
}

/** The topics by the witness (which has a checksum), else by their table, else as configured. */
function topicsOf(folder: string, configured: Readonly<Record<string, number>>): readonly Topic[] {
  const witnessed = readWitness(logFiles(folder).head);
  if (witnessed !== undefined) return witnessed.topology.topics;
  using connection = openIfReadable(folder);
  const found = connection === undefined ? undefined : unlessDamaged(() => readTopics(connection));
  return found ?? missingTopics([], configured);
}

/** Adds all that SQLite still shows, partition by partition. */
async function copyRows(
  source: string,
  target: SalvageTarget,
  witnessedEnds: readonly number[],
  tell: () => void,
): Promise<void> {
  using connection = openIfReadable(source);
  if (connection === undefined) return;
  for (const [slot, place] of target.topology.partitions.entries()) {
    const reader = readerOf(connection, place);
    if (reader === undefined) continue;
    for (const rows of readableRows(reader, witnessedEnds[slot] ?? 0)) {
      for (const row of rows) if (reader.isWhole(row, row.offset)) target.add(row.frame);
      tell();
      await nextTurn();
    }
  }
}

function openIfReadable(folder: string): DatabaseSync | undefined {
  const { database } = logFiles(folder);
  return existsSync(database) ? openForReading(database) : undefined;
}

/** Undefined when the partition's table is gone, or its definition cannot be read. */
function readerOf(connection: DatabaseSync, place: Partition): FrameReader | undefined {
  return unlessDamaged(() => new FrameReader(connection, place));
}

/**
 * A partition's rows; where SQLite cannot read many at once fewer, and where it cannot read even one, the next, as far
 * as there should be any.
 */
function* readableRows(reader: FrameReader, witnessedEnd: number): Generator<readonly FrameRow[]> {
  let maxRows = rowsPerStep;
  for (let next = 0; ; ) {
    const rows = unlessDamaged(() => reader.rows(next, maxRows));
    if (rows !== undefined) {
      yield rows;
      if (rows.length < maxRows) return;
      next = (rows.at(-1)?.offset ?? next) + 1;
      maxRows = Math.min(rowsPerStep, maxRows * 2);
    } else if (maxRows > 1) {
      maxRows = Math.floor(maxRows / 2);
    } else {
      next += 1;
      if (next >= witnessedEnd) return;
    }
  }
}

/** What the work answers; undefined when SQLite cannot do it because the file is damaged. */
function unlessDamaged<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!isDamage(error)) throw error;
    return undefined;
  }
}
