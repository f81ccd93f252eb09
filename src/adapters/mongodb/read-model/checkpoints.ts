import { type Checkpoint, ReadModelReplaced } from '../../../ports/read-model.ts';
import { duplicatesOf, type MongoConnection } from '../connection.ts';

interface CheckpointRow extends Checkpoint {
  readonly _id: string;
  readonly generation: number;
}

/** A checkpoint of one generation of its model. */
export interface PlacedCheckpoint extends Checkpoint {
  readonly generation: number;
}

/** A checkpoint to write. */
export interface CheckpointWrite extends PlacedCheckpoint {
  /** The offset that the writer knows to be stored, from which it continues. 0: none. */
  readonly goesOnFrom: number;
}

/** Those that are asked for in one turn of the event loop, by id. */
interface Gathering {
  readonly ids: Set<string>;
  readonly rows: Promise<ReadonlyMap<string, CheckpointRow>>;
}

/** How far each partition has been folded into each generation of a model: the collection `<prefix>_checkpoints`. */
export class Checkpoints {
  readonly #connection: MongoConnection;
  readonly #name: string;
  #gathering: Gathering | null = null;

  constructor(connection: MongoConnection, prefix: string) {
    this.#connection = connection;
    this.#name = `${prefix}_checkpoints`;
  }

  /**
   * Majority read: no election rolls it back, nor any document written before it. A writer that continued from another one would skip what the election
   * rolled back. It costs a round trip among the servers; progress checks use local reads, and share one with all callers in the same turn of the event
   * loop, since a waiter checks each partition.
   */
  async read(place: Omit<PlacedCheckpoint, 'offset' | 'state'>, isFinal: boolean): Promise<Checkpoint> {
    const { model, topic, partition } = place;
    const row = isFinal ? await this.#finalRow(idOf(place)) : await this.#row(idOf(place));
    return { model, topic, partition, offset: row?.offset ?? 0, state: row?.state ?? null };
  }

  #finalRow(id: string): Promise<CheckpointRow | null> {
    return this.#connection.use((database) =>
      database.collection<CheckpointRow>(this.#name).findOne({ _id: id }, this.#connection.finalRead),
    );
  }

  async #row(id: string): Promise<CheckpointRow | undefined> {
    this.#gathering ??= this.#gather();
    const { ids, rows } = this.#gathering;
    ids.add(id);
    return (await rows).get(id);
  }

  #gather(): Gathering {
    const ids = new Set<string>();
    const rows = new Promise<ReadonlyMap<string, CheckpointRow>>((resolve, reject) => {
      setImmediate(() => {
        this.#gathering = null;
        this.#find([...ids]).then(resolve, reject);
      });
    });
    return { ids, rows };
  }

  async #find(ids: readonly string[]): Promise<ReadonlyMap<string, CheckpointRow>> {
    const filter = { _id: { $in: [...ids] } };
    const rows = await this.#connection.use((database) =>
      database.collection<CheckpointRow>(this.#name).find(filter).toArray(),
    );
    return new Map(rows.map((row) => [row._id, row]));
  }

  /**
   * Only upward: a writer that was held up does not set back what its successor has stored. Rejects as `refuseFallen`.
   */
  async write(checkpoints: readonly CheckpointWrite[]): Promise<void> {
    if (checkpoints.length === 0) return;
    const updates = checkpoints.map(({ goesOnFrom, ...checkpoint }) => {
      const _id = idOf(checkpoint);
      const filter = { _id, offset: { $gte: goesOnFrom, $lt: checkpoint.offset } };
      return { replaceOne: { filter, replacement: { _id, ...checkpoint }, upsert: goesOnFrom === 0 } };
    });
    const stored = await this.#connection.use(async (database) => {
      try {
        const result = await database.collection<CheckpointRow>(this.#name).bulkWrite(updates, { ordered: false });
        return result.matchedCount + result.upsertedCount;
      } catch (error) {
        return updates.length - duplicatesOf(error).length;
      }
    });
    if (stored < checkpoints.length) await this.refuseFallen(checkpoints);
  }

  /**
   * Rejects with ReadModelReplaced when less is stored than the writer goes on from: the database was replaced by an older copy, or an empty
   * one, and a higher offset would hide what that lacks.
   */
  async refuseFallen(checkpoints: readonly CheckpointWrite[]): Promise<void> {
    const known = checkpoints.filter(({ goesOnFrom }) => goesOnFrom > 0);
    if (known.length === 0) return;
    const rows = await this.#find(known.map(idOf));
    const fallen = known.find((checkpoint) => (rows.get(idOf(checkpoint))?.offset ?? 0) < checkpoint.goesOnFrom);
    if (fallen !== undefined)
      throw new ReadModelReplaced(`${idOf(fallen)} is behind ${fallen.goesOnFrom}, where it was`);
  }

  /** Removes those of these generations. */
  async remove(model: string, generations: readonly number[]): Promise<void> {
    const filter = { model, generation: { $in: [...generations] } };
    await this.#connection.use((database) => database.collection<CheckpointRow>(this.#name).deleteMany(filter));
  }

  /** The generations of a model that have any. */
  generations(model: string): Promise<readonly number[]> {
    return this.#connection.use(async (database) => {
      const rows = database.collection<CheckpointRow>(this.#name).find({ model }, { projection: { generation: 1 } });
      return (await rows.toArray()).map(({ generation }) => generation);
    });
  }
}

function idOf({ model, generation, topic, partition }: Omit<PlacedCheckpoint, 'offset' | 'state'>): string {
  return `${model}/${generation}/${topic}/${partition}`;
}
