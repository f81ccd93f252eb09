import { join } from 'node:path';
import { openSqliteLog, type ReadOptions } from '../adapters/sqlite/event-log/sqlite-log.ts';
import { Journal } from '../app/journal.ts';
import type { Config } from '../config/config.ts';
import { eventCodec } from './event-codec.ts';

/** Where the read models of a data folder are. */
export function readModelsPath(dataDir: string): string {
  return join(dataDir, 'read-models.db');
}

/** Where its accounts are. */
export function accountsPath(dataDir: string): string {
  return join(dataDir, 'accounts.db');
}

/** Where its media are. */
export function mediaFolder(dataDir: string): string {
  return join(dataDir, 'media');
}

/** The journal of a data folder for reading, also beside a running server. Rejects with LogNotFound. */
export async function openJournalForReading(config: Config): Promise<Journal> {
  const options: ReadOptions = { mode: 'read', dataDir: config.dataDir };
  return new Journal(await openSqliteLog(options), eventCodec, config.prefix);
}
