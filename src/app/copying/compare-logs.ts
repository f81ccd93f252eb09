import type { EventLog, LogRecord } from '../../ports/event-log.ts';
import type { Place } from './places.ts';

/** Records of each log read at once: a text each, so some megabytes at most. */
const batchRecords = 200;

/** Differences told of each partition: the first ones show what kind they are. */
const maxDifferences = 5;

/** Two logs do not hold the same at this place. */
export interface RecordDifference extends Place {
  readonly offset: number;
  readonly what: string;
}

/**
 * Compares one partition of two logs record by record up to the offset: time, key, headers and value of each. Resolves to the first
 * differences. Rejects with LogUnavailable or LogDamaged.
 */
export async function comparePartition(
  one: EventLog,
  other: EventLog,
  { topic, partition }: Place,
  end: number,
  onRecords: (records: number) => void,
): Promise<readonly RecordDifference[]> {
  const differences: RecordDifference[] = [];
  for (let offset = 0; offset < end && differences.length < maxDifferences; ) {
    const count = Math.min(batchRecords, end - offset);
    const [ours, theirs] = await Promise.all([
      recordsFrom(one, topic, partition, offset, count),
      recordsFrom(other, topic, partition, offset, count),
    ]);
    for (const [index, record] of ours.entries()) {
      const what = differenceOf(record, theirs[index]);
      if (what !== undefined) differences.push({ topic, partition, offset: offset + index, what });
    }
    offset += ours.length;
    onRecords(ours.length);
  }
  return differences.slice(0, maxDifferences);
}

/** Exactly so many records. */
async function recordsFrom(
  log: EventLog,
  topic: string,
  partition: number,
  fromOffset: number,
  count: number,
): Promise<readonly LogRecord[]> {
  const records: LogRecord[] = [];
  while (records.length < count) {
    const more = await log.read(topic, partition, fromOffset + records.length, count - records.length);
    if (more.length === 0) throw new Error(`${topic}/${partition} ends at ${fromOffset + records.length}`);
    records.push(...more);
  }
  return records;
}

function differenceOf(ours: LogRecord, theirs: LogRecord | undefined): string | undefined {
  if (theirs === undefined) return 'it is missing';
  if (ours.offset !== theirs.offset) return `offset ${ours.offset} and ${theirs.offset}`;
  if (ours.timeMs !== theirs.timeMs) return `time ${ours.timeMs} and ${theirs.timeMs}`;
  if (ours.key !== theirs.key) return 'its keys differ';
  if (!areEqualHeaders(ours.headers, theirs.headers)) return 'its headers differ';
  if (!areEqualBytes(ours.value, theirs.value)) return 'its values differ';
  return undefined;
}

function areEqualHeaders(ours: LogRecord['headers'], theirs: LogRecord['headers']): boolean {
  const names = Object.keys(ours);
  return names.length === Object.keys(theirs).length && names.every((name) => ours[name] === theirs[name]);
}

function areEqualBytes(ours: Uint8Array, theirs: Uint8Array): boolean {
  if (ours.length !== theirs.length) return false;
  for (let index = 0; index < ours.length; index += 1) if (ours[index] !== theirs[index]) return false;
  return true;
}
