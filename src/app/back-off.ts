import type { Clock } from '../ports/clock.ts';

/** A wait that doubles with every failure, `initialMs` after the first, never over `maxMs`, and shortened at random by up to a half. */
export function backOffMs(failures: number, initialMs: number, maxMs: number, random: () => number): number {
  const full = Math.min(maxMs, initialMs * 2 ** (failures - 1));
  return full * (1 - random() / 2);
}

/** Waits; when the signal aborts, no longer. */
export async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  try {
    await clock.sleep(ms, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** What the promise gives, unless the signal aborts first: then it rejects with its reason, and what the promise gives later is nobody's. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort);
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
