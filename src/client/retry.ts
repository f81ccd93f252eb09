import { Code } from '@connectrpc/connect';
import { pause } from './abort.ts';
import { Refusal } from './refusal.ts';
import { TransferFailed } from './transfer-failed.ts';

/** Together some 15 s: longer than a restart takes. */
const WAITS_MS = [250, 500, 1_000, 2_000, 4_000, 8_000] as const;

/**
 * Does something again, with growing waits, while it fails in a way that may pass; never sooner than the server asks for.
 * @throws what it failed with at last, or the reason of the signal
 */
export async function retrying<Result>(
  action: () => Promise<Result>,
  signal: AbortSignal | undefined,
  waitsMs: Iterable<number> = WAITS_MS,
  isWorthIt: (error: unknown) => boolean = mayPass,
): Promise<Result> {
  for (const waitMs of waitsMs) {
    try {
      return await action();
    } catch (error) {
      if (signal?.aborted || !isWorthIt(error)) throw error;
      await pause(Math.max(waitMs, (error instanceof Refusal && error.retryDelayMs) || 0), signal);
      signal?.throwIfAborted();
    }
  }
  return action();
}

/** The same again may work. */
export function mayPass(error: unknown): boolean {
  if (error instanceof TransferFailed) return error.retryable;
  if (!(error instanceof Refusal)) return false;
  const { code, reason, retryDelayMs } = error;
  // Without a reason it was no server of ours that answered.
  const isLost = reason === '' && (code === Code.DeadlineExceeded || code === Code.Unknown);
  return isLost || code === Code.Unavailable || retryDelayMs !== undefined;
}
