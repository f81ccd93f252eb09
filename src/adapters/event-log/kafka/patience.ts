import { setTimeout as sleep } from 'node:timers/promises';
import { LogUnavailable } from '../../../ports/event-log.ts';
import { requestTimeoutMs, retryFirstMs, retryLongestMs } from './limits.ts';
import { WireBroken } from './wire.ts';

/** Tries again while brokers cannot be reached, as long as a caller may wait; rejects with LogUnavailable then, and with any other error at once. */
export async function patiently<T>(
  what: string,
  outcome: LogUnavailable['outcome'],
  attempt: () => Promise<T>,
  limitMs = requestTimeoutMs,
): Promise<T> {
  const over = new AbortController();
  let lastError = new WireBroken('no broker has answered');
  const limit = sleep(limitMs, undefined, { signal: over.signal }).then(() => {
    const message = `${what}: the log did not answer within ${limitMs} ms: ${lastError.message}`;
    throw new LogUnavailable(message, outcome, { cause: lastError });
  });
  const trying = async () => {
    for (let delayMs = retryFirstMs; ; delayMs = Math.min(delayMs * 1.5, retryLongestMs)) {
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof WireBroken)) throw error;
        lastError = error;
        await sleep(delayMs, undefined, { signal: over.signal });
      }
    }
  };
  try {
    return await Promise.race([trying(), limit]);
  } finally {
    limit.catch(() => undefined);
    over.abort();
  }
}
