import type { Shared } from './generations.ts';
import { stateOf } from './model-states.ts';

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
    const { connection, states, checkpoints } = this.#shared;
    const { versions } = stateOf(await states.read(), model);
    const stored = await this.#stored(Object.keys(versions));
    for (const { table } of stored.filter((each) => each.generation === generation))
      await connection.use((database) => database.collection(table).drop());
    await checkpoints.remove(model, [generation]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    await Promise.all(this.#sweeping);
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
    const { live, newest, building, versions } = stateOf(await states.read(), model);
    const stored = await this.#stored(Object.keys(versions));
    const found = new Set([...stored.map(({ generation }) => generation), ...(await checkpoints.generations(model))]);
    for (const generation of found) {
      // A number past the newest is being prepared.
      if (generation === live || generation === building || generation > newest) continue;
      await this.drop(model, generation);
      logger?.info({ model, generation }, 'dropped a former generation of a read model');
    }
  }

  /** All generations of these collections that are there. */
  async #stored(collections: readonly string[]): Promise<readonly { table: string; generation: number }[]> {
    const { connection, prefix } = this.#shared;
    const found = await connection.use((database) => database.listCollections({}, { nameOnly: true }).toArray());
    return found.flatMap(({ name: table }) => {
      const [, collection = '', generation] = /^(.+)_(\d+)$/.exec(table) ?? [];
      const isOurs = collections.some((name) => collection === `${prefix}_${name}`);
      return isOurs ? [{ table, generation: Number(generation) }] : [];
    });
  }
}
