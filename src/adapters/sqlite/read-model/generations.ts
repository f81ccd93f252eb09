import { type CollectionSpec, ReadModelTooNew } from '../../../ports/read-model.ts';
import type { Connection } from './connection.ts';
import { mapSqliteError, StoreDamaged } from './damage.ts';
import { keysUnder, readMeta, removeMeta, writeMeta } from './meta.ts';
import { openToRead } from './open-file.ts';
import { dropTable, Table } from './table.ts';

/** Which generation of a model is read, and the newest one begun. */
interface Generations {
  readonly live: number;
  readonly newest: number;
}

/** A collection as it was when its tables were made. */
interface Registered {
  readonly model: string;
  readonly version: number;
}

/** Begins the key of each collection's version. */
const collectionPrefix = 'collection/';

/** The generation of the model that is read. */
export function liveGeneration(connection: Connection, model: string): number {
  return generationsOf(connection, model).live;
}

/** Makes the collection's table, beginning its model again when the file holds an older version. Throws ReadModelTooNew for a newer one. */
export function register(connection: Connection, spec: CollectionSpec<never>): void {
  const key = collectionPrefix + spec.name;
  const registered = readMeta<Registered>(connection, key);
  if (registered !== undefined && registered.version > spec.version) {
    throw new ReadModelTooNew(
      `${spec.name} has version ${registered.version}; this release knows up to ${spec.version}`,
    );
  }
  if (registered !== undefined && registered.version < spec.version)
    activate(connection, spec.model, begin(connection, spec.model));
  if (registered?.version !== spec.version) writeMeta(connection, key, { model: spec.model, version: spec.version });
  new Table(spec, liveGeneration(connection, spec.model)).create(connection);
}

/** A new generation of the model, without tables yet. One begun earlier and not activated is dropped. */
export function begin(connection: Connection, model: string): number {
  const { live, newest } = generationsOf(connection, model);
  for (let abandoned = live + 1; abandoned <= newest; abandoned++) drop(connection, model, abandoned);
  writeMeta(connection, generationKey(model), { live, newest: newest + 1 });
  return newest + 1;
}

/** Makes it the live one and drops the former. */
export function activate(connection: Connection, model: string, generation: number): void {
  const { live, newest } = generationsOf(connection, model);
  writeMeta(connection, generationKey(model), { live: generation, newest });
  drop(connection, model, live);
}

/** Removes the generation's tables and checkpoints. */
export function drop(connection: Connection, model: string, generation: number): void {
  for (const key of keysUnder(connection, collectionPrefix)) {
    if (readMeta<Registered>(connection, key)?.model !== model) continue;
    dropTable(connection, key.slice(collectionPrefix.length), generation);
  }
  for (const key of keysUnder(connection, `checkpoint/${model}/${generation}/`)) removeMeta(connection, key);
}

/** The key of a checkpoint in the file's own table. */
export function checkpointKey(model: string, generation: number, topic: string, partition: number): string {
  return `checkpoint/${model}/${generation}/${topic}/${partition}`;
}

function generationsOf(connection: Connection, model: string): Generations {
  return readMeta<Generations>(connection, generationKey(model)) ?? { live: 1, newest: 1 };
}

function generationKey(model: string): string {
  return `generation/${model}`;
}

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
