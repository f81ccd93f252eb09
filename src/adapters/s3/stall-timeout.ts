import { MediaUnavailable } from '../../ports/media-store.ts';
import { leastBytesPerS, stallTimeoutMs } from './limits.ts';

/** Ends an operation in which nothing happens any more. */
export class StallTimeout implements Disposable {
  readonly #controller = new AbortController();
  readonly #gone = Promise.withResolvers<never>();
  #timer: NodeJS.Timeout | undefined;

  constructor() {
    // Who waits for nothing at the moment need not hear of it.
    this.#gone.promise.catch(() => undefined);
    this.renew();
  }

  /** Aborts when stallTimeout is gone. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Restarts the timeout: `stallTimeoutMs`, and longer for this many bytes. */
  renew(bytes = 0): void {
    clearTimeout(this.#timer);
    if (this.signal.aborted) return;
    const limitMs = stallTimeoutMs + (bytes / leastBytesPerS) * 1_000;
    this.#timer = setTimeout(() => this.end(`S3 did not answer within ${Math.round(limitMs)} ms`), limitMs);
  }

  /** Whatever waits, or will wait, is rejected with MediaUnavailable. */
  end(reason: string): void {
    const error = new MediaUnavailable(reason);
    this.#gone.reject(error);
    this.#controller.abort(error);
  }

  /** Waits for it as long as stallTimeout lasts, also where the SDK does not heed the signal: while it looks for credentials, say. */
  async wait<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#gone.promise]);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
