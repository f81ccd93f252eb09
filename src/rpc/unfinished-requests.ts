import type { ServerHttp2Stream } from 'node:http2';
import { Watchdog, type Watched } from '../app/watchdog.ts';
import {
  connectionSweepMs,
  maxRequestBytes,
  maxUnfinishedBytes,
  maxUnprovenRequestBytes,
  requestBodyMs,
} from '../domain/connection-limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { ConnectionMetrics } from '../ports/telemetry.ts';
import { type Cut, refuseStream } from './refuse-stream.ts';

/** Whether a request's `authorization` proves who its caller is: undefined, or what the request is refused with. */
export type Proof = (authorization: string | undefined) => Promise<Cut | undefined>;

const tooLate: Cut = { code: 4, message: `The request did not end within ${requestBodyMs} ms.` };
const tooLong: Cut = { code: 8, message: `The request has more than ${maxRequestBytes} bytes.` };
const tooMuch: Cut = { code: 8, message: 'Too many bytes of requests that have not ended; try again.' };

/**
 * Requests of which the end has not arrived: their bytes are held here until they are complete. They have a deadline each and a bound together. The
 * oldest gives way, for a client that works sends all of its request at once. A caller who must prove who they are has done so before much arrives.
 */
export class UnfinishedRequests {
  readonly #clock: Clock;
  readonly #metrics: ConnectionMetrics;
  readonly #watchdog: Watchdog;
  readonly #maxBytes: number;
  readonly #proof: Proof | undefined;
  /** Oldest first. */
  readonly #arriving = new Set<Arriving>();
  readonly #ofStream = new WeakMap<ServerHttp2Stream, () => void>();
  #bytes = 0;

  /** `proof`: undefined where callers need not prove who they are. */
  constructor(clock: Clock, metrics: ConnectionMetrics, proof?: Proof, maxBytes = maxUnfinishedBytes) {
    this.#clock = clock;
    this.#metrics = metrics;
    this.#watchdog = new Watchdog(clock, connectionSweepMs);
    this.#maxBytes = maxBytes;
    this.#proof = proof;
  }

  /** Counts what arrives on the stream of a call until its end, or `arrived`. */
  add(stream: ServerHttp2Stream, authorization: string | undefined): void {
    const arriving = this.begin((cut) => refuseStream(stream, cut), authorization);
    const count = (chunk: Buffer) => arriving.count(chunk.length);
    const end = () => {
      arriving.end();
      stream.removeListener('data', count);
    };
    this.#ofStream.set(stream, end);
    stream.on('data', count).once('end', end).once('close', end);
  }

  /** The request has arrived, although its stream continues. */
  arrived(stream: ServerHttp2Stream | undefined): void {
    if (stream !== undefined) this.#ofStream.get(stream)?.();
  }

  /** A request begins. `cut` must end it, and is not called after `end`. */
  begin(cut: (why: Cut) => void, authorization: string | undefined): ArrivingRequest {
    const proof = this.#proof;
    const arriving = new Arriving(this.#clock.monotonicMs() + requestBodyMs, {
      cut,
      prove: proof && (() => proof(authorization)),
      counted: (counted, bytes) => this.#count(counted, bytes),
      unproven: () => this.#metrics.cut('unproven'),
      expired: () => this.#metrics.cut('body_time'),
      ended: (ended) => this.#remove(ended),
    });
    this.#arriving.add(arriving);
    this.#watchdog.watch(arriving);
    return arriving;
  }

  #count(counted: Arriving, bytes: number): void {
    this.#bytes += bytes;
    if (counted.bytes > maxRequestBytes) this.#refuse(counted, tooLong);
    if (this.#bytes <= this.#maxBytes) return;
    for (const oldest of this.#arriving) {
      if (oldest.bytes > 0) this.#refuse(oldest, tooMuch);
      if (this.#bytes <= this.#maxBytes) return;
    }
  }

  #refuse(arriving: Arriving, why: Cut): void {
    this.#metrics.cut('body_bytes');
    arriving.refuse(why);
  }

  #remove(arriving: Arriving): void {
    this.#arriving.delete(arriving);
    this.#watchdog.unwatch(arriving);
    this.#bytes -= arriving.bytes;
  }
}

/** A request that has begun and not ended. */
export interface ArrivingRequest {
  /** So many bytes of it have arrived. Whether it is still waited for: what was refused need not be kept. */
  count(bytes: number): boolean;
  /** It is complete, or nobody waits for it any longer. */
  end(): void;
}

interface ArrivingDeps {
  readonly cut: (why: Cut) => void;
  readonly prove: (() => Promise<Cut | undefined>) | undefined;
  readonly unproven: () => void;
  readonly counted: (arriving: Arriving, bytes: number) => void;
  readonly expired: () => void;
  readonly ended: (arriving: Arriving) => void;
}

class Arriving implements ArrivingRequest, Watched {
  readonly deadlineMs: number;
  readonly #deps: ArrivingDeps;
  #bytes = 0;
  #isOver = false;
  /** undefined: it need not be asked, or has been. */
  #prove: ArrivingDeps['prove'];

  constructor(deadlineMs: number, deps: ArrivingDeps) {
    this.deadlineMs = deadlineMs;
    this.#deps = deps;
    this.#prove = deps.prove;
  }

  get bytes(): number {
    return this.#bytes;
  }

  count(bytes: number): boolean {
    if (this.#isOver) return false;
    this.#bytes += bytes;
    if (this.#prove !== undefined && this.#bytes > maxUnprovenRequestBytes) void this.#ask(this.#prove);
    this.#deps.counted(this, bytes);
    return !this.#isOver;
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#deps.ended(this);
  }

  async #ask(prove: NonNullable<ArrivingDeps['prove']>): Promise<void> {
    this.#prove = undefined;
    const why = await prove();
    if (why === undefined || this.#isOver) return;
    this.#deps.unproven();
    this.refuse(why);
  }

  expire(): void {
    this.#deps.expired();
    this.refuse(tooLate);
  }

  refuse(why: Cut): void {
    this.end();
    this.#deps.cut(why);
  }
}
