import type { Duration } from '../../src/gen/google/protobuf/duration.ts';

/** Milliseconds of a protobuf duration; undefined when there is none. */
export function millisOf(duration: Duration | undefined): number | undefined {
  return duration === undefined ? undefined : Number(duration.seconds) * 1_000 + duration.nanos / 1e6;
}

/** The protobuf duration of so many milliseconds. */
export function durationOf(ms: number): Duration {
  return { seconds: BigInt(Math.floor(ms / 1_000)), nanos: (ms % 1_000) * 1e6 };
}
