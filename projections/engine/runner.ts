import { type Journal, type JournalEntry, nameOfPlace } from '../../src/app/journal.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { ParleyEvent } from '../../src/ports/event-codec.ts';
import { LogTruncated, LogUnavailable } from '../../src/ports/event-log.ts';
import {
  type Checkpoint,
  type Collection,
  type Document,
  type DocumentWrite,
  type Place,
  ReadModelReplaced,
  type ReadModelStore,
  ReadModelUnavailable,
} from '../../src/ports/read-model.ts';
import { type DeadLetterDocument, deadLettersSpec, deadLetterWrite, replayedWrite } from './dead-letters.ts';
import { Pace } from './pace.ts';
import type { DocumentKey, Documents, Entry, Projection, Purge } from './projection.ts';

/** Records folded and stored together at most: more makes the store's transaction long and a write no cheaper. */
const maxBatch = 1_000;

/** Waits before the store or the log is tried again: doubled from the first to the longest. */
const firstRetryMs = 50;
const longestRetryMs = 2_000;

/** Batches smaller than this wait a little for company; larger ones are worth a transaction of their own. */
const smallBatch = 100;

/** How often a projector looks whether its model was rebuilt elsewhere, or its store began again, and has what was removed scrubbed. */
const watchMs = 1_000;

export interface ProjectorOptions {
  readonly journal: Journal;
  readonly store: ReadModelStore;
  readonly projections: readonly Projection[];
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Which partitions are this projector's; without it, all are. */
  readonly isOwn?: (topic: string, partition: number) => boolean;
  /** Gathers small batches under load; without it, everything is folded at once. Models with an interval of their own keep to that. */
  readonly pace?: Pace;
  /** The model holds everything of the partition before this offset. It may fall, when a model begins again. */
  onProgress?(model: string, topic: string, partition: number, nextOffset: number): void;
  /** A record could not be decoded and was put aside. */
  onDeadLetter?(parked: DeadLetterDocument): void;
  /** Store or log could not be used and will be tried again. */
  onRetry?(error: Error): void;
  /** The log is shorter than what the model was made from: the model begins again, empty. */
  onTruncated?(model: string, error: LogTruncated): void;
  /** This partition of this model goes no further, e.g. at a damaged record; the others go on. */
  onFault?(model: string, topic: string, partition: number, error: unknown): void;
}

/**
 * Keeps the read models up with the log until the signal aborts; resolves then. What fails for the moment is repeated, nothing is
 * skipped. When a model begins again (rebuilt, damaged, or ahead of a log that was replaced) all go on from their checkpoints.
 */
export async function runProjector(options: ProjectorOptions): Promise<void> {
  while (!options.signal.aborted) {
    try {
      await runUntilReplaced(options);
    } catch (error) {
      if (!options.signal.aborted && !(error instanceof ReadModelReplaced)) throw error;
    }
  }
}

/** What the partitions leave for the watch to do. */
interface Upkeep {
  /** Something was removed that may still be in the store's files; at first, before the last start. */
  unscrubbed: boolean;
  /** By place: how far it was folded when that was last reported. */
  readonly reached: Map<ModelPartition, number>;
}

interface ModelPartition {
  readonly model: OpenModel;
  readonly topic: string;
  readonly partition: number;
}

/** Ends when the signal aborts, or when one of the models began again. */
async function runUntilReplaced(options: ProjectorOptions): Promise<void> {
  const over = new AbortController();
  const signal = AbortSignal.any([options.signal, over.signal]);
  const retry = retrying(options, signal);
  const models = await retry(async () => options.projections.map((projection) => openModel(projection, options.store)));
  const upkeep: Upkeep = { unscrubbed: true, reached: new Map() };
  const places = models.flatMap((model) => placesOf(options, model));
  const tasks = [
    ...places.map((place) => keepUp(options, place, upkeep, signal)),
    ...models.map((model) => watch(options, model, upkeep, signal)),
  ];
  const endAll = (error: unknown) => {
    over.abort();
    if (!(error instanceof ReadModelReplaced)) throw error;
  };
  await Promise.all(tasks.map((task) => task.catch(endAll)));
}

function placesOf({ journal, isOwn = () => true }: ProjectorOptions, model: OpenModel): readonly ModelPartition[] {
  const topic = journal.topics[model.projection.topic];
  const partitions = Array.from({ length: journal.log.partitions(topic) }, (_, partition) => partition);
  return partitions.filter((partition) => isOwn(topic, partition)).map((partition) => ({ model, topic, partition }));
}

/** Folds one partition until the signal aborts. Rejects only with ReadModelReplaced. */
async function keepUp(
  options: ProjectorOptions,
  place: ModelPartition,
  upkeep: Upkeep,
  signal: AbortSignal,
): Promise<void> {
  const { model, topic, partition } = place;
  const { projection } = model;
  try {
    const retry = retrying(options, signal);
    const pace = paceOf(options, projection);
    const folder = await PartitionFolder.resume(model, topic, partition, retry);
    // Before anybody is told that the model has come so far.
    const end = await retry(() => options.journal.log.endOffset(topic, partition));
    if (folder.nextOffset > end) throw new LogTruncated(topic, partition, folder.nextOffset, end);
    report(options, place, folder, upkeep);
    await retry(async () => {
      for await (const records of options.journal.tail(topic, partition, folder.nextOffset, signal)) {
        const begunMs = options.clock.monotonicMs();
        await foldInBatches(options, place, folder, records, upkeep);
        if (folder.takePurged()) upkeep.unscrubbed = true;
        await pace(records, options.clock.monotonicMs() - begunMs, signal);
      }
    });
  } catch (error) {
    if (error instanceof LogTruncated && !signal.aborted) return beginAgain(options, place, error, signal);
    if (error instanceof ReadModelReplaced) throw error;
    if (!signal.aborted) options.onFault?.(projection.model, topic, partition, error);
  }
}

/** What is waited for after a batch that took so long to fold. Who is far behind does not wait. */
type AfterBatch = (batch: readonly JournalEntry[], workMs: number, signal: AbortSignal) => Promise<void>;

function paceOf({ clock, pace }: ProjectorOptions, { leastIntervalMs }: Projection): AfterBatch {
  if (pace === undefined) return async () => {};
  if (leastIntervalMs === undefined)
    return async ({ length }, workMs, signal) => {
      if (length < smallBatch) await pace.turn(signal, workMs);
    };
  const own = new Pace(clock, leastIntervalMs, () => false);
  return async (batch, _workMs, signal) => {
    // What was written while a clock was ahead is as old as any other.
    const ageMs = Math.abs(clock.nowMs() - (batch.at(-1)?.timeMs ?? 0));
    if (ageMs < leastIntervalMs) await own.turn(signal);
  };
}

async function foldInBatches(
  options: ProjectorOptions,
  place: ModelPartition,
  folder: PartitionFolder,
  records: readonly JournalEntry[],
  upkeep: Upkeep,
): Promise<void> {
  for (let start = 0; start < records.length; start += maxBatch) {
    const parked = await folder.fold(records.slice(start, start + maxBatch));
    if (reportsDeadLetters(options, place.model)) for (const document of parked) options.onDeadLetter?.(document);
    report(options, place, folder, upkeep);
  }
}

/** Each model of a topic meets, and parks, the same records: the first one reports them. */
function reportsDeadLetters({ projections }: ProjectorOptions, { projection }: OpenModel): boolean {
  return projections.find(({ topic }) => topic === projection.topic) === projection;
}

function report(
  options: ProjectorOptions,
  place: ModelPartition,
  { nextOffset }: PartitionFolder,
  upkeep: Upkeep,
): void {
  upkeep.reached.set(place, nextOffset);
  options.onProgress?.(place.model.projection.model, place.topic, place.partition, nextOffset);
}

/** A model that knows more than the log was made from another log, or from what this one has lost. Rejects with ReadModelReplaced. */
async function beginAgain(
  options: ProjectorOptions,
  place: ModelPartition,
  error: LogTruncated,
  signal: AbortSignal,
): Promise<void> {
  const { model } = place.model.projection;
  options.onTruncated?.(model, error);
  // Before readers find the empty generation: nobody is to take what it lacks for what never was.
  for (const { topic, partition } of placesOf(options, place.model)) options.onProgress?.(model, topic, partition, 0);
  try {
    await retrying(options, signal)(async () => (await options.store.rebuild(model)).activate());
  } catch (failure) {
    if (!signal.aborted) throw failure;
  }
  throw new ReadModelReplaced(`${model} was ahead of the log`, { cause: error });
}

/** Any use of a store tells when the model began again. What was removed leaves the store's files meanwhile, once for all that came together. */
async function watch(options: ProjectorOptions, model: OpenModel, upkeep: Upkeep, signal: AbortSignal): Promise<void> {
  const retry = retrying(options, signal);
  while (!signal.aborted) {
    try {
      await options.clock.sleep(watchMs, signal);
      await retry(() => refuseFallen(options.store, model, upkeep));
      if (upkeep.unscrubbed) {
        upkeep.unscrubbed = false;
        if (!(await retry(() => options.store.scrub()))) upkeep.unscrubbed = true;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

/** Rejects with ReadModelReplaced when less is stored than was: the store was replaced by an older copy, or an empty one. */
async function refuseFallen(store: ReadModelStore, model: OpenModel, { reached }: Upkeep): Promise<void> {
  const { model: name } = model.projection;
  await store.checkpoint(name, '', 0);
  const own = [...reached].filter(([place]) => place.model === model);
  const isFallen = own.map(async ([{ topic, partition }, offset]) => {
    return (await store.checkpoint(name, topic, partition)).offset < offset;
  });
  if ((await Promise.all(isFallen)).includes(true)) throw new ReadModelReplaced(`${name} lost what was stored`);
}

/** Repeats while store or log are unavailable, with growing waits; rejects with other errors, and when the signal aborts. */
function retrying(options: ProjectorOptions, signal: AbortSignal): Retry {
  return async (work) => {
    for (let waitMs = firstRetryMs; ; waitMs = Math.min(2 * waitMs, longestRetryMs)) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof ReadModelUnavailable || error instanceof LogUnavailable)) throw error;
        options.onRetry?.(error);
        await options.clock.sleep(waitMs, signal);
      }
    }
  };
}

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
      // What comes before is stored first: what is to be purged is then in the store, and nowhere else.
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

  /** The checkpoint stays: whoever goes on from it purges again, and finds less to do. */
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
    const after = this.#projection.fold(state, entries, partition, this.#documents);
    await this.#retry(() => this.#documents.updateNow());
    return after;
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

/**
 * Documents of each collection kept in memory between batches of a partition, some 1 KB each: those of busy conversations, four times as many
 * as a partition has in processing. The others are loaded again.
 */
const maxKept = 200;

/** Position of a document that is not there: before every event. */
const nowhere = -1;

interface Held {
  readonly key: DocumentKey;
  document: Document | null;
  offset: number;
  changed: boolean;
  /** It is not in the store yet. */
  isNew: boolean;
}

/** An update that waits for its document. */
interface Later {
  readonly key: DocumentKey;
  readonly offset: number;
  readonly project: (before: never) => Document;
}

/** One partition's documents in memory: loaded before a batch is folded, written after it. Several events make one write. */
export class WorkingSet implements Documents {
  readonly #collections: ReadonlyMap<
    string,
    { readonly stored: Collection<Document>; readonly held: Map<string, Held> }
  >;
  #changed: Held[] = [];
  #later: Later[] = [];

  constructor(collections: ReadonlyMap<string, Collection<Document>>) {
    this.#collections = new Map([...collections].map(([name, stored]) => [name, { stored, held: new Map() }]));
  }

  /** Loads those of the documents that are not in memory. Rejects as the store does. */
  async load(keys: Iterable<DocumentKey>): Promise<void> {
    const missing = new Map<string, Set<string>>();
    for (const { collection, id } of keys) {
      if (this.#held(collection).has(id)) continue;
      const ids = missing.get(collection) ?? new Set();
      missing.set(collection, ids.add(id));
    }
    for (const [collection, ids] of missing) {
      const found = await this.#of(collection).stored.load([...ids]);
      for (const id of ids) {
        const { document, offset } = found.get(id) ?? { document: null, offset: nowhere };
        this.#held(collection).set(id, {
          key: { collection, id },
          document,
          offset,
          changed: false,
          isNew: document === null,
        });
      }
    }
  }

  get<D extends Document>(collection: string, id: string): D | null {
    return this.#loaded(collection, id).document as D | null;
  }

  update<D extends Document>(
    collection: string,
    id: string,
    offset: number,
    project: (before: D | null) => D | null,
  ): D | null {
    const held = this.#loaded(collection, id);
    const before = held.document as D | null;
    if (held.offset >= offset) return before;
    const after = project(before);
    if (after === before) return before;
    held.document = after;
    held.offset = offset;
    this.#change(held);
    return after;
  }

  updateLater<D extends Document>(
    collection: string,
    id: string,
    offset: number,
    project: (before: D | null) => D,
  ): void {
    this.#later.push({ key: { collection, id }, offset, project });
  }

  /** Makes the updates that were left for later. Rejects as the store does, and can then be asked again. */
  async updateNow(): Promise<void> {
    if (this.#later.length === 0) return;
    await this.load(this.#later.map(({ key }) => key));
    for (const { key, offset, project } of this.#later)
      this.update(key.collection, key.id, offset, project as (before: Document | null) => Document);
    this.#later = [];
  }

  create(collection: string, id: string, offset: number, document: Document): void {
    this.#change({ key: { collection, id }, document, offset, changed: false, isNew: true });
  }

  /** What has changed since the last call. It must be stored before anything else is folded. */
  takeWrites(): readonly DocumentWrite[] {
    const writes = this.#changed.map(({ key, document, offset, isNew }) => ({ ...key, document, offset, isNew }));
    for (const held of this.#changed) {
      held.changed = false;
      held.isNew = false;
    }
    this.#changed = [];
    for (const { held } of this.#collections.values()) forgetOldest(held);
    return writes;
  }

  #change(held: Held): void {
    if (!held.changed) this.#changed.push(held);
    held.changed = true;
  }

  #loaded(collection: string, id: string): Held {
    const held = this.#held(collection).get(id);
    if (held === undefined)
      throw new Error(`${collection}/${id} is folded but not named among the documents that the event touches`);
    return held;
  }

  #held(collection: string): Map<string, Held> {
    return this.#of(collection).held;
  }

  #of(collection: string): { readonly stored: Collection<Document>; readonly held: Map<string, Held> } {
    const found = this.#collections.get(collection);
    if (found === undefined) throw new Error(`the projection has no collection ${collection}`);
    return found;
  }
}

function forgetOldest(held: Map<string, Held>): void {
  for (const id of held.keys()) {
    if (held.size <= maxKept) return;
    held.delete(id);
  }
}
