import type { ServerHttp2Stream } from 'node:http2';
import { Watchdog, type Watched } from '../app/watchdog.ts';
import { connectionSweepMs, maxRequestBytes, maxUnfinishedBytes, requestBodyMs } from '../domain/connection-limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { ConnectionMetrics } from '../ports/telemetry.ts';
import { refuseStream } from './refuse-stream.ts';

/** What a request is refused with that does not come to its end. */
export interface Cut {
  /** As gRPC numbers them: DEADLINE_EXCEEDED or RESOURCE_EXHAUSTED. */
  readonly code: number;
  readonly message: string;
}

const tooLate: Cut = { code: 4, message: `The request did not end within ${requestBodyMs} ms.` };
const tooLong: Cut = { code: 8, message: `The request has more than ${maxRequestBytes} bytes.` };
const tooMuch: Cut = { code: 8, message: 'Too many bytes of requests that have not ended; try again.' };

/**
 * Requests of which the end has not arrived: nobody knows yet who sends them, and their bytes are held here until they are complete. They have
 * a deadline each and a bound together. The oldest gives way, for a client that works sends all of its request at once.
 */
export class UnfinishedRequests {
  readonly #clock: Clock;
  readonly #metrics: ConnectionMetrics;
  readonly #watchdog: Watchdog;
  readonly #maxBytes: number;
  /** Oldest first. */
  readonly #arriving = new Set<Arriving>();
  readonly #ofStream = new WeakMap<ServerHttp2Stream, () => void>();
  #bytes = 0;

  constructor(clock: Clock, metrics: ConnectionMetrics, maxBytes = maxUnfinishedBytes) {
    this.#clock = clock;
    this.#metrics = metrics;
    this.#watchdog = new Watchdog(clock, connectionSweepMs);
    this.#maxBytes = maxBytes;
  }

  /** Counts what arrives on the stream of a call until its end, or `arrived`. */
  add(stream: ServerHttp2Stream): void {
    const arriving = this.begin((cut) => refuseStream(stream, cut));
    const count = (chunk: Buffer) => arriving.count(chunk.length);
    const end = () => {
      arriving.end();
      stream.removeListener('data', count);
    };
    this.#ofStream.set(stream, end);
    stream.on('data', count).once('end', end).once('close', end);
  }

  /** The request has said what was waited for, although its stream goes on. */
  arrived(stream: ServerHttp2Stream | undefined): void {
    if (stream !== undefined) this.#ofStream.get(stream)?.();
  }

  /** A request begins. `cut` must end it, and is not called after `end`. */
  begin(cut: (why: Cut) => void): ArrivingRequest {
    const arriving = new Arriving(this.#clock.monotonicMs() + requestBodyMs, {
      cut,
      counted: (counted, bytes) => this.#count(counted, bytes),
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
  /** So many bytes of it have arrived. */
  count(bytes: number): void;
  /** It is complete, or nobody waits for it any longer. */
  end(): void;
}

interface ArrivingDeps {
  readonly cut: (why: Cut) => void;
  readonly counted: (arriving: Arriving, bytes: number) => void;
  readonly expired: () => void;
  readonly ended: (arriving: Arriving) => void;
}

class Arriving implements ArrivingRequest, Watched {
  readonly deadlineMs: number;
  readonly #deps: ArrivingDeps;
  #bytes = 0;
  #isOver = false;

  constructor(deadlineMs: number, deps: ArrivingDeps) {
    this.deadlineMs = deadlineMs;
    this.#deps = deps;
  }

  get bytes(): number {
    return this.#bytes;
  }

  count(bytes: number): void {
    if (this.#isOver) return;
    this.#bytes += bytes;
    this.#deps.counted(this, bytes);
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#deps.ended(this);
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
