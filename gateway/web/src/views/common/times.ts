import { computed, type Signal, signal } from '@preact/signals';

/** The words are English whatever the browser's language; whether the clock has 12 or 24 hours is the reader's habit. */
const words = 'en';
const { hourCycle } = new Intl.DateTimeFormat(undefined, { hour: 'numeric' }).resolvedOptions();
const hour = hourCycle === 'h23' || hourCycle === 'h24' ? '2-digit' : 'numeric';

/** The IANA zone in which all times here are told; '': that of the device. What is drawn with them is drawn again when it changes. */
export const zone: Signal<string> = signal('');

const formats = computed(() => {
  const timeZone = zone.value === '' ? undefined : zone.value;
  const format = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(words, { ...options, timeZone });
  return {
    clock: format({ hour, minute: '2-digit', hourCycle }),
    precise: format({
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      fractionalSecondDigits: 3,
      hourCycle,
    }),
    whole: format({ dateStyle: 'full', timeStyle: 'medium', hourCycle }),
    weekday: format({ weekday: 'long' }),
    dayOfYear: format({ weekday: 'long', month: 'long', day: 'numeric' }),
    dayOfAnyYear: format({ year: 'numeric', month: 'long', day: 'numeric' }),
    shortDay: format({ month: 'short', day: 'numeric' }),
    shortDayOfAnyYear: format({ year: 'numeric', month: 'short', day: 'numeric' }),
    numbers: format({ year: 'numeric', month: 'numeric', day: 'numeric' }),
  };
});

/** The time of day, "10:32". */
export function timeLabel(at: Date): string {
  return formats.value.clock.format(at);
}

/** To the millisecond, for comparing. */
export function preciseTimeLabel(at: Date): string {
  return formats.value.precise.format(at);
}

/** Date and time in full, for who wants to know exactly. */
export function wholeTimeLabel(at: Date): string {
  return formats.value.whole.format(at);
}

/** Midnights between two moments, by the reader's calendar; days of 23 and 25 hours count as one. */
export function daysBetween(earlier: Date, later: Date): number {
  return dayNumber(later) - dayNumber(earlier);
}

function dayNumber(at: Date): number {
  const { year, month, day } = calendar(at);
  return Date.UTC(year, month, day) / 86_400_000;
}

/** The date in the reader's zone; the month begins at 0. */
function calendar(at: Date): { readonly year: number; readonly month: number; readonly day: number } {
  // The device's own is told a hundred times faster, and asked about for each message.
  if (zone.value === '') return { year: at.getFullYear(), month: at.getMonth(), day: at.getDate() };
  const [month = 0, day = 0, year = 0] = formats.value.numbers.format(at).split('/').map(Number);
  return { year, month: month - 1, day };
}

/** Whether a message of this time has a new day written above it. `previous`: the message before, if there is one. */
export function beginsDay(previous: Date | undefined, at: Date): boolean {
  return previous === undefined || daysBetween(previous, at) !== 0;
}

/** The day as it is written above its messages. */
export function dayLabel(at: Date, now: Date): string {
  const days = daysBetween(at, now);
  if (days === 0) return 'Today';
  if (days === 1) return 'Yesterday';
  return calendar(at).year === calendar(now).year
    ? formats.value.dayOfYear.format(at)
    : formats.value.dayOfAnyYear.format(at);
}

/** When something last happened, as short as it can be said: "10:32", "Friday", "Nov 3", "Nov 3, 2024". */
export function recentLabel(at: Date, now: Date): string {
  const days = daysBetween(at, now);
  if (days <= 0) return timeLabel(at);
  if (days === 1) return 'Yesterday';
  if (days < 7) return formats.value.weekday.format(at);
  return calendar(at).year === calendar(now).year
    ? formats.value.shortDay.format(at)
    : formats.value.shortDayOfAnyYear.format(at);
}

/** A length of time as a clock shows it, "0:07", "12:30". */
export function stopwatchLabel(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** A length of time in words, roughly: "4 s", "3 min", "2 h". */
export function ageLabel(ms: number): string {
  if (ms < 1_000) return ms <= 0 ? 'none' : '< 1 s';
  if (ms < 60_000) return `${Math.floor(ms / 1_000)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min`;
  return `${Math.floor(ms / 3_600_000)} h`;
}

/** "812 B", "1.2 kB", "34 MB". */
export function sizeLabel(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  const [amount, unit] = bytes < 1_000_000 ? [bytes / 1_000, 'kB'] : [bytes / 1_000_000, 'MB'];
  return `${amount < 10 ? amount.toFixed(1) : Math.round(amount)} ${unit}`;
}
