/** Of UTC, from the shortest to the longest: each hour is part of one day, each day of one month. */
export const usagePeriods = ['hour', 'day', 'month'] as const;
export type UsagePeriod = (typeof usagePeriods)[number];

export const hourMs = 3_600_000;
export const dayMs = 24 * hourMs;

/** The beginning of the hour, day or month, in milliseconds since the epoch. */
export function startOf(period: UsagePeriod, timeMs: number): number {
  if (period === 'month') return startOfMonth(timeMs, 0);
  const lengthMs = period === 'hour' ? hourMs : dayMs;
  return Math.floor(timeMs / lengthMs) * lengthMs;
}

/** The beginning of the next one. */
export function startOfNext(period: UsagePeriod, timeMs: number): number {
  if (period === 'month') return startOfMonth(timeMs, 1);
  return startOf(period, timeMs) + (period === 'hour' ? hourMs : dayMs);
}

function startOfMonth(timeMs: number, later: number): number {
  const time = new Date(timeMs);
  return Date.UTC(time.getUTCFullYear(), time.getUTCMonth() + later);
}

/** Periods of one kind, one after the other, from the beginning of the first to that of the one after the last. */
export interface Stretch {
  readonly period: UsagePeriod;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Covers a span of whole hours, whose end may be Infinity, with the longest periods that lie in it, none longer than `longest`. */
export function stretchesOf(fromMs: number, toMs: number, longest: UsagePeriod): readonly Stretch[] {
  const allowed = usagePeriods.slice(0, usagePeriods.indexOf(longest) + 1).toReversed();
  const stretches: Stretch[] = [];
  for (let atMs = fromMs; atMs < toMs; ) {
    const fits = (each: UsagePeriod) => startOf(each, atMs) === atMs && startOfNext(each, atMs) <= toMs;
    const period = allowed.find(fits) ?? 'hour';
    // Up to where a longer one may begin, or the last whole one ends.
    const longer = allowed[allowed.indexOf(period) - 1];
    const lastMs = toMs === Infinity ? toMs : startOf(period, toMs);
    const endMs = Math.min(lastMs, longer === undefined ? lastMs : startOfNext(longer, atMs));
    stretches.push({ period, fromMs: atMs, toMs: endMs });
    atMs = endMs;
  }
  return stretches;
}
