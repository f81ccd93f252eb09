/**
 * A log is a folder of its own within the data folder:
 *
 *   lock            empty; locked by the process that writes
 *   log/log.db      topics, consumer positions, one table of frames per partition; log.db-wal and -shm belong to it
 *   log/head        the witness: how far the log reached (witness.ts)
 *   log/suspect     empty; there when damage was found beside the running writer (check-thread.ts)
 */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { logFormat } from '../../../ports/event-log.ts';
import { inTransaction } from '../database.ts';
import { LogConfigMismatch } from './errors.ts';
import { checkpointPages, maxIdleWalBytes, pageBytes, sqliteBusyMs } from './limits.ts';
import type { Topic, Topology } from './topology.ts';

/** "PLOG": what file(1) and SQLite's own tools know the file by. */
export const applicationId = 0x504c4f47;
/** What a log that this release has written is marked with. Logs of all lower ones are read as they are. */
export const schemaVersion = logFormat;

/** Where the log of a data folder is. */
export function logFolder(dataDir: string): string {
  return join(dataDir, 'log');
}

/** The files of a log's folder. */
export function logFiles(folder: string): Readonly<Record<'database' | 'wal' | 'head' | 'suspect', string>> {
  const named = (name: string) => join(folder, name);
  return { database: named('log.db'), wal: named('log.db-wal'), head: named('head'), suspect: named('suspect') };
}

/** The table that holds a partition's frames: appends touch its last page only, and reads are one range. */
export function frameTable(topic: Topic, partition: number): string {
  return `log_${topic.id}_${partition}`;
}

const baseTables: Readonly<Record<string, string>> = {
  topics: 'CREATE TABLE topics (id INTEGER PRIMARY KEY, name TEXT NOT NULL, partitions INTEGER NOT NULL)',
  positions:
    'CREATE TABLE positions (consumer TEXT NOT NULL, topic_id INTEGER NOT NULL, partition INTEGER NOT NULL, ' +
    'offset INTEGER NOT NULL, checksum INTEGER NOT NULL, PRIMARY KEY (consumer, topic_id, partition)) WITHOUT ROWID',
};

/**
 * An empty table of logs whose every page was written with secure_delete, so that no copy of a record is anywhere but in its row. A log
 * begun before that was so does not have it, until its first erasure has rewritten it. Older releases do not mind it.
 */
const scrubbedTable = 'scrubbed';

function frameTableSql(table: string): string {
  return `CREATE TABLE ${table} (offset INTEGER PRIMARY KEY, frame BLOB NOT NULL)`;
}

/** Every table that a log with these topics has, with the statement that SQLite keeps of it. */
export function expectedTables(topology: Topology): ReadonlyMap<string, string> {
  const tables = new Map(Object.entries(baseTables));
  for (const { topic, partition } of topology.partitions) {
    const table = frameTable(topic, partition);
    tables.set(table, frameTableSql(table));
  }
  return tables;
}

/**
 * Opens the database for writing; every commit is synced. What is no longer in a page is overwritten with zeros: SQLite would leave a copy
 * of a table's first records in the page that was its only one, and erasing later would not reach it.
 */
export function openForWriting(database: string): DatabaseSync {
  const connection = new DatabaseSync(database, { timeout: sqliteBusyMs });
  connection.exec(
    `PRAGMA page_size = ${pageBytes}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; ` +
      `PRAGMA secure_delete = ON; PRAGMA wal_autocheckpoint = ${checkpointPages}; PRAGMA journal_size_limit = ${maxIdleWalBytes}`,
  );
  return connection;
}

/** The format of a log that a later release has written; undefined when this release reads it, or it is no log. */
export function laterFormat(connection: DatabaseSync): number | undefined {
  if (pragma(connection, 'application_id') !== applicationId) return undefined;
  const version = pragma(connection, 'user_version');
  return typeof version === 'number' && version > schemaVersion ? version : undefined;
}

const releaseTable = 'written_by';

/** The release that wrote last; undefined for a log of 0.2 or earlier. */
export function writtenBy(connection: DatabaseSync): string | undefined {
  const table = connection.prepare('SELECT 1 FROM sqlite_schema WHERE name = ?').get(releaseTable);
  const release = table && connection.prepare(`SELECT release FROM ${releaseTable}`).get()?.['release'];
  return release === undefined ? undefined : String(release);
}

/** Marks the log as written by this release, in its format: an older one refuses it from now on. Returns how it was marked before. */
export function markWritten(
  connection: DatabaseSync,
  release: string,
): { readonly release: string | undefined; readonly format: number } {
  const before = { release: writtenBy(connection), format: Number(pragma(connection, 'user_version')) };
  if (before.release === release && before.format === schemaVersion) return before;
  connection.exec(
    `BEGIN IMMEDIATE; PRAGMA user_version = ${schemaVersion}; CREATE TABLE IF NOT EXISTS ${releaseTable} (release TEXT NOT NULL)`,
  );
  connection.exec(`DELETE FROM ${releaseTable}`);
  connection.prepare(`INSERT INTO ${releaseTable} (release) VALUES (?)`).run(release);
  connection.exec('COMMIT');
  return before;
}

/** What a pragma of one value says. */
export function pragma(connection: DatabaseSync, name: string): unknown {
  return connection.prepare(`PRAGMA ${name}`).get()?.[name];
}

/** Opens the database for reading: nothing that this connection does changes database or WAL. */
export function openForReading(database: string): DatabaseSync {
  return new DatabaseSync(database, { readOnly: true, timeout: sqliteBusyMs });
}

/** Makes the tables of an empty log. */
export function createBaseTables(connection: DatabaseSync): void {
  connection.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${schemaVersion}`);
  for (const sql of Object.values(baseTables)) connection.exec(sql);
  connection.exec(`CREATE TABLE ${scrubbedTable} (unused INTEGER)`);
}

/** Rewrites a database that may hold copies of records in its free space: once in its life, and longer the larger it is. */
export function scrub(connection: DatabaseSync): void {
  const found = connection.prepare('SELECT name FROM sqlite_schema WHERE name = ?').get(scrubbedTable);
  if (found !== undefined) return;
  connection.exec(`VACUUM; CREATE TABLE ${scrubbedTable} (unused INTEGER)`);
}

/** Adds topics with their tables, all or none. */
export function createTopics(connection: DatabaseSync, topics: readonly Topic[]): void {
  inTransaction(connection, () => {
    const insert = connection.prepare('INSERT INTO topics (id, name, partitions) VALUES (?, ?, ?)');
    for (const topic of topics) {
      insert.run(topic.id, topic.name, topic.partitions);
      for (let partition = 0; partition < topic.partitions; partition += 1) {
        connection.exec(frameTableSql(frameTable(topic, partition)));
      }
    }
  });
}

/** The topics of a log. */
export function readTopics(connection: DatabaseSync): Topic[] {
  return connection
    .prepare('SELECT id, name, partitions FROM topics ORDER BY id')
    .all()
    .map((row) => ({
      id: Number(row['id']),
      name: String(row['name']),
      partitions: Number(row['partitions']),
    }));
}

/**
 * Those of the wanted topics that the log does not have yet. Throws LogConfigMismatch when one is there with another
 * count.
 */
export function missingTopics(existing: readonly Topic[], wanted: Readonly<Record<string, number>>): Topic[] {
  let nextId = Math.max(0, ...existing.map((topic) => topic.id)) + 1;
  const missing: Topic[] = [];
  for (const [name, partitions] of Object.entries(wanted)) {
    const found = existing.find((topic) => topic.name === name);
    if (found === undefined) missing.push({ id: nextId++, name, partitions });
    else if (found.partitions !== partitions) {
      throw new LogConfigMismatch(
        `topic ${name} was made with ${found.partitions} partitions and cannot be opened with ${partitions}: ` +
          'keys are placed by their count, so it is fixed for ever',
      );
    }
  }
  return missing;
}
