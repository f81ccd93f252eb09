import type { Journal } from '../../src/app/journal.ts';
import type { Collection, Document, ReadModelStore } from '../../src/ports/read-model.ts';
import type { Projection } from './projection.ts';
import { type OpenModel, openModel, PartitionFolder, type Retry, retryNothing } from './runner.ts';

/** Records read and folded at once. */
const batchRecords = 1_000;

/** Documents compared at once. */
const batchDocuments = 500;

/** With so few records left to fold, the switch is made: they take some milliseconds. */
const nearlyThere = 100;

/** Passes that read the end of the log again: on a log that is folded twice as fast as it grows, ten suffice for any length. */
const maxRounds = 100;

/** Differences that are told: the first ones show what kind they are. */
const maxDifferences = 20;

/** A document that is not the same in two stores. */
export interface Difference {
  readonly collection: string;
  readonly id: string;
  /** As JSON; null when it is not there. */
  readonly old: string | null;
  readonly rebuilt: string | null;
}

export interface RebuildOptions {
  readonly journal: Journal;
  readonly store: ReadModelStore;
  readonly projection: Projection;
  /** Records folded so far, and how many there are by now. */
  onProgress?(done: number, total: number): void;
  /** Refold only what the live model has folded and compare every document, before going on to the end. */
  readonly compare?: boolean;
  /** The log may grow and projectors may run meanwhile. Then only a live model that has everything and stands still is compared. */
  readonly othersWrite?: boolean;
  /** Repeats what store or log cannot do for the moment; without it, that ends the rebuild. */
  readonly retry?: Retry;
}

export interface Rebuilt {
  readonly records: number;
  /** Whether the model as it was and as the log makes it were compared. */
  readonly compared: boolean;
  /** The first differences between them; empty when not compared. */
  readonly differences: readonly Difference[];
}

/** The log grows faster than it is folded. */
export class CannotCatchUp extends Error {
  override readonly name = 'CannotCatchUp';
  readonly retryable = true;
}

/**
 * Folds a model from the first record beside the live one, then switches to it. Running projectors continue with the new one. Rejects with
 * ReadModelUnavailable, LogUnavailable, LogDamaged or CannotCatchUp; the live model is then unchanged.
 */
export async function rebuildModel(options: RebuildOptions): Promise<Rebuilt> {
  const { store, projection } = options;
  openModel(projection, store);
  const partitions = await partitionsOf(options);
  const rebuild = await store.rebuild(projection.model);
  const model = openModel(projection, rebuild.store);
  const refold = await Refold.begin(options, model, partitions);
  const differences = options.compare ? await compared(options, refold, rebuild.store) : undefined;
  await refold.toEnd();
  if (options.othersWrite) {
    // What readers have seen of the one generation they find in the other: from here on there is no more of it.
    await rebuild.hold();
    await refold.toEnd();
  }
  await rebuild.activate();
  return { records: refold.records, compared: differences !== undefined, differences: differences ?? [] };
}

/** undefined when the live model is behind the log or was written meanwhile: what differs then means nothing. */
async function compared(
  options: RebuildOptions,
  refold: Refold,
  rebuilt: ReadModelStore,
): Promise<readonly Difference[] | undefined> {
  const { store, projection, othersWrite = false } = options;
  const before = await partitionsOf(options);
  if (othersWrite && before.some(({ live, end }) => live < end)) return undefined;
  await refold.to(before.map(({ live, end }) => Math.min(live, end)));
  const differences = await compareModel(store, rebuilt, projection.collections);
  if (!othersWrite) return differences;
  const after = await partitionsOf(options);
  return after.every(({ live, end }, partition) => live === before[partition]?.live && live === end)
    ? differences
    : undefined;
}

interface Partition {
  readonly topic: string;
  readonly partition: number;
  /** How far the live model is. */
  readonly live: number;
  /** How far the log reaches. */
  readonly end: number;
}

function partitionsOf({ journal, store, projection }: RebuildOptions): Promise<readonly Partition[]> {
  const topic = journal.topics[projection.topic];
  const partitions = Array.from({ length: journal.log.partitions(topic) }, (_, partition) => partition);
  return Promise.all(
    partitions.map(async (partition) => {
      const live = (await store.checkpoint(projection.model, topic, partition)).offset;
      return { topic, partition, live, end: await journal.log.endOffset(topic, partition) };
    }),
  );
}

/** The fold of a new generation, partition by partition. */
class Refold {
  readonly #options: RebuildOptions;
  readonly #folders: readonly PartitionFolder[];
  #total = 0;
  records = 0;

  private constructor(options: RebuildOptions, folders: readonly PartitionFolder[]) {
    this.#options = options;
    this.#folders = folders;
  }

  static async begin(options: RebuildOptions, model: OpenModel, partitions: readonly Partition[]): Promise<Refold> {
    const folders = await Promise.all(
      partitions.map(({ topic, partition }) =>
        PartitionFolder.resume(model, topic, partition, options.retry ?? retryNothing),
      ),
    );
    const refold = new Refold(options, folders);
    refold.#total = partitions.reduce((sum, { end }) => sum + end, 0);
    return refold;
  }

  /** To the end of the log, which may grow meanwhile: each round has less to do, until so little is left that the switch can be made. */
  async toEnd(): Promise<void> {
    for (let round = 0; round < maxRounds; round += 1) {
      const folded = await this.#toEndAsOfNow();
      if (folded <= nearlyThere || !this.#options.othersWrite) return;
    }
    throw new CannotCatchUp(`the log grows faster than it is folded; ${this.#options.projection.model} is as it was`);
  }

  /** Up to these offsets, partition by partition. Resolves to the number of records folded. */
  async to(ends: readonly number[]): Promise<number> {
    const before = this.records;
    for (const [partition, folder] of this.#folders.entries())
      await this.#fold(partition, folder, ends[partition] ?? 0);
    return this.records - before;
  }

  async #toEndAsOfNow(): Promise<number> {
    const { log } = this.#options.journal;
    const ends = await Promise.all(this.#folders.map((folder, partition) => log.endOffset(folder.topic, partition)));
    this.#total = ends.reduce((sum, end) => sum + end, 0);
    return this.to(ends);
  }

  async #fold(partition: number, folder: PartitionFolder, end: number): Promise<void> {
    const { journal, retry = retryNothing } = this.#options;
    while (folder.nextOffset < end) {
      const { topic, nextOffset } = folder;
      const maxRecords = Math.min(batchRecords, end - nextOffset);
      const records = await retry(() => journal.read(topic, partition, nextOffset, maxRecords));
      if (records.length === 0) throw new Error(`${topic}/${partition} ends at ${nextOffset}, not at ${end}`);
      await folder.fold(records);
      this.records += records.length;
      this.#options.onProgress?.(this.records, this.#total);
    }
  }
}

/** The first documents that differ between two stores, collection by collection. Rejects with ReadModelUnavailable. */
export async function compareModel(
  old: ReadModelStore,
  rebuilt: ReadModelStore,
  collections: Projection['collections'],
): Promise<readonly Difference[]> {
  const differences: Difference[] = [];
  for (const spec of collections) {
    for await (const difference of differencesOf(spec.name, old.collection(spec), rebuilt.collection(spec))) {
      differences.push(difference);
      if (differences.length === maxDifferences) return differences;
    }
  }
  return differences;
}

/** What the old one has, against the rebuilt one; then what only the rebuilt one has. */
async function* differencesOf(
  collection: string,
  old: Collection<Document>,
  rebuilt: Collection<Document>,
): AsyncGenerator<Difference> {
  for await (const { documents, counterparts } of sideBySide(old, rebuilt)) {
    for (const { id, document } of documents) {
      const ours = canonicalJson(document);
      const counterpart = counterparts.get(id);
      const theirs = counterpart === undefined ? null : canonicalJson(counterpart.document);
      if (ours !== theirs) yield { collection, id, old: ours, rebuilt: theirs };
    }
  }
  for await (const { documents, counterparts } of sideBySide(rebuilt, old)) {
    for (const { id, document } of documents) {
      if (!counterparts.has(id)) yield { collection, id, old: null, rebuilt: canonicalJson(document) };
    }
  }
}

/** All documents of one collection, with those of the same ids in another, some at a time. */
async function* sideBySide(from: Collection<Document>, other: Collection<Document>) {
  for (let afterId = ''; ; ) {
    const documents = await from.scan(afterId, batchDocuments);
    const last = documents.at(-1);
    if (last === undefined) return;
    yield { documents, counterparts: await other.load(documents.map(({ id }) => id)) };
    afterId = last.id;
  }
}

/** The same text for the same value, in whatever order its fields were written. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([left], [right]) => (left < right ? -1 : 1)))
      : inner,
  );
}
