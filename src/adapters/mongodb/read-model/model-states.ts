import { ReadModelReplaced, ReadModelTooNew, ReadModelUnavailable } from '../../../ports/read-model.ts';
import { isDuplicate, type MongoConnection } from '../connection.ts';
import { maxChangeAttempts } from './limits.ts';

/** Of the documents' layout. */
const format = 1;

/** The live generation of a model. One document, so that a switch is atomic. */
export interface ModelState {
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

export type ModelStatesById = ReadonlyMap<string, ModelState>;

interface ModelRow extends ModelState {
  readonly _id: string;
  readonly format: number;
}

const initialState: ModelState = { live: 1, newest: 1, building: null, versions: {}, revision: 0 };

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
  async replace(model: string, former: ModelState, next: Omit<ModelState, 'revision'>): Promise<boolean> {
    const { revision } = former;
    const row = { ...next, format, revision: revision + 1 };
    return this.#connection.use(async (database) => {
      const models = database.collection<ModelRow>(this.#name);
      try {
        const options = { upsert: revision === 0 };
        const { matchedCount, upsertedCount } = await models.replaceOne({ _id: model, revision }, row, options);
        return matchedCount + upsertedCount === 1;
      } catch (error) {
        if (isDuplicate(error)) return false;
        throw error;
      }
    });
  }

  /** Begins a generation beside the live one; resolves to its number and that of the one which is given up for it. */
  async begin(model: string): Promise<{ readonly generation: number; readonly abandoned: number | null }> {
    const { newest, building } = await this.#change(model, (state) => ({
      ...state,
      newest: state.newest + 1,
      building: state.newest + 1,
      holding: null,
    }));
    return { generation: newest + 1, abandoned: building };
  }

  /** Keeps writers from the live generation until the one that is built is made live or dropped. Rejects as `activate`. */
  async hold(model: string, generation: number): Promise<void> {
    await this.#change(model, (state) => {
      if (state.holding === generation) return null;
      if (state.building !== generation) throw new ReadModelReplaced(`${model} is rebuilt by somebody else`);
      return { ...state, holding: generation };
    });
  }

  /** Makes the generation that is built the live one. Rejects with ReadModelReplaced when another is built by now, or was made live. */
  async activate(model: string, generation: number): Promise<void> {
    await this.#change(model, (state) => {
      // An attempt whose answer was lost.
      if (state.live === generation) return null;
      if (state.building !== generation) throw new ReadModelReplaced(`${model} is rebuilt by somebody else`);
      return { ...state, live: generation, building: null, holding: null };
    });
  }

  /** Nobody may make it the live one any more. */
  async discard(model: string, generation: number): Promise<void> {
    await this.#change(model, (state) =>
      state.building === generation ? { ...state, building: null, holding: null } : null,
    );
  }

  /** Resolves to the state that was changed. */
  async #change(model: string, change: (state: ModelState) => ModelState | null): Promise<ModelState> {
    for (let attempt = 0; attempt < maxChangeAttempts; attempt += 1) {
      const state = stateOf(await this.read(), model);
      const next = change(state);
      if (next === null || (await this.replace(model, state, next))) return state;
    }
    throw new ReadModelUnavailable(`too many others change the generation of ${model}`);
  }

  async #load(): Promise<ModelStatesById> {
    const rows = await this.#connection.use((database) => database.collection<ModelRow>(this.#name).find().toArray());
    for (const { _id, format: found } of rows) {
      if (found > format)
        throw new ReadModelTooNew(`${_id} has the layout ${found}; this release knows up to ${format}`);
    }
    return new Map(rows.map(({ _id, ...state }) => [_id, state]));
  }
}

/** The state of this model, whether or not anybody wrote it. */
export function stateOf(states: ModelStatesById, model: string): ModelState {
  return states.get(model) ?? initialState;
}
