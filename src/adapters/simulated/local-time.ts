import { ProviderError } from '../../ports/provider.ts';

/** What the client's calendar and clock on the wall show. */
export interface LocalTime {
  /** 0–23. */
  readonly hour: number;
  /** E.g. `07:13`. */
  readonly time: string;
  /** E.g. `Wednesday`. */
  readonly weekday: string;
  /** E.g. `15 November 2023`. */
  readonly date: string;
}

/** A formatter costs 130 µs to make and some kilobytes to keep; a deployment sees far fewer zones at once than this. */
const maxFormatters = 256;

const formatters = new Map<string, Intl.DateTimeFormat>();

function newFormatter(timeZone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-GB', {
      timeZone,
      weekday: 'long',
      day: 'numeric',
      month: 'long',
      year: 'numeric',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
  } catch (cause) {
    throw new ProviderError(`no such time zone: ${timeZone}`, false, undefined, { cause });
  }
}

function formatterOf(timeZone: string): Intl.DateTimeFormat {
  const known = formatters.get(timeZone);
  if (known !== undefined) return known;
  const formatter = newFormatter(timeZone);
  const oldest = formatters.keys().next();
  if (formatters.size >= maxFormatters && !oldest.done) formatters.delete(oldest.value);
  formatters.set(timeZone, formatter);
  return formatter;
}

/** The minute last asked for in each zone: nothing here changes within one, and to format is most of what a simulated reply costs. */
const minutes = new Map<string, { readonly minute: number; readonly local: LocalTime }>();

const minuteMs = 60_000;

/** The time in an IANA zone, by the minute. Throws ProviderError (not retryable) when there is no such zone. */
export function localTimeOf(timeMs: number, timeZone: string): LocalTime {
  const minute = Math.floor(timeMs / minuteMs);
  const last = minutes.get(timeZone);
  if (last?.minute === minute) return last.local;
  const local = format(timeMs, timeZone);
  if (minutes.size >= maxFormatters) minutes.clear();
  minutes.set(timeZone, { minute, local });
  return local;
}

function format(timeMs: number, timeZone: string): LocalTime {
  const parts = new Map<string, string>();
  for (const { type, value } of formatterOf(timeZone).formatToParts(timeMs)) parts.set(type, value);
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? '';
  return {
    hour: Number(part('hour')),
    time: `${part('hour')}:${part('minute')}`,
    weekday: part('weekday'),
    date: `${part('day')} ${part('month')} ${part('year')}`,
  };
}
