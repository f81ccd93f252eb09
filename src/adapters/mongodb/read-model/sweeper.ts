import type { Shared } from './generations.ts';
import { generationsPerRelease, keptReleases } from './limits.ts';
import { type ModelState, statesOf } from './model-states.ts';

interface StoredTable {
  readonly table: string;
  readonly generation: number;
}

/**
 * Drops former generations. Who retires one does, and who opens a model to write does too, because processes die in between, and because
 * a writer that was held up may make a collection anew by writing to it.
 */
export class Sweeper {
  readonly #shared: Shared;
  readonly #retiredForMs: number;
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #sweeping = new Set<Promise<void>>();

  constructor(shared: Shared, retiredForMs: number) {
    this.#shared = shared;
    this.#retiredForMs = retiredForMs;
  }

  /** Drops what is retired now, once every read of it has ended. */
  sweepLater(model: string): void {
    if (this.#shared.connection.isClosed) return;
    clearTimeout(this.#timers.get(model));
    const timer = setTimeout(() => this.#begin(model), this.#retiredForMs);
    // Nobody waits for it: the next process to open the model does the same.
    timer.unref();
    this.#timers.set(model, timer);
  }

  /** Drops one generation, which nobody reads. */
  async drop(model: string, generation: number): Promise<void> {
    await this.#drop(model, generation, await this.#stored(statesOf(await this.#shared.states.read(), model)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    await Promise.all(this.#sweeping);
  }

  async #drop(model: string, generation: number, stored: readonly StoredTable[]): Promise<void> {
    const { connection, checkpoints } = this.#shared;
    for (const { table } of stored.filter((each) => each.generation === generation))
      await connection.use((database) => database.collection(table).drop());
    await checkpoints.remove(model, [generation]);
  }

  #begin(model: string): void {
    const sweeping = this.#sweep(model).catch((error: unknown) => {
      this.#shared.logger?.warn({ model, error }, 'former generations of a read model could not be dropped');
    });
    this.#sweeping.add(sweeping);
    void sweeping.finally(() => this.#sweeping.delete(sweeping));
  }

  async #sweep(model: string): Promise<void> {
    const { states, checkpoints, logger } = this.#shared;
    const all = statesOf(await states.read(), model);
    const [retired, kept] = [all.slice(0, -keptReleases), all.slice(-keptReleases)];
    const stored = await this.#stored(all);
    const found = new Set([...stored.map(({ generation }) => generation), ...(await checkpoints.generations(model))]);
    // First, so that nobody begins to read or write what is dropped.
    for (const state of retired) await states.remove(state);
    for (const generation of found) {
      if (isNeeded(generation, kept)) continue;
      // As found before: no state names the collections any more that a retired release alone has.
      await this.#drop(model, generation, stored);
      logger?.info({ model, generation }, 'dropped a former generation of a read model');
    }
  }

  /** All generations of these collections that are there. */
  async #stored(states: readonly ModelState[]): Promise<readonly StoredTable[]> {
    const { connection, prefix } = this.#shared;
    const collections = states.flatMap(({ versions }) => Object.keys(versions));
    const found = await connection.use((database) => database.listCollections({}, { nameOnly: true }).toArray());
    return found.flatMap(({ name: table }) => {
      const [, collection = '', generation] = /^(.+)_(\d+)$/.exec(table) ?? [];
      const isOurs = collections.some((name) => collection === `${prefix}_${name}`);
      return isOurs ? [{ table, generation: Number(generation) }] : [];
    });
  }
}

/** A number past the newest of its release, or of all, is being prepared. */
function isNeeded(generation: number, kept: readonly ModelState[]): boolean {
  const releaseOf = (number: number) => Math.floor(number / generationsPerRelease);
  const own = kept.find(({ newest }) => releaseOf(newest) === releaseOf(generation)) ?? kept.at(-1);
  return own === undefined || [own.live, own.building].includes(generation) || generation > own.newest;
}
