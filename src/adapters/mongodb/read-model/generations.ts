import type { Logger } from '../../../ports/telemetry.ts';
import type { MongoConnection } from '../connection.ts';
import type { Checkpoints } from './checkpoints.ts';
import { type ModelStates, nextState, type Specs, stateOf } from './model-states.ts';
import { Table } from './table.ts';

/** What the handles of one process share. */
export interface Shared {
  readonly connection: MongoConnection;
  readonly prefix: string;
  readonly states: ModelStates;
  readonly checkpoints: Checkpoints;
  readonly logger: Logger | undefined;
  /** This process was the first of a release that makes the model otherwise. */
  readonly onBegun: ((model: string) => void) | undefined;
}

/**
 * Makes the collections of a model with their indexes, in the live generation of those that have their versions, or in one beside those of other
 * releases; resolves to the generation. Several processes may do so at once. Rejects with ReadModelTooNew or ReadModelUnavailable.
 */
export async function register(shared: Shared, model: string, specs: Specs): Promise<number> {
  for (;;) {
    const states = await shared.states.read();
    const known = stateOf(states, model, specs);
    const state = known ?? nextState(states, model);
    // Before anybody may read it: a second process that is about to begin the same one makes the same.
    await createTables(shared, specs, state.live);
    if (specs.every(({ name, version }) => state.versions[name] === version)) return state.live;
    const versions = Object.fromEntries(specs.map(({ name, version }) => [name, version]));
    if (!(await shared.states.replace(state, { ...state, versions: { ...state.versions, ...versions } }))) continue;
    if (known === undefined) shared.onBegun?.(model);
    return state.live;
  }
}

/** Makes the collections of one generation with their indexes. */
export async function createTables({ connection, prefix }: Shared, specs: Specs, generation: number): Promise<void> {
  await Promise.all(specs.map((spec) => new Table(connection, prefix, spec, generation).createIndexes()));
}
