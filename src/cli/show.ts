/** A time in a zone, to the second, so that it sorts as text; empty when there is none. */
export function localTime(time: Date | undefined, timeZone: string): string {
  // Swedish dates are ISO dates with a space.
  return time === undefined ? '' : time.toLocaleString('sv-SE', { timeZone });
}

/** A length of time for a person: 850 ms, 3.2 s, 5 min. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  return ms < 120_000 ? `${(ms / 1_000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`;
}

/** One line of JSON. 64-bit numbers become JSON numbers: sequences and counts stay far below 2⁵³. */
export function jsonLine(value: unknown): string {
  return `${JSON.stringify(value, (_key, field: unknown) => (typeof field === 'bigint' ? Number(field) : field))}\n`;
}

/** The name of an enum's value, as the contract writes it without prefix. */
export function nameOf(names: Readonly<Record<string, number>>, value: number): string {
  return Object.keys(names).find((name) => names[name] === value) ?? String(value);
}
