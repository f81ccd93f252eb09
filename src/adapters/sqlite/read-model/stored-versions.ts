import { mapSqliteError, StoreDamaged } from './damage.ts';
import { collectionPrefix, type Registered } from './generations.ts';
import { keysUnder, readMeta } from './meta.ts';
import { openToRead } from './open-file.ts';

/**
 * The version of each collection in the file, by its name; empty when there is no file, null when it is damaged. Throws
 * ReadModelUnavailable or ReadModelTooNew.
 */
export function storedCollectionVersions(path: string): ReadonlyMap<string, number> | null {
  try {
    return versionsIn(path);
  } catch (error) {
    const mapped = mapSqliteError(error);
    if (mapped instanceof StoreDamaged) return null;
    throw mapped;
  }
}

function versionsIn(path: string): ReadonlyMap<string, number> {
  const connection = openToRead(path);
  if (connection === null) return new Map();
  try {
    const versions = keysUnder(connection, collectionPrefix).map((key): [string, number] => [
      key.slice(collectionPrefix.length),
      readMeta<Registered>(connection, key)?.version ?? 0,
    ]);
    return new Map(versions);
  } finally {
    connection.close();
  }
}
