import { rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import type { DatabaseSync } from 'node:sqlite';
import { copyDatabase } from '../database.ts';
import { appear, hasLog, lockDataDir } from './data-folder.ts';
import { LogDamagedAtOpen, LogExists, LogNotFound } from './errors.ts';
import { frameTable, logFiles, logFolder, openForWriting, readTopics } from './schema.ts';
import { Topology } from './topology.ts';
import { readWitness, Witness } from './witness.ts';

/** How a log is copied. */
export interface CopyOptions {
  /** Called with pages of the database. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Copies what else is in the data folder, before the copy has a log. */
  readonly copyRest?: () => Promise<void>;
}

/**
 * Copies the log of a data folder into another as it is at one moment, also beside a server that runs on it, and checks every record of the copy. The copy
 * appears whole or not at all. Returns the number of its records. Rejects with LogNotFound, LogExists, DataDirLocked where the target is in use, or
 * LogDamagedAtOpen: the copy has not all that the source's witness has seen.
 */
export async function copyLogFolder(
  sourceDir: string,
  targetDir: string,
  { onProgress, copyRest = async () => {} }: CopyOptions = {},
): Promise<number> {
  const [source, target] = [logFolder(sourceDir), logFolder(targetDir)];
  if (!hasLog(source)) throw new LogNotFound(`there is no log in ${sourceDir}`);
  if (hasLog(target)) throw new LogExists(targetDir);
  using _lock = lockDataDir(targetDir);
  const unfinished = `${target}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true });
  // Before the records: what it has seen, the copy must have.
  const witnessed = readWitness(logFiles(source).head);
  if (witnessed === undefined) throw new LogDamagedAtOpen(source, [{ what: 'the file head is missing or damaged' }]);
  await copyDatabase(logFiles(source).database, logFiles(unfinished).database, onProgress);
  const records = writeWitness(unfinished, witnessed.ends);
  await copyRest();
  appear(unfinished, target);
  return records;
}

/** Of what the copy has, and what it should have: opening it then finds what is missing. Returns the number of records. */
function writeWitness(folder: string, witnessedEnds: readonly number[]): number {
  const files = logFiles(folder);
  using database: DatabaseSync = openForWriting(files.database);
  const topology = new Topology(readTopics(database));
  const ends = topology.partitions.map(({ topic, partition }, slot) => {
    const last = database.prepare(`SELECT max(offset) AS last FROM ${frameTable(topic, partition)}`).get()?.['last'];
    return Math.max(last === null ? 0 : Number(last) + 1, witnessedEnds[slot] ?? 0);
  });
  new Witness(files.head, topology, ends).close();
  return ends.reduce((sum, end) => sum + end, 0);
}
