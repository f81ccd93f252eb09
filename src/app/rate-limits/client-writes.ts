import { Refused } from '../../domain/errors/catalogue.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Metrics, WriteKind } from '../../ports/telemetry.ts';
import { TokenBuckets } from './token-buckets.ts';

const minuteMs = 60_000;

/** Records that one write leaves in the log at most: of a session its request, its new conversation, its first message's mark and its end. */
export const maxRecordsPerWrite = 4;

/** What may be done at once, and again within a minute. */
export interface WriteRates {
  /** Of one client, beside messages. */
  readonly writesPerClientPerMinute: number;
  /** The same, of all clients that have one address. */
  readonly writesPerAddressPerMinute: number;
  /** Messages of one client. */
  readonly messagesPerClientPerMinute: number;
}

export interface ClientWritesDeps {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly metrics: Pick<Metrics, 'writeRefused'>;
  readonly rates: WriteRates;
}

/**
 * Token buckets for each client: what it makes this gateway write or store, and what it says; and one for each address, whatever its clients call
 * themselves. Without them a client in a loop fills the log, which keeps everything. In this process's memory, of `maxRemembered` clients and as many
 * addresses: each gateway counts for itself.
 */
export class ClientWrites {
  readonly #deps: ClientWritesDeps;
  readonly #byClient: TokenBuckets;
  readonly #byAddress: TokenBuckets;
  readonly #messages: TokenBuckets;

  constructor(deps: ClientWritesDeps) {
    const { writesPerClientPerMinute, writesPerAddressPerMinute, messagesPerClientPerMinute } = deps.rates;
    this.#deps = deps;
    this.#byClient = new TokenBuckets(writesPerClientPerMinute, minuteMs);
    this.#byAddress = new TokenBuckets(writesPerAddressPerMinute, minuteMs);
    this.#messages = new TokenBuckets(messagesPerClientPerMinute, minuteMs);
  }

  /**
   * To be called before anything is written. `clientAddress`: undefined where addresses are not counted. Throws TOO_MANY_WRITES with the time until both
   * buckets have a token; then none was taken.
   */
  take(clientId: string, kind: WriteKind, clientAddress: string | undefined): void {
    const nowMs = this.#deps.clock.monotonicMs();
    const addressWaitMs = clientAddress === undefined ? 0 : this.#byAddress.waitMs(clientAddress, nowMs);
    const waitMs = Math.max(this.#byClient.waitMs(clientId, nowMs), addressWaitMs);
    if (waitMs > 0) {
      this.#deps.metrics.writeRefused(kind);
      throw new Refused('TOO_MANY_WRITES', undefined, { retryDelayMs: Math.ceil(waitMs) });
    }
    this.#byClient.take(clientId, nowMs);
    if (clientAddress !== undefined) this.#byAddress.take(clientAddress, nowMs);
  }

  /** How long until the client may say another message; 0: it may. */
  messageWaitMs(clientId: string): number {
    return this.#messages.waitMs(clientId, this.#deps.clock.monotonicMs());
  }

  /** To be called before a message is written that `messageWaitMs` allows, and not for one that is in the log already. */
  takeMessage(clientId: string): void {
    this.#messages.take(clientId, this.#deps.clock.monotonicMs());
  }

  /** What the client may write and say at once now, as far as it alone is counted. */
  left(clientId: string): { readonly writes: number; readonly messages: number } {
    const nowMs = this.#deps.clock.monotonicMs();
    return { writes: this.#byClient.left(clientId, nowMs), messages: this.#messages.left(clientId, nowMs) };
  }
}
