/** It took longer than it may; what came of it is not known. */
export class TookTooLong extends Error {
  override readonly name = 'TookTooLong';
}

/** The work's own outcome, unless that takes longer than `limitMs` (TookTooLong) or the signal aborts first (its reason). The work itself goes on. */
export async function within<T>(limitMs: number, work: Promise<T>, signal?: AbortSignal): Promise<T> {
  const stop = Promise.withResolvers<never>();
  const abort = () => stop.reject(signal?.reason);
  const timer = setTimeout(() => stop.reject(new TookTooLong(`no answer within ${limitMs} ms`)), limitMs);
  signal?.addEventListener('abort', abort);
  if (signal?.aborted) abort();
  try {
    return await Promise.race([work, stop.promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}
