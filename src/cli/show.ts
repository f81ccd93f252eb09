import { isMessage } from '@bufbuild/protobuf';
import { type Timestamp, TimestampSchema, timestampDate } from '@bufbuild/protobuf/wkt';

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

/** One line of JSON. Times are ISO 8601; 64-bit numbers become JSON numbers: sequences and counts stay far below 2⁵³. */
export function jsonLine(value: unknown): string {
  return `${JSON.stringify(value, (key, field: unknown) => {
    // What the generated code keeps for itself.
    if (key.startsWith('$')) return undefined;
    if (isMessage(field, TimestampSchema)) return timestampDate(field).toJSON();
    return typeof field === 'bigint' ? Number(field) : field;
  })}\n`;
}

/** The name of an enum's value, as the contract writes it without prefix. */
export function nameOf(names: Readonly<Record<number, string>>, value: number): string {
  return names[value] ?? String(value);
}
