import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { DataDirLocked, isBusy, LogDamagedAtOpen } from './errors.ts';
import { createBaseTables, createTopics, logFiles, openForWriting } from './schema.ts';
import { type Topic, Topology } from './topology.ts';
import { verifyLog } from './verify.ts';
import { syncFolder, Witness } from './witness.ts';

/** Makes an empty log with these topics. It appears whole or not at all. */
export function createLog(folder: string, topics: readonly Topic[]): void {
  const unfinished = `${folder}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  const files = logFiles(unfinished);
  const topology = new Topology(topics);
  const connection = openForWriting(files.database);
  try {
    createBaseTables(connection);
    createTopics(connection, topology.topics);
  } finally {
    connection.close();
  }
  new Witness(
    files.head,
    topology,
    topology.partitions.map(() => 0),
  ).close();
  rename(unfinished, folder);
}

/** Gives a log that was made under another name its own, when every record of it is whole. Throws LogDamagedAtOpen. */
export function appear(unfinished: string, folder: string): void {
  const { damages } = verifyLog(unfinished);
  if (damages.length > 0) throw new LogDamagedAtOpen(unfinished, damages);
  rename(unfinished, folder);
}

function rename(unfinished: string, folder: string): void {
  renameSync(unfinished, folder);
  syncFolder(dirname(folder));
}

/** Whether there is a log, or what is left of one. */
export function hasLog(folder: string): boolean {
  return existsSync(folder);
}

/** The file that is locked. */
export function lockFile(dataDir: string): string {
  return join(dataDir, 'lock');
}

/**
 * Takes the data folder for this process until disposed of, making it if it is not there. Throws DataDirLocked when it
 * is taken.
 *
 * Node has no file locks, SQLite has: an exclusive transaction on an empty database, which the system ends with the
 * process, however that ends.
 */
export function lockDataDir(dataDir: string): Disposable {
  mkdirSync(dataDir, { recursive: true });
  const database = new DatabaseSync(lockFile(dataDir));
  try {
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    throw isBusy(error) ? new DataDirLocked(dataDir) : error;
  }
  return { [Symbol.dispose]: () => database.close() };
}
