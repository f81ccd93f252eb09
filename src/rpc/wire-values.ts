import { Refused } from '../domain/errors/catalogue.ts';
import type { Duration } from '../gen/google/protobuf/duration.ts';

/** A protobuf Duration of this many milliseconds. */
export function durationOf(ms: number): Duration {
  const seconds = Math.floor(ms / 1_000);
  return { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1_000) * 1_000_000) };
}

/** Milliseconds of a protobuf Duration; 0 when there is none. */
export function millisecondsOf(duration: Duration | undefined): number {
  return duration === undefined ? 0 : Number(duration.seconds) * 1_000 + duration.nanos / 1_000_000;
}

/** An int64 field as a number. Throws FRAME_INVALID for one that no sequence can have. */
export function numberOf(value: bigint, field: string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new Refused('FRAME_INVALID', `${field} is out of range`, {
    violations: [{ field, description: 'a sequence' }],
  });
}
