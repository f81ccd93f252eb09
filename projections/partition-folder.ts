import { type JournalEntry, nameOfPlace } from '../src/app/journal.ts';
import type { ParleyEvent } from '../src/ports/event-codec.ts';
import type {
  Checkpoint,
  Collection,
  Document,
  DocumentWrite,
  Place,
  ReadModelStore,
} from '../src/ports/read-model.ts';
import { type DeadLetterDocument, deadLettersSpec, deadLetterWrite, replayedWrite } from './dead-letters.ts';
import type { Entry, Projection, Purge } from './projection.ts';
import { WorkingSet } from './working-set.ts';

/** Documents purged at once: of a conversation of any length, few are in memory. */
const purgeBatch = 500;

/** A projection with its collections in a store. */
export interface OpenModel {
  readonly projection: Projection;
  readonly store: ReadModelStore;
  readonly collections: ReadonlyMap<string, Collection<Document>>;
  /** What could not be decoded, of all models. */
  readonly parked: Collection<DeadLetterDocument>;
}

/** Opens the model's collections. Until this is done again its folders work on one generation of it. Throws as `collection` does. */
export function openModel(projection: Projection, store: ReadModelStore): OpenModel {
  const parked = store.collection(deadLettersSpec);
  const collections = new Map<string, Collection<Document>>();
  for (const spec of projection.collections) collections.set(spec.name, store.collection(spec));
  return { projection, store, collections, parked };
}

/** Repeats store operations that fail for the moment. */
export type Retry = <T>(work: () => Promise<T>) => Promise<T>;

export const retryNothing: Retry = (work) => work();

/** Folds the records of one partition into one model, batch by batch. After a rejection it must not be used again. */
export class PartitionFolder {
  readonly #projection: Projection;
  readonly #store: ReadModelStore;
  readonly #collections: OpenModel['collections'];
  readonly #parked: OpenModel['parked'];
  readonly #retry: Retry;
  readonly #documents: WorkingSet;
  #checkpoint: Checkpoint;
  #hasPurged = false;

  private constructor({ projection, store, collections, parked }: OpenModel, retry: Retry, checkpoint: Checkpoint) {
    this.#projection = projection;
    this.#store = store;
    this.#collections = collections;
    this.#parked = parked;
    this.#retry = retry;
    this.#checkpoint = checkpoint;
    this.#documents = new WorkingSet(collections);
  }

  /** Continues from the store's checkpoint. Rejects as the store does. */
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

  /** Whether something was purged since the last call: the store is to be scrubbed. */
  takePurged(): boolean {
    const hasPurged = this.#hasPurged;
    this.#hasPurged = false;
    return hasPurged;
  }

  /** Folds the records, which follow those folded before; resolves to those that had to be parked once everything is stored. */
  async fold(records: readonly JournalEntry[]): Promise<readonly DeadLetterDocument[]> {
    const parked: DeadLetterDocument[] = [];
    let begin = 0;
    for (const [index, record] of records.entries()) {
      const purges = this.#purgesOf(record);
      if (purges.length === 0) continue;
      // Earlier changes are stored first: then all that is to be purged is in the store, and nowhere else.
      parked.push(...(await this.#foldTogether(records.slice(begin, index))));
      this.#hasPurged = true;
      for (const purge of purges) await this.#purge(purge, record.offset);
      begin = index;
    }
    parked.push(...(await this.#foldTogether(records.slice(begin))));
    return parked;
  }

  async #foldTogether(records: readonly JournalEntry[]): Promise<readonly DeadLetterDocument[]> {
    const last = records.at(-1);
    if (last === undefined) return [];
    const entries = records.flatMap((record) => entryOf(record));
    const parked = records.flatMap((record) => this.#parkedOf(record));
    const state = await this.#foldEntries(entries);
    const checkpoint = { ...this.#checkpoint, offset: last.offset + 1, state };
    const replayed = await this.#replayedIn(records, parked);
    const writes = [...this.#documents.takeWrites(), ...parked.map(deadLetterWrite), ...replayed];
    await this.#retry(() => this.#store.apply(writes, [checkpoint]));
    this.#checkpoint = checkpoint;
    return parked;
  }

  #purgesOf({ decoded }: JournalEntry): readonly Purge[] {
    return decoded.kind === 'event' ? (this.#projection.purges?.(decoded.event) ?? []) : [];
  }

  /** The checkpoint stays: a fold that continues from it purges again, which is idempotent. */
  async #purge(purge: Purge, offset: number): Promise<void> {
    const { collection, index, equals } = purge;
    const stored = this.#collections.get(collection);
    if (stored === undefined) throw new Error(`the projection has no collection ${collection}`);
    for (let after: Place | undefined; ; ) {
      const query = { index, equals, limit: purgeBatch, ...(after && { after }) };
      const found = await this.#retry(() => stored.page(query));
      const last = found.at(-1);
      if (last === undefined) return;
      after = purge.placeOf(last);
      const keys = found.map((document) => ({ collection, id: purge.placeOf(document).id }));
      await this.#retry(() => this.#documents.load(keys));
      for (const { id } of keys)
        this.#documents.update(collection, id, offset, (before) => before && purge.remains(before));
      const writes = this.#documents.takeWrites();
      if (writes.length > 0) await this.#retry(() => this.#store.apply(writes, []));
    }
  }

  async #foldEntries(entries: readonly Entry<ParleyEvent>[]): Promise<Document | null> {
    const { state, partition } = this.#checkpoint;
    const touched = entries.flatMap(({ event }) => this.#projection.touches(event, partition));
    await this.#retry(() => this.#documents.load(touched));
    return this.#projection.fold(state, entries, partition, this.#documents);
  }

  /** The parked records in whose stead one of these was appended. What was replayed but never parked is of no concern here. */
  async #replayedIn(
    records: readonly JournalEntry[],
    deadLettersBefore: readonly DeadLetterDocument[],
  ): Promise<readonly DocumentWrite[]> {
    const writes: DocumentWrite[] = [];
    for (const record of records) {
      const { replayOf } = record;
      if (replayOf === undefined) continue;
      const parked =
        deadLettersBefore.find((document) => nameOfPlace(document) === replayOf) ??
        (await this.#retry(() => this.#parked.get(replayOf)));
      const { topic, partition } = this.#checkpoint;
      // A document is only ever written from its own partition.
      if (parked?.topic === topic && parked.partition === partition) writes.push(replayedWrite(parked, record));
    }
    return writes;
  }

  #parkedOf({ decoded, offset, timeMs }: JournalEntry): readonly DeadLetterDocument[] {
    if (decoded.kind !== 'undecodable') return [];
    const { topic, partition } = this.#checkpoint;
    return [{ topic, partition, offset, timeMs, reason: decoded.reason }];
  }
}

/** Unknown events, of a later release, are skipped. */
function entryOf({ decoded, offset, timeMs }: JournalEntry): readonly Entry<ParleyEvent>[] {
  return decoded.kind === 'event' ? [{ event: decoded.event, offset, timeMs }] : [];
}
