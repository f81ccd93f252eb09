import type { ServerHttp2Stream } from 'node:http2';
import { status } from '@grpc/grpc-js';
import { Penalties } from '../app/rate-limits/penalties.ts';
import { Remembered } from '../app/rate-limits/remembered.ts';
import {
  accountPenaltyMs,
  accountRefusedCallsPerSecond,
  heldRefusalMs,
  maxAccountRefusedCalls,
  maxHeldCalls,
} from '../domain/connection-limits.ts';
import { Refused } from '../domain/errors/catalogue.ts';
import type { Clock } from '../ports/clock.ts';
import type { Ids } from '../ports/ids.ts';
import { cutFor, type ErrorMapping } from './errors.ts';
import { http2StreamOf } from './grpc-internals.ts';
import type { AddressedCall } from './peer-address.ts';
import type { Cut } from './refuse-stream.ts';

export interface RefusedCallersDeps {
  readonly errors: ErrorMapping;
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
  readonly ids: Pick<Ids, 'hash'>;
}

/**
 * Clients that proved who they are and whose calls are refused again and again: for a while their calls are refused before anything is done for them. Counted by
 * client, for a client may get any number of tokens. A token is known to be of such a client from the first call on that it was verified for; then calls that
 * carry it are refused by their headers.
 */
export class RefusedCallers {
  readonly #deps: RefusedCallersDeps;
  readonly #penalties = new Penalties(maxAccountRefusedCalls, accountRefusedCallsPerSecond, accountPenaltyMs);
  /** Of clients that are out or were, by the hash of what their calls carry as `authorization`. */
  readonly #clientIdByToken = new Remembered<string>();
  /** Until then somebody may be out. */
  #untilMs = 0;
  #held = 0;

  constructor(deps: RefusedCallersDeps) {
    this.#deps = deps;
  }

  /** To be called once the token of a call is verified. Counts the call if it ends with a refusal. Throws TOO_MANY_ATTEMPTS while the client is out. */
  admit(clientId: string, call: AddressedCall): void {
    const refused = this.#refusalOf(clientId);
    if (refused !== undefined) {
      this.#clientIdByToken.set(this.#deps.ids.hash(call.metadata.get('authorization').join()), clientId);
      throw refused;
    }
    const stream = http2StreamOf(call);
    stream?.once('close', () => {
      if (wasRefused(stream)) this.#offend(clientId);
    });
  }

  /**
   * What a call is refused with by its `authorization`; undefined: that is not known to be of a client that is out. The refusal is held back, so that a client in a
   * loop waits instead of calling again; what the request brings meanwhile is discarded, for others may have the same connection.
   */
  refusalBy(authorization: string | undefined, stream: ServerHttp2Stream): Promise<Cut> | undefined {
    if (authorization === undefined || this.#deps.clock.monotonicMs() >= this.#untilMs) return undefined;
    const clientId = this.#clientIdByToken.get(this.#deps.ids.hash(authorization));
    const refused = clientId === undefined ? undefined : this.#refusalOf(clientId);
    return refused && this.#hold(refused, stream);
  }

  #refusalOf(clientId: string): Refused | undefined {
    const outForMs = this.#penalties.outForMs(clientId, this.#deps.clock.monotonicMs());
    if (outForMs === 0) return undefined;
    const why = 'too many calls of this account were refused';
    return new Refused('TOO_MANY_ATTEMPTS', why, { retryDelayMs: Math.ceil(outForMs) });
  }

  #offend(clientId: string): void {
    const nowMs = this.#deps.clock.monotonicMs();
    if (this.#penalties.offend(clientId, nowMs)) this.#untilMs = nowMs + accountPenaltyMs;
  }

  async #hold(refused: Refused, stream: ServerHttp2Stream): Promise<Cut> {
    if (this.#held < maxHeldCalls) {
      this.#held += 1;
      stream.resume();
      await this.#deps.clock.sleep(heldRefusalMs);
      this.#held -= 1;
    }
    return cutFor(this.#deps.errors, refused);
  }
}

/** What a client can cause by its calls, and is not already counted by address. */
const refusals: ReadonlySet<number> = new Set([
  status.INVALID_ARGUMENT,
  status.NOT_FOUND,
  status.ALREADY_EXISTS,
  status.PERMISSION_DENIED,
  status.RESOURCE_EXHAUSTED,
  status.FAILED_PRECONDITION,
  status.OUT_OF_RANGE,
]);

function wasRefused({ sentHeaders, sentTrailers }: ServerHttp2Stream): boolean {
  return refusals.has(Number(sentTrailers?.['grpc-status'] ?? sentHeaders?.['grpc-status']));
}
