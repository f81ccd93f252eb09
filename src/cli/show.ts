import { type Timestamp, timestampDate } from '@bufbuild/protobuf/wkt';
import { jsonField } from '../client/message-json.ts';

/** A time as the contract has it. */
export function dateOf(time: Timestamp | undefined): Date | undefined {
  return time && timestampDate(time);
}

/** A time in a zone, to the second, so that it sorts as text; empty when there is none. */
export function localTime(time: Timestamp | Date | undefined, timeZone: string): string {
  if (time === undefined) return '';
  // Swedish dates are ISO dates with a space.
  return (time instanceof Date ? time : timestampDate(time)).toLocaleString('sv-SE', { timeZone });
}

/** A length of time for a person: 850 ms, 3.2 s, 5 min. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  return ms < 120_000 ? `${(ms / 1_000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`;
}

/** One line of JSON, as `jsonField` has it. */
export function jsonLine(value: unknown): string {
  return `${JSON.stringify(value, jsonField)}\n`;
}
