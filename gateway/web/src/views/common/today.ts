import { type ReadonlySignal, signal } from '@preact/signals';
import { daysBetween } from './times.ts';

/** Often enough that "Today" turns into "Yesterday" soon after midnight, or after a lid was opened. */
const lookMs = 30_000;

const now = signal(new Date());
setInterval(() => {
  const next = new Date();
  if (daysBetween(now.peek(), next) !== 0) now.value = next;
}, lookMs);

/** Some moment of the reader's present day; it changes when the day does. */
export const today: ReadonlySignal<Date> = now;
