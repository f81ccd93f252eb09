import { crc32 } from 'node:zlib';
import { ReadModelTooNew } from '../../../ports/read-model.ts';
import type { Connection } from './connection.ts';
import { isStatementError, StoreDamaged, statementErrorAsDamage } from './damage.ts';

/**
 * What the file knows about itself: one table of keys and JSON values, each with a checksum, because a flipped bit in a
 * checkpoint would skip events without anybody noticing.
 *
 *     schema                                                version of the tables
 *     tables                                                checksum of the tables' definitions
 *     collection/<name>                                     its model and version
 *     generation/<model>                                    the one that is read, and the newest begun
 *     checkpoint/<model>/<generation>/<topic>/<partition>   offset and state
 */

/** Of this table and the collections' tables. */
const schemaVersion = 1;

export function createMeta(connection: Connection): void {
  connection.transaction(() => {
    connection.database.exec(
      'CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT, checksum INTEGER) WITHOUT ROWID',
    );
    writeMeta(connection, 'schema', schemaVersion);
    sealTables(connection);
  });
}

/** Makes the change, within the transaction that is open. Throws StoreDamaged rather than note damaged definitions as the right ones. */
export function alterTables(connection: Connection, change: () => void): void {
  checkTables(connection);
  change();
  sealTables(connection);
}

/** Notes the tables as they are now. */
export function sealTables(connection: Connection): void {
  writeMeta(connection, 'tables', definitionsChecksum(connection));
}

/** Throws StoreDamaged when the tables are not as they were made: a flipped bit in a column's name would look like a mistake of ours. */
export function checkTables(connection: Connection): void {
  const areAsMade = connection.snapshot(
    () => readMeta<number>(connection, 'tables') === definitionsChecksum(connection),
  );
  if (!areAsMade) throw new StoreDamaged('the tables are not as they were made');
}

/** SQLite reports a damaged schema as an error in the statement. Returns the problem of the schema; if there is none, the error. */
export function definitionDamage(connection: Connection, error: unknown): unknown {
  if (!isStatementError(error)) return error;
  try {
    checkTables(connection);
    return error;
  } catch (found) {
    // The table of keys may be the damaged one.
    return statementErrorAsDamage(found);
  }
}

function definitionsChecksum(connection: Connection): number {
  const rows = connection.prepare('SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema ORDER BY name').all();
  return crc32(JSON.stringify(rows));
}

/** Throws ReadModelTooNew when a later release made the file, StoreDamaged when it is none of ours. */
export function readSchemaVersion(connection: Connection): void {
  const exists = connection.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'meta'").get() !== undefined;
  const version = exists ? readMeta<number>(connection, 'schema') : undefined;
  if (version === undefined) throw new StoreDamaged('the file does not say what it is');
  if (version > schemaVersion) {
    throw new ReadModelTooNew(`the read models' file has schema ${version}; this release knows up to ${schemaVersion}`);
  }
}

/** The value of this key. Throws StoreDamaged when its checksum is wrong. */
export function readMeta<T>(connection: Connection, key: string): T | undefined {
  const row = connection.prepare('SELECT value, checksum FROM meta WHERE key = ?').get(key);
  if (row === undefined) return undefined;
  const value = String(row['value']);
  if (checksumOf(key, value) !== row['checksum']) throw new StoreDamaged(`checksum of ${key}`);
  return JSON.parse(value) as T;
}

export function writeMeta(connection: Connection, key: string, content: unknown): void {
  const value = JSON.stringify(content);
  connection.run('INSERT OR REPLACE INTO meta VALUES (?, ?, ?)', key, value, checksumOf(key, value));
}

/** All keys that begin so. */
export function keysUnder(connection: Connection, prefix: string): readonly string[] {
  const rows = connection.prepare('SELECT key FROM meta WHERE key >= ? AND key < ?').all(prefix, `${prefix}\u{10ffff}`);
  return rows.map((row) => String(row['key']));
}

export function removeMeta(connection: Connection, key: string): void {
  connection.run('DELETE FROM meta WHERE key = ?', key);
}

/** Over a text and what it belongs to: a whole row in the wrong place is damage too. */
export function checksumOf(owner: string, text: string): number {
  return crc32(`${owner}\n${text}`);
}
