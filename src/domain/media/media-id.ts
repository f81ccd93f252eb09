import { maxIdLength } from '../limits.ts';

/**
 * A media id is `<yyyymmdd>-<unique>`: it names its own day (UTC), so the store finds an object without an index, and days can be looked
 * through one by one.
 */
const form = /^(\d{4})(\d{2})(\d{2})-[0-9A-Za-z_-]+$/;

/** The id of an object that is made now (milliseconds since the epoch). RangeError when `unique` is not of the alphabet [0-9A-Za-z_-], or too long. */
export function newMediaId(unique: string, nowMs: number): string {
  const mediaId = `${new Date(nowMs).toISOString().slice(0, 10).replaceAll('-', '')}-${unique}`;
  if (mediaDay(mediaId) === undefined) throw new RangeError(`${mediaId} is no media id`);
  return mediaId;
}

/** The day of a media id, e.g. "2026-11-22"; undefined for any other string. Check this before making a path or key of an id. */
export function mediaDay(mediaId: string): string | undefined {
  if (mediaId.length > maxIdLength) return undefined;
  const [, year, month, day] = form.exec(mediaId) ?? [];
  if (year === undefined) return undefined;
  const name = `${year}-${month}-${day}`;
  return isDay(name) ? name : undefined;
}

/** Whether this is a day of the calendar, written as mediaDay writes it. */
export function isDay(name: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(name)) return false;
  const time = Date.parse(name);
  // Of 30 February some engines make 2 March.
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(name);
}
