import type { Appended, EventLog, LogRecord, NewRecord } from '../../ports/event-log.ts';
import type { Journal } from '../journal.ts';
import { comparePartition, type RecordDifference } from './compare-logs.ts';
import { endsOf, type Place, placesOf, sumOf } from './places.ts';

/** Records read at once, and appended by one call unless they are large. */
const batchRecords = 500;

/** Bytes of values appended by one call: far below what one batch of a broker may have, and few enough to hold for all partitions at once. */
const batchBytes = 1_024 * 1_024;

/** Times within one batch stand as differences, which cannot be of any size. */
const batchSpanMs = 24 * 60 * 60 * 1_000;

/** A record with the time that it is to keep. */
export interface TimedRecord extends NewRecord {
  /** Milliseconds since the epoch. */
  readonly timeMs: number;
}

/** A log that accepts the record times of its writer while it is copied into. */
export interface CopyTarget extends Omit<EventLog, 'append'> {
  append(records: readonly TimedRecord[]): Promise<readonly Appended[]>;
}

/** The target is not a prefix of the source, or another process writes to it. */
export class NotThisLog extends Error {
  override readonly name = 'NotThisLog';
  readonly retryable = false;
}

export interface LogCopyOptions {
  readonly source: Journal;
  readonly target: EventLog;
  /** Records done so far, and how many there are. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** How far each partition of the target is, in the order of `placesOf`. */
export type Ends = readonly number[];

/**
 * Finds out how much of the source the target has, which must have nothing else: all of it is compared. Rejects with NotThisLog, LogUnavailable
 * or LogDamaged.
 */
export async function findBeginning({ source, target, onProgress }: LogCopyOptions): Promise<Ends> {
  const places = placesOf(source);
  for (const topic of new Set(places.map((place) => place.topic))) samePartitions(source.log, target, topic);
  const [ends, wholeEnds] = await Promise.all([endsOf(target, places), endsOf(source.log, places)]);
  const progress = progressOf(sumOf(ends), onProgress);
  for (const [index, place] of places.entries()) {
    const [end = 0, wholeEnd = 0] = [ends[index], wholeEnds[index]];
    if (end > wholeEnd) throw notThisLog(place, wholeEnd, 'there are records that the log to copy does not have');
    const [first] = await comparePartition(source.log, target, place, end, progress);
    if (first !== undefined) throw notThisLog(place, first.offset, first.what);
  }
  return ends;
}

function samePartitions(source: EventLog, target: EventLog, topic: string): void {
  const [ours, theirs] = [source.partitions(topic), target.partitions(topic)];
  if (ours === theirs) return;
  throw new NotThisLog(
    `${topic} has ${ours} partitions, and ${theirs} where it is to be copied to: they must be as many`,
  );
}

function notThisLog({ topic, partition }: Place, offset: number, what: string): NotThisLog {
  return new NotThisLog(
    `${topic}/${partition} is not empty and not a beginning of the log to copy: offset ${offset}, ${what}. Nothing was changed there.`,
  );
}

/**
 * Appends the records that the target lacks, so that every record keeps its offset and time. After an interruption start again with `findBeginning`.
 * Rejects with NotThisLog when another process writes to the target, and with LogUnavailable.
 */
export async function copyRecords(
  { source, onProgress }: LogCopyOptions,
  target: CopyTarget,
  from: Ends,
): Promise<void> {
  const places = placesOf(source);
  const ends = await endsOf(source.log, places);
  const progress = progressOf(sumOf(ends), onProgress);
  progress(sumOf(from));
  // All at once: each waits for the answer to one batch before it sends the next.
  const copies = places.map((place, index) =>
    copyPartition(source, target, place, { begin: from[index] ?? 0, end: ends[index] ?? 0 }, progress),
  );
  const ended = await Promise.allSettled(copies);
  for (const copy of ended) if (copy.status === 'rejected') throw copy.reason;
}

async function copyPartition(
  source: Journal,
  target: CopyTarget,
  { topic, partition }: Place,
  { begin, end }: { readonly begin: number; readonly end: number },
  progress: (records: number) => void,
): Promise<void> {
  for (let offset = begin; offset < end; ) {
    const records = await source.log.read(topic, partition, offset, Math.min(batchRecords, end - offset));
    if (records.length === 0) throw new Error(`${topic}/${partition} ends at ${offset}, not at ${end}`);
    for (const batch of batchesOf(records)) {
      const appended = await target.append(batch.map((record) => withContentOffset(source, record)));
      checkPlaces(batch, appended);
      progress(batch.length);
    }
    offset += records.length;
  }
}

/** As they stand one after the other, in runs that are not too large or too long ago one from the other. */
function* batchesOf(records: readonly LogRecord[]): Generator<readonly LogRecord[]> {
  let batch: LogRecord[] = [];
  let bytes = 0;
  for (const record of records) {
    const spanMs = Math.abs(record.timeMs - (batch[0]?.timeMs ?? record.timeMs));
    if (batch.length > 0 && (bytes + record.value.length > batchBytes || spanMs > batchSpanMs)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(record);
    bytes += record.value.length;
  }
  if (batch.length > 0) yield batch;
}

/** Words must be erasable in the copy as well. Of a record that has lost them already nothing is left to protect. */
function withContentOffset(source: Journal, record: LogRecord): TimedRecord {
  const { topic, partition, key, headers, value, timeMs } = record;
  const facts = source.redact(record);
  const common = { topic, partition, key, headers, value, timeMs };
  return facts === undefined || facts.length === value.length ? common : { ...common, contentOffset: facts.length };
}

function checkPlaces(records: readonly LogRecord[], appended: readonly Appended[]): void {
  for (const [index, { topic, partition, offset, timeMs }] of records.entries()) {
    const place = appended[index];
    if (place?.offset === offset && place.timeMs === timeMs) continue;
    const what =
      place?.offset === offset
        ? `the record of offset ${offset} was given another time`
        : `the record of offset ${offset} was given offset ${place?.offset}: somebody else writes to it`;
    throw new NotThisLog(
      `${topic}/${partition}: ${what}. End who writes to these topics, delete them, and copy again.`,
    );
  }
}

/** Every difference between the whole source and the target. Rejects with LogUnavailable or LogDamaged. */
export async function compareLogs({
  source,
  target,
  onProgress,
}: LogCopyOptions): Promise<readonly RecordDifference[]> {
  const places = placesOf(source);
  const [ends, copiedEnds] = await Promise.all([endsOf(source.log, places), endsOf(target, places)]);
  const progress = progressOf(sumOf(ends), onProgress);
  const differences: RecordDifference[] = [];
  for (const [index, place] of places.entries()) {
    const [end = 0, copiedEnd = 0] = [ends[index], copiedEnds[index]];
    differences.push(
      ...(await comparePartition(source.log, target, place, Math.min(end, copiedEnd), progress)),
      ...(end === copiedEnd
        ? []
        : [{ ...place, offset: Math.min(end, copiedEnd), what: `ends at ${end} and ${copiedEnd}` }]),
    );
  }
  return differences;
}

/**
 * Commits the positions that a group has in the source, and resolves to how many partitions have one. Rejects with LogUnavailable, and with
 * NotThisLog when one cannot be read back.
 */
export async function copyPositions({ source, target }: LogCopyOptions, group: string): Promise<number> {
  // All at once: positions are committed in bulk, a little later.
  const copied = await Promise.all(
    placesOf(source).map(async ({ topic, partition }) => {
      const position = await source.log.committed(group, topic, partition);
      if (position === 0) return 0;
      await target.commit(group, topic, partition, position);
      const found = await target.committed(group, topic, partition);
      if (found === position) return 1;
      throw new NotThisLog(`the position of ${group} in ${topic}/${partition} is ${found}, not ${position}`);
    }),
  );
  return sumOf(copied);
}

function progressOf(total: number, onProgress: LogCopyOptions['onProgress']): (records: number) => void {
  let done = 0;
  return (records) => {
    done += records;
    onProgress?.(done, total);
  };
}
