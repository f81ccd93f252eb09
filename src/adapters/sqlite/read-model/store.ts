import type {
  Checkpoint,
  Collection,
  CollectionSpec,
  Document,
  DocumentWrite,
  ReadModelStore,
  Rebuild,
  Stored,
} from '../../../ports/read-model.ts';
import { ReadModelReplaced, ReadModelUnavailable } from '../../../ports/read-model.ts';
import type { Connection } from './connection.ts';
import { isMissingTable } from './damage.ts';
import { type FileOptions, StoreFile } from './file.ts';
import { activate, begin, checkpointKey, drop, liveGeneration, register } from './generations.ts';
import { GroupCommit } from './group-commit.ts';
import { readMeta, writeMeta } from './meta.ts';
import { truncateLog } from './open-file.ts';
import { Table } from './table.ts';
import { WordChanges } from './word-index.ts';

/**
 * Read models in one SQLite file. WAL, not synced at each commit: after a power cut the file is whole and a little older, and
 * what is missing is folded again from the log. A damaged file is renamed and a new one begun. Throws ReadModelUnavailable or ReadModelTooNew.
 */
export function openSqliteReadModels(options: FileOptions): SqliteReadModels {
  return new SqliteReadModels(new StoreFile(options), null);
}

/** A generation that a rebuild works on. */
interface Beside {
  readonly model: string;
  readonly generation: number;
}

/** Work on one collection's table. */
type TableWork<D extends Document, T> = (connection: Connection, table: Table<D>) => T;

/** Reads are synchronous behind the asynchronous port: microseconds, where a hop to another thread would cost more. */
export class SqliteReadModels implements ReadModelStore {
  readonly #file: StoreFile;
  readonly #beside: Beside | null;
  readonly #specs = new Map<string, CollectionSpec<never>>();
  readonly #tables = new Map<string, Table<never>>();
  /** The live generations that this handle has been writing. */
  readonly #pinned = new Map<string, number>();
  readonly #commits = new GroupCommit((work) => this.#writeDocuments(work));
  /** Of the transaction that documents are written in. */
  #changes = new WordChanges();
  #epoch: number;

  constructor(file: StoreFile, beside: Beside | null) {
    this.#file = file;
    this.#beside = beside;
    this.#epoch = file.epoch;
  }

  collection<D extends Document>(spec: CollectionSpec<D>): Collection<D> {
    this.#specs.set(spec.name, spec as CollectionSpec<never>);
    if (this.#file.mode === 'write') this.#register(spec as CollectionSpec<never>);
    const read = <T>(absent: T, work: TableWork<D, T>): T => this.#read(spec, work, absent);
    return {
      get: async (id) => read(null, (connection, table) => table.get(connection, id)?.document ?? null),
      load: async (ids) =>
        read<ReadonlyMap<string, Stored<D>>>(new Map(), (connection, table) => loadAll(connection, table, ids)),
      search: async (query) => {
        if (spec.search === undefined || query.words.length + (query.beginnings ?? []).length === 0)
          throw new RangeError(`${spec.name}: a search needs an index of words, and a word`);
        return read([], (connection, table) => table.search(connection, query));
      },
      page: async (query) => read([], (connection, table) => table.page(connection, query)),
      scan: async (afterId, limit) => read([], (connection, table) => table.scan(connection, afterId, limit)),
      count: async (index, equals) => read(0, (connection, table) => table.count(connection, index, equals)),
      sum: async (index, equals, field) => read(0, (connection, table) => table.sum(connection, index, equals, field)),
    };
  }

  async apply(writes: readonly DocumentWrite[], checkpoints: readonly Checkpoint[]): Promise<void> {
    return this.#commits.add(() => this.#store(writes, checkpoints));
  }

  async checkpoint(model: string, topic: string, partition: number): Promise<Checkpoint> {
    return this.#use((connection) => {
      const stored =
        connection &&
        readMeta<Pick<Checkpoint, 'offset' | 'state'>>(
          connection,
          checkpointKey(model, this.#generation(connection, model), topic, partition),
        );
      return { model, topic, partition, ...(stored ?? { offset: 0, state: null }) };
    });
  }

  async rebuild(model: string): Promise<Rebuild> {
    const generation = this.#write((connection) => begin(connection, model));
    return {
      store: new SqliteReadModels(this.#file, { model, generation }),
      // Nobody else writes: the data folder is locked.
      hold: async () => undefined,
      activate: async () => this.#write((connection) => activate(connection, model, generation)),
      discard: async () => this.#write((connection) => drop(connection, model, generation)),
    };
  }

  /** Another file took the place of the one that was written, and the collections were not asked for since. */
  get isReplaced(): boolean {
    return this.#file.epoch !== this.#epoch;
  }

  async scrub(): Promise<boolean> {
    return this.#use((connection) => connection === null || truncateLog(connection));
  }

  /** Sets this file aside, because a reader found it damaged, and begins a new one. Further use is ReadModelReplaced. */
  replaceDamaged(inode: number): void {
    this.#file.replaceDamaged(inode);
  }

  /** Closes the file; of a rebuild's store, nothing. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#beside === null) this.#file.close();
  }

  #read<D extends Document, T>(spec: CollectionSpec<D>, work: TableWork<D, T>, absent: T): T {
    return this.#use((connection) => {
      if (connection === null) return absent;
      const read = () => work(connection, this.#tableOf(connection, spec));
      if (this.#file.mode === 'write') return orMissing(read, replaced);
      // The writer may just have switched to another generation and dropped this one: then the next is there.
      return orMissing(read, () => orMissing(read, () => absent));
    });
  }

  #store(writes: readonly DocumentWrite[], checkpoints: readonly Checkpoint[]): void {
    this.#write((connection) => {
      // Within a transaction no generation changes: each is looked up once.
      const tables = new Map<string, Table<never>>();
      for (const { collection, id, document, offset } of writes) {
        const table = tables.get(collection) ?? this.#tableOf(connection, this.#specOf(collection));
        tables.set(collection, table);
        if (document === null) table.remove(connection, id, offset, this.#changes);
        else table.write(connection, id, offset, document, this.#changes);
      }
      for (const { model, topic, partition, offset, state } of checkpoints) {
        writeMeta(connection, checkpointKey(model, this.#generation(connection, model), topic, partition), {
          offset,
          state,
        });
      }
    });
  }

  #writeDocuments(work: () => void): void {
    this.#write((connection) => {
      this.#changes = new WordChanges();
      work();
      this.#changes.apply(connection);
    });
  }

  #write<T>(work: (connection: Connection) => T): T {
    return this.#use((connection) => {
      if (connection === null) throw new ReadModelUnavailable('closed');
      return connection.database.isTransaction ? work(connection) : connection.transaction(() => work(connection));
    });
  }

  /** Nothing that was known of a file holds for the one that took its place. */
  #use<T>(work: (connection: Connection | null) => T): T {
    if (this.isReplaced) throw new ReadModelReplaced('another file took the place of the one that was written');
    return this.#file.use(work);
  }

  #register(spec: CollectionSpec<never>): void {
    if (this.#beside === null && this.#epoch !== this.#file.epoch) {
      this.#pinned.clear();
      this.#epoch = this.#file.epoch;
    }
    this.#write((connection) => {
      if (spec.model === this.#beside?.model) new Table(spec, this.#beside.generation).create(connection);
      else register(connection, spec);
      this.#pinned.set(spec.model, liveGeneration(connection, spec.model));
    });
  }

  /** Of the generation to work on. A writer's own is dropped when another becomes live, so that it need look only when it writes. */
  #tableOf<D extends Document>(connection: Connection, spec: CollectionSpec<D>): Table<D> {
    const pinned = connection.database.isTransaction ? undefined : this.#pinned.get(spec.model);
    const isBeside = this.#beside?.model === spec.model;
    const generation = isBeside || pinned === undefined ? this.#generation(connection, spec.model) : pinned;
    const key = `${spec.name} ${generation}`;
    const table = this.#tables.get(key) ?? new Table(spec, generation);
    this.#tables.set(key, table as Table<never>);
    return table as Table<D>;
  }

  #specOf(collection: string): CollectionSpec<never> {
    const spec = this.#specs.get(collection);
    if (spec === undefined) throw new Error(`unknown collection ${collection}`);
    return spec;
  }

  /** The generation to work on. A writer keeps to the one it began with. */
  #generation(connection: Connection, model: string): number {
    if (model === this.#beside?.model) return this.#beside.generation;
    const live = liveGeneration(connection, model);
    if (live === (this.#pinned.get(model) ?? live)) return live;
    throw new ReadModelReplaced(`${model} has another generation`);
  }
}

function loadAll<D extends Document>(
  connection: Connection,
  table: Table<D>,
  ids: readonly string[],
): ReadonlyMap<string, Stored<D>> {
  const found = new Map<string, Stored<D>>();
  for (const id of ids) {
    const stored = table.get(connection, id);
    if (stored !== null) found.set(id, stored);
  }
  return found;
}

function replaced(): never {
  throw new ReadModelReplaced('the generation was dropped');
}

function orMissing<T>(read: () => T, otherwise: () => T): T {
  try {
    return read();
  } catch (error) {
    if (isMissingTable(error)) return otherwise();
    throw error;
  }
}
