import type { Clock } from '../ports/clock.ts';
import { LogUnavailable } from '../ports/event-log.ts';

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

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
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

export interface LogRetry {
  readonly clock: Clock;
  /** 0 ≤ x < 1, for the spread of waits. */
  readonly random: () => number;
  readonly initialMs: number;
  readonly maxMs: number;
  /** Progress of the work: the delay restarts when it advances. */
  readonly position: () => number;
  readonly onFailure: (error: LogUnavailable) => void;
}

/** Tries again, with growing waits, while the log is unavailable and the signal has not aborted. */
export async function retriedWithLog(
  signal: AbortSignal,
  retry: LogRetry,
  attempt: () => Promise<void>,
): Promise<void> {
  const { clock, random, initialMs, maxMs, position, onFailure } = retry;
  for (let failures = 1; !signal.aborted; failures += 1) {
    const before = position();
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof LogUnavailable)) throw error;
      onFailure(error);
      if (position() !== before) failures = 1;
      await pause(clock, backOffMs(failures, initialMs, maxMs, random), signal);
    }
  }
}
