import {
  type CollectionSpec,
  ReadModelReplaced,
  ReadModelTooNew,
  ReadModelUnavailable,
} from '../../../ports/read-model.ts';
import { isDuplicate, type MongoConnection } from '../connection.ts';
import { generationsPerRelease, maxChangeAttempts } from './limits.ts';

/** Of the documents' layout. */
const format = 1;

/**
 * The live generation of a model, as one release makes it. One document, so that a switch is atomic. Releases that make other collections of a model
 * each have a state of their own, with generations of their own: so processes of the former one go on while an upgrade replaces them.
 */
export interface ModelState {
  /** Of the document: the model, and for all but the first release that made it `@` and where its generations begin. */
  readonly id: string;
  readonly live: number;
  /** The newest begun. Numbers are not used again. */
  readonly newest: number;
  /** The one that a rebuild works on. */
  readonly building: number | null;
  /** The generation that is about to be made the live one: meanwhile nobody writes the one that still is. */
  readonly holding?: number | null;
  /** Of the live generation's collections, by name. */
  readonly versions: Readonly<Record<string, number>>;
  /** Counts the changes; 0: never written. */
  readonly revision: number;
}

export type Specs = readonly CollectionSpec<never>[];

export type ModelStatesById = ReadonlyMap<string, ModelState>;

interface ModelRow extends Omit<ModelState, 'id'> {
  readonly _id: string;
  readonly format: number;
}

const nothingBuilt = { building: null, holding: null, versions: {}, revision: 0 };

/** What is known of the models, for all handles: the collection `<prefix>_models`. */
export class ModelStates {
  readonly #connection: MongoConnection;
  readonly #name: string;
  #next: Promise<ModelStatesById> | null = null;

  constructor(connection: MongoConnection, prefix: string) {
    this.#connection = connection;
    this.#name = `${prefix}_models`;
  }

  /**
   * All states as they are, not before this call: whoever calls in the same turn of the event loop shares one question. Rejects with
   * ReadModelUnavailable or ReadModelTooNew.
   */
  read(): Promise<ModelStatesById> {
    this.#next ??= new Promise((resolve, reject) => {
      setImmediate(() => {
        this.#next = null;
        this.#load().then(resolve, reject);
      });
    });
    return this.#next;
  }

  /** Stores the new state unless somebody has changed the former one: false then. */
  async replace({ id, revision }: ModelState, next: ModelState): Promise<boolean> {
    const { id: _, ...state } = next;
    const row = { ...state, format, revision: revision + 1 };
    return this.#connection.use(async (database) => {
      const models = database.collection<ModelRow>(this.#name);
      try {
        const options = { upsert: revision === 0 };
        const { matchedCount, upsertedCount } = await models.replaceOne({ _id: id, revision }, row, options);
        return matchedCount + upsertedCount === 1;
      } catch (error) {
        if (isDuplicate(error)) return false;
        throw error;
      }
    });
  }

  /** Removes the state of a release, unless somebody has changed it. Its generations are then nobody's. */
  async remove({ id, revision }: ModelState): Promise<void> {
    await this.#connection.use((database) =>
      database.collection<ModelRow>(this.#name).deleteOne({ _id: id, revision }),
    );
  }

  /** Begins a generation beside the live one; resolves to its number and that of the one which is given up for it. */
  async begin(
    model: string,
    specs: Specs,
  ): Promise<{ readonly generation: number; readonly abandoned: number | null }> {
    const { newest, building } = await this.#change(model, specs, (state) => ({
      ...state,
      newest: state.newest + 1,
      building: state.newest + 1,
      holding: null,
    }));
    return { generation: newest + 1, abandoned: building };
  }

  /** Keeps writers from the live generation until the one that is built is made live or dropped. Rejects as `activate`. */
  async hold(model: string, specs: Specs, generation: number): Promise<void> {
    await this.#change(model, specs, (state) => {
      if (state.holding === generation) return null;
      if (state.building !== generation) throw new ReadModelReplaced(`${model} is rebuilt by somebody else`);
      return { ...state, holding: generation };
    });
  }

  /** Makes the generation that is built the live one. Rejects with ReadModelReplaced when another is built by now, or was made live. */
  async activate(model: string, specs: Specs, generation: number): Promise<void> {
    await this.#change(model, specs, (state) => {
      // An attempt whose answer was lost.
      if (state.live === generation) return null;
      if (state.building !== generation) throw new ReadModelReplaced(`${model} is rebuilt by somebody else`);
      return { ...state, live: generation, building: null, holding: null };
    });
  }

  /** Nobody may make it the live one any more. */
  async discard(model: string, specs: Specs, generation: number): Promise<void> {
    await this.#change(model, specs, (state) =>
      state.building === generation ? { ...state, building: null, holding: null } : null,
    );
  }

  /** Resolves to the state that was changed. */
  async #change(model: string, specs: Specs, change: (state: ModelState) => ModelState | null): Promise<ModelState> {
    for (let attempt = 0; attempt < maxChangeAttempts; attempt += 1) {
      const state = stateOf(await this.read(), model, specs);
      if (state === undefined) throw new ReadModelReplaced(`${model} of this release is no longer kept`);
      const next = change(state);
      if (next === null || (await this.replace(state, next))) return state;
    }
    throw new ReadModelUnavailable(`too many others change the generation of ${model}`);
  }

  async #load(): Promise<ModelStatesById> {
    const rows = await this.#connection.use((database) => database.collection<ModelRow>(this.#name).find().toArray());
    for (const { _id, format: found } of rows) {
      if (found > format)
        throw new ReadModelTooNew(`${_id} has the layout ${found}; this release knows up to ${format}`);
    }
    return new Map(rows.map(({ _id: id, ...state }) => [id, { ...state, id }]));
  }
}

/** All states of a model, the one that was begun last at the end. */
export function statesOf(states: ModelStatesById, model: string): readonly ModelState[] {
  const own = [...states.values()].filter(({ id }) => id === model || id.startsWith(`${model}@`));
  return own.sort((left, right) => left.newest - right.newest);
}

/** The state of the model that has these collections, in these versions; undefined while there are only those of other releases. */
export function stateOf(states: ModelStatesById, model: string, specs: Specs): ModelState | undefined {
  const known = statesOf(states, model);
  if (known.length === 0) return { ...nothingBuilt, id: model, live: 1, newest: 1 };
  return known.findLast(({ versions }) => specs.every(({ name, version }) => (versions[name] ?? version) === version));
}

/** The state of a release that makes other collections of the model than all before: nobody has written it yet. */
export function nextState(states: ModelStatesById, model: string): ModelState {
  const newest = statesOf(states, model).at(-1)?.newest ?? 0;
  const begin = (Math.floor(newest / generationsPerRelease) + 1) * generationsPerRelease;
  return { ...nothingBuilt, id: `${model}@${begin}`, live: begin + 1, newest: begin + 1 };
}
