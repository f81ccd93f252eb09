import { existsSync } from 'node:fs';
import { type EventLog, LogDamaged } from '../../../ports/event-log.ts';
import { messageOf } from '../database.ts';
import { checkBeside } from './check-beside.ts';
import { lockDataDir } from './data-folder.ts';
import { isDamage, LogDamagedAtOpen, LogNotFound, LogOfLaterRelease } from './errors.ts';
import { ReaderHandle } from './reader-handle.ts';
import { Reading } from './reading.ts';
import { laterFormat, logFiles, logFolder, openForReading, schemaVersion, writtenBy } from './schema.ts';
import { Topology } from './topology.ts';
import { type OnWriterFault, startWriter } from './writer-client.ts';
import { WriterHandle } from './writer-handle.ts';

/** How the one writer opens the log. */
export interface WriteOptions {
  readonly mode: 'write';
  readonly dataDir: string;
  /** Name to number of partitions. Topics that the log does not have are made; the others must have this count. */
  readonly topics: Readonly<Record<string, number>>;
  /** Which release of Parley opens it: the log is marked with it. Tools that write nothing of their own leave it out. */
  readonly release?: string;
  /**
   * `newest`: older records and the structure are checked beside the writer, for logs that take long to check; what is wrong with them is told to
   * `onFault` with LogDamagedAtOpen as its cause, and the next opening checks everything first. Default: `all`.
   */
  readonly checksFirst?: 'all' | 'newest';
  /** The log's files are no longer at their paths, or its writer died: every append is refused until the log is opened again. */
  readonly onFault?: OnWriterFault;
}

/** How everybody else opens it: other threads, other processes. */
export interface ReadOptions {
  readonly mode: 'read';
  readonly dataDir: string;
  /** The writer's, when it is in the same process: tails wake at once instead of looking every 100 ms. */
  readonly wakeSignal?: SharedArrayBuffer;
}

/** The embedded log. */
export interface SqliteLog extends EventLog {
  /** Name to number of partitions. */
  readonly topics: ReadonlyMap<string, number>;
}

/**
 * The embedded log as its writer has it. Records given to `append` are kept for tails and must not be changed
 * afterwards.
 */
export interface WritableSqliteLog extends SqliteLog {
  /** For other threads' read handles. */
  readonly wakeSignal: SharedArrayBuffer;
  /** The release that had opened it before; undefined for none, and for those until 0.2. */
  readonly writtenBy: string | undefined;
}

/**
 * Opens the log of a data folder.
 *
 * For writing: makes it if there is none, and reads and checks every record first, unless the newest are enough. Rejects with DataDirLocked,
 * LogConfigMismatch, LogDamagedAtOpen or LogOfLaterRelease (the files are then as they were) or LogUnavailable. For
 * reading: checks each record when it is read. Rejects with LogNotFound, LogDamagedAtOpen or LogOfLaterRelease.
 */
export async function openSqliteLog(options: WriteOptions): Promise<WritableSqliteLog>;
export async function openSqliteLog(options: ReadOptions): Promise<SqliteLog>;
export async function openSqliteLog(options: WriteOptions | ReadOptions): Promise<SqliteLog> {
  return options.mode === 'write' ? openWriter(options) : openReader(options);
}

async function openWriter(options: WriteOptions): Promise<WritableSqliteLog> {
  const { dataDir, topics, release, checksFirst = 'all', onFault = () => {} } = options;
  const lock = lockDataDir(dataDir);
  const folder = logFolder(dataDir);
  try {
    const { worker, opened } = await startWriter({
      folder,
      topics,
      release,
      checksNewestFirst: checksFirst === 'newest',
    });
    const topology = new Topology(opened.topics);
    const reading = new Reading(openForReading(logFiles(folder).database), topology, opened.ends);
    const check = opened.isPartlyChecked ? checkBeside(folder) : undefined;
    return new WriterHandle({ ...opened, lock, worker, reading, check, onFault });
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
}

async function openReader({ dataDir, wakeSignal }: ReadOptions): Promise<SqliteLog> {
  const { database } = logFiles(logFolder(dataDir));
  if (!existsSync(database)) throw new LogNotFound(`there is no log in ${dataDir}`);
  const connection = openForReading(database);
  try {
    const later = laterFormat(connection);
    if (later !== undefined)
      throw new LogOfLaterRelease(logFolder(dataDir), later, schemaVersion, writtenBy(connection));
    return new ReaderHandle(connection, wakeSignal);
  } catch (error) {
    connection.close();
    if (!isDamage(error) && !(error instanceof LogDamaged)) throw error;
    throw new LogDamagedAtOpen(logFolder(dataDir), [{ what: `log.db cannot be read: ${messageOf(error)}` }]);
  }
}
