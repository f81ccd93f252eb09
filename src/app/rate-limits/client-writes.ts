import { Refused } from '../../domain/errors/catalogue.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Metrics, WriteKind } from '../../ports/telemetry.ts';
import { TokenBuckets } from './token-buckets.ts';

const minuteMs = 60_000;

/** Records that one write leaves in the log at most: of a session its request, its new conversation, its first message's mark and its end. */
export const maxRecordsPerWrite = 4;

export interface ClientWritesDeps {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly metrics: Pick<Metrics, 'writeRefused'>;
  /** What a client may do at once, and again within a minute. */
  readonly writesPerMinute: number;
}

/**
 * A token bucket for each client: what it makes this gateway write or store, beside messages, which are bounded by those that are unanswered. Without it a
 * client in a loop fills the log, which keeps everything. In this process's memory, of `maxRemembered` clients: each gateway counts for itself.
 */
export class ClientWrites {
  readonly #deps: ClientWritesDeps;
  readonly #buckets: TokenBuckets;

  constructor(deps: ClientWritesDeps) {
    this.#deps = deps;
    this.#buckets = new TokenBuckets(deps.writesPerMinute, minuteMs);
  }

  /** To be called before anything is written. Throws TOO_MANY_WRITES with the time until the next token. */
  take(clientId: string, kind: WriteKind): void {
    const { clock, metrics } = this.#deps;
    const nowMs = clock.monotonicMs();
    const waitMs = this.#buckets.waitMs(clientId, nowMs);
    if (waitMs > 0) {
      metrics.writeRefused(kind);
      throw new Refused('TOO_MANY_WRITES', undefined, { retryDelayMs: Math.ceil(waitMs) });
    }
    this.#buckets.take(clientId, nowMs);
  }
}
