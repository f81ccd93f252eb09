import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Checkpoint,
  type Collection,
  type CollectionSpec,
  type Document,
  type DocumentWrite,
  ReadModelReplaced,
  type ReadModelStore,
  ReadModelTooNew,
  ReadModelUnavailable,
  type Rebuild,
} from '../../../ports/read-model.ts';
import type { Logger } from '../../../ports/telemetry.ts';
import { MongoConnection } from '../connection.ts';
import { Checkpoints, type CheckpointWrite } from './checkpoints.ts';
import { createTables, register, type Shared } from './generations.ts';
import { GroupWrites } from './group-writes.ts';
import { holdSettleMs, longestHoldMs, maxPoolSize, retiredForMs } from './limits.ts';
import { type ModelState, ModelStates, type ModelStatesById, stateOf } from './model-states.ts';
import { Sweeper } from './sweeper.ts';
import { Table } from './table.ts';

export interface MongoReadModelsOptions {
  readonly uri: string;
  /** Begins the name of every collection. */
  readonly prefix: string;
  readonly mode: Mode;
  /** Instead of the database that the URI names; when neither is there it is that of the prefix. */
  readonly database?: string;
  readonly logger?: Logger;
  /** The model is of another release so far: this handle begins to make it anew, beside it. */
  readonly onBegun?: (model: string) => void;
  /** How long documents of a former generation stay, for reads that have begun. Default: longer than any read takes. */
  readonly retiredForMs?: number;
}

/** Handles that write make collections, indexes and generations; those that read change nothing. */
type Mode = 'read' | 'write';

/**
 * Read models in MongoDB, in single-document atomic operations, without transactions. Connects at the first use, so that a process starts without the
 * server. Any number of processes may write, each partition from one of them. Collections of several versions are kept side by side: each handle works on
 * those of its own, and a handle that only reads gets ReadModelUnavailable until they are there. Throws the driver's error for an invalid URI.
 */
export async function openMongoReadModels(options: MongoReadModelsOptions): Promise<ReadModelStore> {
  const { uri, prefix, mode, database, logger, onBegun } = options;
  const connection = new MongoConnection({
    uri,
    fallbackDatabase: prefix,
    maxPoolSize,
    Unavailable: ReadModelUnavailable,
    ...(database !== undefined && { database }),
  });
  const states = new ModelStates(connection, prefix);
  const shared = { connection, prefix, states, checkpoints: new Checkpoints(connection, prefix), logger, onBegun };
  return new MongoReadModels(shared, mode, new Sweeper(shared, options.retiredForMs ?? retiredForMs), null);
}

/** A generation that a rebuild works on. */
interface Beside {
  readonly model: string;
  readonly generation: number;
}

class MongoReadModels implements ReadModelStore {
  readonly #shared: Shared;
  readonly #mode: Mode;
  readonly #sweeper: Sweeper;
  readonly #beside: Beside | null;
  readonly #specs = new Map<string, CollectionSpec<never>>();
  /** Of a handle that writes: the generations it keeps to, since its collections were last asked for. */
  readonly #pins = new Map<string, Promise<number>>();
  /** Of a handle that reads: the generations it last read. */
  readonly #lastRead = new Map<string, number>();
  /** Of a handle that writes: the highest offset that it has read or written as the checkpoint of each place, by model. */
  readonly #checkpoints = new Map<string, Map<string, number>>();
  /** By the names of the models written: that one of them was replaced is then true for all who wrote together. */
  readonly #groups = new Map<string, GroupWrites>();
  /** Of a handle that writes: since when (monotonic, milliseconds) it has been held for the sake of which generation. */
  readonly #held = new Map<string, { readonly generation: number; readonly sinceMs: number }>();

  constructor(shared: Shared, mode: Mode, sweeper: Sweeper, beside: Beside | null) {
    this.#shared = shared;
    this.#mode = mode;
    this.#sweeper = sweeper;
    this.#beside = beside;
  }

  collection<D extends Document>(spec: CollectionSpec<D>): Collection<D> {
    const known = this.#specs.get(spec.name)?.version ?? 0;
    if (known > spec.version) throw new ReadModelTooNew(`${spec.name} has version ${known}, not ${spec.version}`);
    this.#specs.set(spec.name, spec as CollectionSpec<never>);
    this.#pins.delete(spec.model);
    this.#checkpoints.delete(spec.model);
    const read = <T>(work: (table: Table<D>) => Promise<T>): Promise<T> =>
      this.#read(spec.model, (generation) => work(this.#table(spec, generation)));
    return {
      get: (id) => read((table) => table.get(id)),
      load: (ids) => read((table) => table.load(ids)),
      page: (query) => read((table) => table.page(query)),
      search: async (query) => {
        if (spec.search === undefined || query.words.length + (query.beginnings ?? []).length === 0)
          throw new RangeError(`${spec.name}: a search needs an index of words, and a word`);
        return read((table) => table.search(query));
      },
      scan: (afterId, limit) => read((table) => table.scan(afterId, limit)),
      count: (index, equals) => read((table) => table.count(index, equals)),
      sum: (index, equals, field) => read((table) => table.sum(index, equals, field)),
    };
  }

  async apply(writes: readonly DocumentWrite[], checkpoints: readonly Checkpoint[]): Promise<void> {
    this.#requireWriter();
    const models = new Set(writes.map(({ collection }) => this.#specOf(collection).model));
    for (const { model } of checkpoints) models.add(model);
    const name = [...models].sort().join();
    const group = this.#groups.get(name) ?? new GroupWrites((...what) => this.#write(models, ...what));
    this.#groups.set(name, group);
    await group.add(writes, checkpoints);
  }

  async #write(
    models: ReadonlySet<string>,
    writes: readonly DocumentWrite[],
    checkpoints: readonly Checkpoint[],
  ): Promise<void> {
    const specs = new Map(writes.map(({ collection }) => [collection, this.#specOf(collection)]));
    const generations = await this.#generations(models);
    const generationOf = (model: string) => generations.get(model) ?? 0;
    const placed = checkpoints.map((checkpoint): CheckpointWrite => {
      const goesOnFrom = this.#knownOf(checkpoint.model).get(placeOf(checkpoint)) ?? 0;
      return { ...checkpoint, generation: generationOf(checkpoint.model), goesOnFrom };
    });
    // Before the documents, too: one of a later offset, folded on top of an older copy, would keep out what that lacks.
    await this.#shared.checkpoints.refuseFallen(placed);
    const written = [...specs.values()].map((spec) =>
      this.#table(spec, generationOf(spec.model)).write(newestOf(writes, spec.name)),
    );
    await Promise.all(written);
    await this.#shared.checkpoints.write(placed);
    for (const checkpoint of checkpoints) this.#note(checkpoint);
  }

  #note(checkpoint: Checkpoint): void {
    const known = this.#knownOf(checkpoint.model);
    known.set(placeOf(checkpoint), Math.max(checkpoint.offset, known.get(placeOf(checkpoint)) ?? 0));
  }

  #knownOf(model: string): Map<string, number> {
    const known = this.#checkpoints.get(model) ?? new Map<string, number>();
    this.#checkpoints.set(model, known);
    return known;
  }

  async checkpoint(model: string, topic: string, partition: number): Promise<Checkpoint> {
    const isFinal = this.#mode === 'write';
    const checkpoint = await this.#read(model, (generation) =>
      this.#shared.checkpoints.read({ model, generation, topic, partition }, isFinal),
    );
    if (isFinal) this.#note(checkpoint);
    return checkpoint;
  }

  async rebuild(model: string): Promise<Rebuild> {
    this.#requireWriter();
    await this.#pinned(model);
    const { states } = this.#shared;
    const specs = this.#specsOf(model);
    const { generation, abandoned } = await states.begin(model, specs);
    if (abandoned !== null) await this.#sweeper.drop(model, abandoned);
    return {
      store: new MongoReadModels(this.#shared, this.#mode, this.#sweeper, { model, generation }),
      hold: async () => {
        await states.hold(model, specs, generation);
        await sleep(holdSettleMs);
      },
      activate: async () => {
        await states.activate(model, specs, generation);
        this.#sweeper.sweepLater(model);
      },
      discard: async () => {
        await states.discard(model, specs, generation);
        await this.#sweeper.drop(model, generation);
      },
    };
  }

  /** There is nothing to do: what is removed is gone from every answer at once, and when its bytes go is the database's matter. */
  async scrub(): Promise<boolean> {
    if (this.#shared.connection.isClosed) throw new ReadModelUnavailable('closed');
    return true;
  }

  /** Closes the connection; of a rebuild's store, nothing. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#beside !== null) return;
    await this.#sweeper[Symbol.asyncDispose]();
    await this.#shared.connection[Symbol.asyncDispose]();
  }

  /**
   * Reads the generation that it is to read. Which one that is is asked at the same time, and nearly always the same as before; if not, the
   * read is repeated. Documents of a former generation are there until every read has ended that began before the switch.
   */
  async #read<T>(model: string, work: (generation: number) => Promise<T>): Promise<T> {
    const expected = this.#mode === 'write' ? await this.#pinned(model) : this.#lastRead.get(model);
    const [states, answer] = await Promise.allSettled([
      this.#shared.states.read(),
      expected === undefined ? undefined : work(expected),
    ]);
    const generation = this.#checked(model, expected, resultOf(states));
    return generation === expected ? (resultOf(answer) as T) : work(generation);
  }

  /** Of several models, to write. */
  async #generations(models: ReadonlySet<string>): Promise<ReadonlyMap<string, number>> {
    const pins = await Promise.all([...models].map(async (model) => [model, await this.#pinned(model)] as const));
    const states = await this.#shared.states.read();
    for (const [model, pin] of pins) this.#refuseHeld(model, pin, this.#stateOf(model, states));
    return new Map(pins.map(([model, pin]) => [model, this.#checked(model, pin, states)]));
  }

  #stateOf(model: string, states: ModelStatesById): ModelState | undefined {
    return stateOf(states, model, this.#specsOf(model));
  }

  /** The generation to work on. Throws ReadModelReplaced or ReadModelUnavailable. */
  #checked(model: string, expected: number | undefined, states: ModelStatesById): number {
    const state = this.#stateOf(model, states);
    if (this.#mode === 'read') {
      if (state === undefined)
        throw new ReadModelUnavailable(`${model} is of another release until a projector of this one begins it`);
      this.#lastRead.set(model, state.live);
      return state.live;
    }
    const isBuilt = this.#beside?.model === model && state?.building === expected;
    if (state === undefined || !(expected === undefined || state.live === expected || isBuilt))
      throw new ReadModelReplaced(`${model} has another generation`);
    return expected ?? state.live;
  }

  /** Whoever holds the writers of the live generation and dies holds them for so long at most. */
  #refuseHeld(model: string, pin: number | undefined, state: ModelState | undefined): void {
    const holding = state?.holding ?? null;
    if (holding === null || pin !== state?.live) return;
    const known = this.#held.get(model);
    const held = known?.generation === holding ? known : { generation: holding, sinceMs: performance.now() };
    this.#held.set(model, held);
    if (performance.now() - held.sinceMs < longestHoldMs)
      throw new ReadModelUnavailable(`${model} is about to change over to another generation`);
  }

  /** The generation that this handle writes, found or made at its first use. Without collections of the model it keeps to none. */
  #pinned(model: string): Promise<number | undefined> {
    if (this.#specsOf(model).length === 0) return Promise.resolve(undefined);
    const known = this.#pins.get(model);
    if (known !== undefined) return known;
    const pin = this.#open(model);
    this.#pins.set(model, pin);
    pin.catch(() => {
      if (this.#pins.get(model) === pin) this.#pins.delete(model);
    });
    return pin;
  }

  async #open(model: string): Promise<number> {
    const specs = this.#specsOf(model);
    if (this.#beside?.model === model) {
      await createTables(this.#shared, specs, this.#beside.generation);
      return this.#beside.generation;
    }
    const generation = await register(this.#shared, model, specs);
    this.#sweeper.sweepLater(model);
    return generation;
  }

  #requireWriter(): void {
    if (this.#mode === 'read') throw new Error('this handle only reads');
  }

  #table<D extends Document>(spec: CollectionSpec<D>, generation: number): Table<D> {
    return new Table(this.#shared.connection, this.#shared.prefix, spec, generation);
  }

  #specsOf(model: string): readonly CollectionSpec<never>[] {
    return [...this.#specs.values()].filter((spec) => spec.model === model);
  }

  #specOf(collection: string): CollectionSpec<never> {
    const spec = this.#specs.get(collection);
    if (spec === undefined) throw new Error(`unknown collection ${collection}`);
    return spec;
  }
}

function placeOf({ topic, partition }: Checkpoint): string {
  return `${topic}/${partition}`;
}

/** The writes to one collection, of each document the last. The order in which a call's writes are done is the server's. */
function newestOf(writes: readonly DocumentWrite[], collection: string): readonly DocumentWrite[] {
  const newest = new Map<string, DocumentWrite>();
  for (const write of writes) {
    if (write.collection !== collection) continue;
    const other = newest.get(write.id);
    if (other === undefined || other.offset < write.offset) newest.set(write.id, write);
  }
  return [...newest.values()];
}

function resultOf<T>(settled: PromiseSettledResult<T>): T {
  if (settled.status === 'rejected') throw settled.reason;
  return settled.value;
}
