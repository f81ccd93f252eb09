import type { Journal, JournalEntry } from '../src/app/journal.ts';
import type { Clock } from '../src/ports/clock.ts';
import { LogTruncated, LogUnavailable } from '../src/ports/event-log.ts';
import { ReadModelReplaced, type ReadModelStore, ReadModelUnavailable } from '../src/ports/read-model.ts';
import type { DeadLetterDocument } from './dead-letters.ts';
import { Pace } from './pace.ts';
import { type OpenModel, openModel, PartitionFolder, type Retry } from './partition-folder.ts';
import type { Projection } from './projection.ts';

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
  readonly reached: Map<Place, number>;
}

interface Place {
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

function placesOf({ journal, isOwn = () => true }: ProjectorOptions, model: OpenModel): readonly Place[] {
  const topic = journal.topics[model.projection.topic];
  const partitions = Array.from({ length: journal.log.partitions(topic) }, (_, partition) => partition);
  return partitions.filter((partition) => isOwn(topic, partition)).map((partition) => ({ model, topic, partition }));
}

/** Folds one partition until the signal aborts. Rejects only with ReadModelReplaced. */
async function keepUp(options: ProjectorOptions, place: Place, upkeep: Upkeep, signal: AbortSignal): Promise<void> {
  const { model, topic, partition } = place;
  const { projection } = model;
  try {
    const retry = retrying(options, signal);
    const pace = paceOf(options, projection);
    const folder = await PartitionFolder.resume(model, topic, partition, retry);
    // Before the progress is published.
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
  place: Place,
  folder: PartitionFolder,
  records: readonly JournalEntry[],
  upkeep: Upkeep,
): Promise<void> {
  for (let start = 0; start < records.length; start += maxBatch) {
    const parked = await folder.fold(records.slice(start, start + maxBatch));
    for (const document of parked) options.onDeadLetter?.(document);
    report(options, place, folder, upkeep);
  }
}

function report(options: ProjectorOptions, place: Place, { nextOffset }: PartitionFolder, upkeep: Upkeep): void {
  upkeep.reached.set(place, nextOffset);
  options.onProgress?.(place.model.projection.model, place.topic, place.partition, nextOffset);
}

/** A model that knows more than the log was made from another log, or from what this one has lost. Rejects with ReadModelReplaced. */
async function beginAgain(
  options: ProjectorOptions,
  place: Place,
  error: LogTruncated,
  signal: AbortSignal,
): Promise<void> {
  const { model } = place.model.projection;
  options.onTruncated?.(model, error);
  // Before readers find the empty generation: they must not take missing documents for nonexistent ones.
  for (const { topic, partition } of placesOf(options, place.model)) options.onProgress?.(model, topic, partition, 0);
  try {
    await retrying(options, signal)(async () => (await options.store.rebuild(model)).activate());
  } catch (failure) {
    if (!signal.aborted) throw failure;
  }
  throw new ReadModelReplaced(`${model} was ahead of the log`, { cause: error });
}

/**
 * Any use of a store shows that the model was restarted. Removed content leaves the store's files meanwhile, once for all requests that arrived
 * together.
 */
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
