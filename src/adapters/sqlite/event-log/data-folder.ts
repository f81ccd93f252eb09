import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { createBaseTables, createTopics, logFiles, openForWriting } from './schema.ts';
import type { Topic } from './topology.ts';
import { Topology } from './topology.ts';
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
  renameSync(unfinished, folder);
  syncFolder(dirname(folder));
}

/** Whether there is a log, or what is left of one. */
export function hasLog(folder: string): boolean {
  return existsSync(folder);
}
