import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Appended, EventLog, LogRecord, NewRecord } from '../../../../ports/event-log.ts';
import { logFiles, logFolder } from '../schema.ts';
import { openSqliteLog, type WritableSqliteLog } from '../sqlite-log.ts';

/** The topics of the logs that tests make: four partitions in all. */
export const testTopics = { connections: 1, conversations: 3 };

/** A folder that is gone when the test is over. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'parley-log-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Opens the log of a folder for writing. */
export function openForTest(dataDir: string): Promise<WritableSqliteLog> {
  return openSqliteLog({ mode: 'write', dataDir, topics: testTopics });
}

/** A record of one of the four partitions. */
export function recordOf(slot: number, key: string, value: Uint8Array): NewRecord {
  const place = slot === 0 ? { topic: 'connections', partition: 0 } : { topic: 'conversations', partition: slot - 1 };
  return { ...place, key, headers: { ce_id: `id of ${key}`, ce_type: 'chat_events.v1.MessageReceived' }, value };
}

/** A place as text, e.g. to compare what was written with what is read. */
export function placeOf({ topic, partition, offset }: Pick<Appended, 'topic' | 'partition' | 'offset'>): string {
  return `${topic}/${partition}/${offset}`;
}

/** What a record says, as text. */
export function contentOf({ key, headers, value }: NewRecord): string {
  return `${key} ${JSON.stringify(headers)} ${Buffer.from(value).toString('base64')}`;
}

/** Every record of a partition. */
export async function readAll(log: EventLog, topic: string, partition: number): Promise<LogRecord[]> {
  const found: LogRecord[] = [];
  for (;;) {
    const batch = await log.read(topic, partition, (found.at(-1)?.offset ?? -1) + 1, 1_000);
    if (batch.length === 0) return found;
    found.push(...batch);
  }
}

/** Runs statements on the database of a log, past the log. */
export function tamper(dataDir: string, sql: string): void {
  const connection = new DatabaseSync(logFiles(logFolder(dataDir)).database);
  try {
    connection.exec(sql);
  } finally {
    connection.close();
  }
}
