import { setTimeout as sleep } from 'node:timers/promises';
import { LogUnavailable } from '../../../ports/event-log.ts';
import { requestTimeoutMs, retryFirstMs, retryLongestMs } from './limits.ts';
import { WireBroken } from './wire.ts';

/** Tries again while brokers cannot be reached, as long as a caller may wait; rejects with LogUnavailable then, and with any other error at once. */
export async function withRetries<T>(
  what: string,
  outcome: LogUnavailable['outcome'],
  attempt: () => Promise<T>,
  limitMs = requestTimeoutMs,
): Promise<T> {
  const limit = Promise.withResolvers<never>();
  let lastError: WireBroken | undefined;
  let isOver = false;
  // Most attempts succeed, and whoever connects makes a dozen: only one that has failed has something to abort.
  let pausing: AbortController | undefined;
  const timer = setTimeout(() => {
    const why = lastError?.message ?? 'no broker has answered';
    const message = `${what}: the log did not answer within ${limitMs} ms: ${why}`;
    limit.reject(new LogUnavailable(message, outcome, { cause: lastError }));
  }, limitMs);
  const trying = async () => {
    for (let delayMs = retryFirstMs; ; delayMs = Math.min(delayMs * 1.5, retryLongestMs)) {
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof WireBroken) || isOver) throw error;
        lastError = error;
        pausing = new AbortController();
        await sleep(delayMs, undefined, { signal: pausing.signal });
      }
    }
  };
  try {
    return await Promise.race([trying(), limit.promise]);
  } finally {
    isOver = true;
    clearTimeout(timer);
    pausing?.abort();
  }
}
