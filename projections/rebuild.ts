import type { Journal } from '../src/app/journal.ts';
import type { Collection, Document, ReadModelStore } from '../src/ports/read-model.ts';
import { openModel, PartitionFolder, retryNothing } from './partition-folder.ts';
import type { Projection } from './projection.ts';

/** Records read and folded at once. */
const batchRecords = 1_000;

/** Documents compared at once. */
const batchDocuments = 500;

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
  /** Records folded so far, and how many there are. */
  onProgress?(done: number, total: number): void;
  /**
   * Refold only what the live model has folded and compare every document, before going on to the end. Nobody else may write the model
   * meanwhile.
   */
  readonly compare?: boolean;
}

export interface Rebuilt {
  readonly records: number;
  /** The first differences between the model as it was and as the log makes it; empty when not compared. */
  readonly differences: readonly Difference[];
}

/**
 * Folds a model anew from the first record beside the one that is read, then switches to it. Rejects with ReadModelUnavailable,
 * LogUnavailable or LogDamaged; the live model is then as it was.
 */
export async function rebuildModel(options: RebuildOptions): Promise<Rebuilt> {
  const { store, projection } = options;
  openModel(projection, store);
  const places = await placesOf(options);
  const rebuild = await store.rebuild(projection.model);
  const model = openModel(projection, rebuild.store);
  const folders = await Promise.all(
    places.map(({ topic, partition }) => PartitionFolder.resume(model, topic, partition, retryNothing)),
  );
  const progress = new Progress(
    options,
    places.reduce((sum, { end }) => sum + end, 0),
  );
  if (options.compare)
    await foldTo(
      options.journal,
      folders,
      places.map(({ live, end }) => Math.min(live, end)),
      progress,
    );
  const differences = options.compare ? await compareModel(store, rebuild.store, projection.collections) : [];
  await foldTo(
    options.journal,
    folders,
    places.map(({ end }) => end),
    progress,
  );
  await rebuild.activate();
  return { records: progress.done, differences };
}

interface Place {
  readonly topic: string;
  readonly partition: number;
  /** How far the live model is. */
  readonly live: number;
  /** How far the log reaches. */
  readonly end: number;
}

function placesOf({ journal, store, projection }: RebuildOptions): Promise<readonly Place[]> {
  const topic = journal.topics[projection.topic];
  const partitions = Array.from({ length: journal.log.partitions(topic) }, (_, partition) => partition);
  return Promise.all(
    partitions.map(async (partition) => {
      const live = (await store.checkpoint(projection.model, topic, partition)).offset;
      return { topic, partition, live, end: await journal.log.endOffset(topic, partition) };
    }),
  );
}

class Progress {
  readonly #options: RebuildOptions;
  readonly #total: number;
  done = 0;

  constructor(options: RebuildOptions, total: number) {
    this.#options = options;
    this.#total = total;
  }

  add(records: number): void {
    this.done += records;
    this.#options.onProgress?.(this.done, this.#total);
  }
}

async function foldTo(
  journal: Journal,
  folders: readonly PartitionFolder[],
  ends: readonly number[],
  progress: Progress,
): Promise<void> {
  for (const [partition, folder] of folders.entries()) {
    const end = ends[partition] ?? 0;
    while (folder.nextOffset < end) {
      const { topic, nextOffset } = folder;
      const records = await journal.read(topic, partition, nextOffset, Math.min(batchRecords, end - nextOffset));
      if (records.length === 0) throw new Error(`${topic}/${partition} ends at ${nextOffset}, not at ${end}`);
      await folder.fold(records);
      progress.add(records.length);
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
