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
  type Stored,
} from '../../../ports/read-model.ts';
import { frozenDocument } from './frozen-document.ts';
import { MemoryTable } from './memory-table.ts';
import { checkpointKey, type Generation, type ModelState } from './model-state.ts';

/** How long writers let themselves be held: who rebuilds has some hundred records to fold meanwhile, or has died. */
const longestHoldMs = 5_000;

/** What a handle needs of the server. */
export interface SharedReadModels {
  readonly epoch: number;
  readonly interrupt: ((writes: DocumentWrite[]) => number | undefined) | undefined;
  model(name: string): ModelState;
  nowMs(): number;
}

/** A generation that a rebuild works on. */
interface Beside {
  readonly model: string;
  readonly generation: number;
  readonly epoch: number;
}

/** The generation of a model that a writer keeps to. */
interface Pin {
  readonly generation: number;
  readonly epoch: number;
}

/** What a reader finds where nobody has written. */
const nothing = new MemoryTable();

/** Read models as one process has them. */
export class MemoryReadModelHandle implements ReadModelStore {
  readonly #server: SharedReadModels;
  readonly #mode: 'read' | 'write';
  readonly #beside: Beside | null;
  /** Shared by a handle and the stores of its rebuilds. */
  readonly #state: { isClosed: boolean };
  readonly #specs = new Map<string, CollectionSpec<never>>();
  readonly #pins = new Map<string, Pin>();
  /** Of a handle that writes: the highest offset that it has read or written as the checkpoint of each place, by model. */
  readonly #checkpoints = new Map<string, Map<string, number>>();

  constructor(server: SharedReadModels, mode: 'read' | 'write', beside: Beside | null, state: { isClosed: boolean }) {
    this.#server = server;
    this.#mode = mode;
    this.#beside = beside;
    this.#state = state;
  }

  collection<D extends Document>(spec: CollectionSpec<D>): Collection<D> {
    const untyped = spec as unknown as CollectionSpec<never>;
    if (this.#mode === 'write') this.#register(untyped);
    this.#specs.set(spec.name, untyped);
    const table = () => this.#tableToRead(untyped);
    return {
      get: async (id) => (table().stored(id)?.document ?? null) as D | null,
      load: async (ids) => loadAll(table(), ids) as ReadonlyMap<string, Stored<D>>,
      page: async (query) => table().page(untyped, query) as readonly D[],
      search: async (query) => {
        if (untyped.search === undefined || query.words.length + (query.beginnings ?? []).length === 0)
          throw new RangeError(`${spec.name}: a search needs an index of words, and a word`);
        return table().search(untyped.search, query) as readonly D[];
      },
      scan: async (afterId, limit) => table().scan(afterId, limit) as readonly Stored<D>[],
      count: async (index, equals) => table().count(untyped, index, equals),
      sum: async (index, equals, field) => table().sum(untyped, index, equals, field),
    };
  }

  async apply(writes: readonly DocumentWrite[], checkpoints: readonly Checkpoint[]): Promise<void> {
    this.#assertWrites();
    const models = new Set([
      ...writes.map((write) => this.#specOf(write).model),
      ...checkpoints.map(({ model }) => model),
    ]);
    const generations = new Map([...models].map((model) => [model, this.#generationToWrite(model)]));
    for (const checkpoint of checkpoints) this.#assertNotFallen(generations.get(checkpoint.model), checkpoint);
    const ordered = [...writes];
    const written = this.#server.interrupt?.(ordered);
    for (const write of ordered.slice(0, written))
      generations.get(this.#specOf(write).model)?.table(write.collection).write(write);
    if (written !== undefined) throw new ReadModelUnavailable('interrupted');
    for (const checkpoint of checkpoints) {
      const generation = generations.get(checkpoint.model);
      if (generation === undefined) continue;
      raise(generation.checkpoints, checkpoint);
      this.#note(checkpoint);
    }
  }

  async checkpoint(model: string, topic: string, partition: number): Promise<Checkpoint> {
    const stored = this.#generation(model).checkpoints.get(checkpointKey(topic, partition));
    const checkpoint = stored ?? { model, topic, partition, offset: 0, state: null };
    if (this.#mode === 'write') this.#note(checkpoint);
    return checkpoint;
  }

  async rebuild(model: string): Promise<Rebuild> {
    this.#assertWrites();
    const { epoch } = this.#server;
    const generation = this.#server.model(model).begin();
    /** Of a store that began again meanwhile, nothing is there any more. */
    const state = (): ModelState => {
      this.#assertOpen();
      if (epoch !== this.#server.epoch) throw new ReadModelReplaced('the store began again');
      return this.#server.model(model);
    };
    return {
      store: new MemoryReadModelHandle(this.#server, 'write', { model, generation, epoch }, this.#state),
      hold: async () => state().hold(generation, this.#server.nowMs()),
      activate: async () => state().activate(generation),
      discard: async () => state().discard(generation),
    };
  }

  async scrub(): Promise<boolean> {
    this.#assertOpen();
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#beside === null) this.#state.isClosed = true;
  }

  /**
   * Throws ReadModelReplaced when less is stored than this writer goes on from: the store was replaced by an older copy, or an empty one. A higher
   * offset would hide what that lacks, and so would a document of a later offset that was folded on top of it.
   */
  #assertNotFallen(generation: Generation | undefined, { model, topic, partition }: Checkpoint): void {
    const key = checkpointKey(topic, partition);
    if ((generation?.checkpoints.get(key)?.offset ?? 0) < (this.#knownOf(model).get(key) ?? 0))
      throw new ReadModelReplaced(`${model} of ${topic}/${partition} is behind what was stored`);
  }

  #note({ model, topic, partition, offset }: Checkpoint): void {
    const known = this.#knownOf(model);
    const key = checkpointKey(topic, partition);
    known.set(key, Math.max(offset, known.get(key) ?? 0));
  }

  #knownOf(model: string): Map<string, number> {
    const known = this.#checkpoints.get(model) ?? new Map<string, number>();
    this.#checkpoints.set(model, known);
    return known;
  }

  #register(spec: CollectionSpec<never>): void {
    this.#assertOpen();
    const { model, name } = spec;
    this.#checkpoints.delete(model);
    if (model === this.#beside?.model) {
      this.#generation(model).table(name);
      return;
    }
    const state = this.#server.model(model);
    state.register(spec);
    this.#pins.set(model, { generation: state.live, epoch: this.#server.epoch });
  }

  #tableToRead(spec: CollectionSpec<never>): MemoryTable {
    const generation = this.#generation(spec.model);
    if (this.#mode === 'read') refuseOtherVersion(this.#server.model(spec.model), spec);
    return generation.tables.get(spec.name) ?? nothing;
  }

  #generationToWrite(model: string): Generation {
    const generation = this.#generation(model);
    const { heldSinceMs } = this.#server.model(model);
    const isHeld = heldSinceMs !== null && this.#server.nowMs() - heldSinceMs < longestHoldMs;
    if (isHeld && model !== this.#beside?.model)
      throw new ReadModelUnavailable(`${model} is about to change over to another generation`);
    return generation;
  }

  /** The generation to work on. Throws ReadModelReplaced when a writer's own is not there, or not the live one, any more. */
  #generation(model: string): Generation {
    this.#assertOpen();
    const state = this.#server.model(model);
    const pin = model === this.#beside?.model ? this.#beside : this.#pins.get(model);
    const generation = state.generations.get(pin?.generation ?? state.live);
    const isAllowed = pin === undefined || pin === this.#beside || pin.generation === state.live;
    if (generation === undefined || !isAllowed || (pin !== undefined && pin.epoch !== this.#server.epoch))
      throw new ReadModelReplaced(`${model} has another generation`);
    return generation;
  }

  #specOf({ collection }: DocumentWrite): CollectionSpec<never> {
    const spec = this.#specs.get(collection);
    if (spec === undefined) throw new Error(`unknown collection ${collection}`);
    return spec;
  }

  #assertWrites(): void {
    this.#assertOpen();
    if (this.#mode === 'read') throw new TypeError('this handle only reads');
  }

  #assertOpen(): void {
    if (this.#state.isClosed) throw new ReadModelUnavailable('closed');
  }
}

function loadAll(table: MemoryTable, ids: readonly string[]): ReadonlyMap<string, Stored<Document>> {
  return new Map(ids.flatMap((id) => table.stored(id) ?? []).map((stored) => [stored.id, stored]));
}

/** Only upward: a writer that was held up does not set back what its successor has stored. */
function raise(checkpoints: Map<string, Checkpoint>, { model, topic, partition, offset, state }: Checkpoint): void {
  const key = checkpointKey(topic, partition);
  if ((checkpoints.get(key)?.offset ?? -1) >= offset) return;
  const own = state === null ? null : frozenDocument(state);
  checkpoints.set(key, Object.freeze({ model, topic, partition, offset, state: own }));
}

/** A reader can read documents of its own release only. */
function refuseOtherVersion({ versions }: ModelState, { name, version }: CollectionSpec<never>): void {
  const stored = versions.get(name) ?? version;
  if (stored > version) throw new ReadModelTooNew(`${name} has version ${stored}; this release knows up to ${version}`);
  if (stored < version)
    throw new ReadModelUnavailable(`${name} is of an earlier release until a projector of this one begins it again`);
}
