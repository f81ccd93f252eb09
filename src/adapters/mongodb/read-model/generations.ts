import { type CollectionSpec, ReadModelTooNew } from '../../../ports/read-model.ts';
import type { Logger } from '../../../ports/telemetry.ts';
import type { MongoConnection } from '../connection.ts';
import type { Checkpoints } from './checkpoints.ts';
import { type ModelState, type ModelStates, stateOf } from './model-states.ts';
import { Table } from './table.ts';

/** What the handles of one process share. */
export interface Shared {
  readonly connection: MongoConnection;
  readonly prefix: string;
  readonly states: ModelStates;
  readonly checkpoints: Checkpoints;
  readonly logger: Logger | undefined;
}

type Specs = readonly CollectionSpec<never>[];

/**
 * Makes the collections of a model with their indexes, in the live generation, or in a new one when they are of an older version; resolves
 * to the generation. Several processes may do so at once. Rejects with ReadModelTooNew or ReadModelUnavailable.
 */
export async function register(shared: Shared, model: string, specs: Specs): Promise<number> {
  for (;;) {
    const state = stateOf(await shared.states.read(), model);
    refuseNewer(state, specs);
    const isOlder = specs.some(({ name, version }) => (state.versions[name] ?? version) < version);
    const generation = isOlder ? state.newest + 1 : state.live;
    // Before anybody may read it: a second process that is about to begin the same one makes the same.
    await createTables(shared, specs, generation);
    const registered = specs.map(({ name, version }): [string, number] => [name, version]);
    if (registered.every(([name, version]) => state.versions[name] === version)) return generation;
    const versions = { ...state.versions, ...Object.fromEntries(registered) };
    const begunAgain = { live: generation, newest: generation, building: null, holding: null };
    const next = { ...state, versions, ...(isOlder && begunAgain) };
    if (!(await shared.states.replace(model, state, next))) continue;
    if (isOlder)
      shared.logger?.info({ model, generation }, 'a read model is rebuilt: this release has another version of it');
    return generation;
  }
}

/** Makes the collections of one generation with their indexes. */
export async function createTables({ connection, prefix }: Shared, specs: Specs, generation: number): Promise<void> {
  await Promise.all(specs.map((spec) => new Table(connection, prefix, spec, generation).createIndexes()));
}

/** Throws ReadModelTooNew when one of the collections was made by a later release. */
export function refuseNewer({ versions }: ModelState, specs: Specs): void {
  for (const { name, version } of specs) {
    const stored = versions[name] ?? 0;
    if (stored > version)
      throw new ReadModelTooNew(`${name} has version ${stored}; this release knows up to ${version}`);
  }
}
