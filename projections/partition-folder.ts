import type { JournalEntry } from '../src/app/journal.ts';
import type { ParleyEvent } from '../src/ports/event-codec.ts';
import type { Checkpoint, Collection, Document, DocumentWrite, ReadModelStore } from '../src/ports/read-model.ts';
import { type ParkedDocument, parkedSpec, parkedWrite } from './parked.ts';
import type { Entry, Projection } from './projection.ts';
import { WorkingSet } from './working-set.ts';

/** A projection with its collections in a store. */
export interface OpenModel {
  readonly projection: Projection;
  readonly store: ReadModelStore;
  readonly collections: ReadonlyMap<string, Collection<Document>>;
}

/** Opens the model's collections. Until this is done again its folders work on one generation of it. Throws as `collection` does. */
export function openModel(projection: Projection, store: ReadModelStore): OpenModel {
  store.collection(parkedSpec);
  const collections = new Map<string, Collection<Document>>();
  for (const spec of projection.collections) collections.set(spec.name, store.collection(spec));
  return { projection, store, collections };
}

/** Repeats store operations that fail for the moment. */
export type Retry = <T>(work: () => Promise<T>) => Promise<T>;

export const retryNothing: Retry = (work) => work();

/** Folds the records of one partition into one model, batch by batch. After a rejection it must not be used again. */
export class PartitionFolder {
  readonly #projection: Projection;
  readonly #store: ReadModelStore;
  readonly #retry: Retry;
  readonly #documents: WorkingSet;
  #checkpoint: Checkpoint;

  private constructor({ projection, store, collections }: OpenModel, retry: Retry, checkpoint: Checkpoint) {
    this.#projection = projection;
    this.#store = store;
    this.#retry = retry;
    this.#checkpoint = checkpoint;
    this.#documents = new WorkingSet(collections);
  }

  /** Goes on where the store stands. Rejects as the store does. */
  static async resume(model: OpenModel, topic: string, partition: number, retry: Retry): Promise<PartitionFolder> {
    const checkpoint = await retry(() => model.store.checkpoint(model.projection.model, topic, partition));
    return new PartitionFolder(model, retry, checkpoint);
  }

  get topic(): string {
    return this.#checkpoint.topic;
  }

  /** The offset of the next record needed. */
  get nextOffset(): number {
    return this.#checkpoint.offset;
  }

  /** Folds the records, which follow those folded before; resolves to those that had to be parked once everything is stored. */
  async fold(records: readonly JournalEntry[]): Promise<readonly ParkedDocument[]> {
    const last = records.at(-1);
    if (last === undefined) return [];
    const entries = records.flatMap((record) => entryOf(record));
    const parked = records.flatMap((record) => this.#parkedOf(record));
    const state = await this.#foldEntries(entries);
    const checkpoint = { ...this.#checkpoint, offset: last.offset + 1, state };
    const writes: readonly DocumentWrite[] = [...this.#documents.takeWrites(), ...parked.map(parkedWrite)];
    await this.#retry(() => this.#store.apply(writes, [checkpoint]));
    this.#checkpoint = checkpoint;
    return parked;
  }

  async #foldEntries(entries: readonly Entry<ParleyEvent>[]): Promise<Document | null> {
    const { state, partition } = this.#checkpoint;
    const touched = entries.flatMap(({ event }) => this.#projection.touches(event, partition));
    await this.#retry(() => this.#documents.load(touched));
    return this.#projection.fold(state, entries, partition, this.#documents);
  }

  #parkedOf({ decoded, offset, timeMs }: JournalEntry): readonly ParkedDocument[] {
    if (decoded.kind !== 'undecodable') return [];
    const { topic, partition } = this.#checkpoint;
    return [{ topic, partition, offset, timeMs, reason: decoded.reason }];
  }
}

/** Unknown events, of a later release, are skipped. */
function entryOf({ decoded, offset, timeMs }: JournalEntry): readonly Entry<ParleyEvent>[] {
  return decoded.kind === 'event' ? [{ event: decoded.event, offset, timeMs }] : [];
}
