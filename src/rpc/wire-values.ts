import { Refused } from '../domain/errors/catalogue.ts';
import type { Duration } from '../gen/google/protobuf/duration.ts';

/** A protobuf Duration of this many milliseconds. */
export function durationOf(ms: number): Duration {
  const seconds = Math.floor(ms / 1_000);
  return { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1_000) * 1_000_000) };
}

/**
 * Whole milliseconds of a protobuf Duration that must not be negative, a fraction counting as a whole one; 0 when there is none. Throws
 * FRAME_INVALID for any other, and for one whose nanoseconds are out of their range.
 */
export function millisecondsOf(duration: Duration | undefined, field: string): number {
  const { seconds = 0n, nanos = 0 } = duration ?? {};
  if (seconds >= 0n && nanos >= 0 && nanos < 1_000_000_000)
    return Number(seconds) * 1_000 + Math.ceil(nanos / 1_000_000);
  throw new Refused('FRAME_INVALID', `${field} is no duration of 0 or more`, {
    violations: [{ field, description: 'a duration of 0 or more' }],
  });
}

/** An int64 field as a number. Throws FRAME_INVALID for one that no sequence can have. */
export function numberOf(value: bigint, field: string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new Refused('FRAME_INVALID', `${field} is out of range`, {
    violations: [{ field, description: 'a sequence' }],
  });
}

/** The last millisecond that a protobuf Timestamp can name: of the year 9999. */
const lastTimeMs = Date.UTC(10_000, 0) - 1;

/** Milliseconds since the epoch of a protobuf Timestamp; undefined when there is none. Throws FRAME_INVALID for one out of its range. */
export function timeMsOf(time: Date | undefined, field: string): number | undefined {
  const timeMs = time?.getTime();
  if (timeMs === undefined || Math.abs(timeMs) <= lastTimeMs) return timeMs;
  throw new Refused('FRAME_INVALID', `${field} is out of range`, {
    violations: [{ field, description: 'a time from the year 1 to the year 9999' }],
  });
}
