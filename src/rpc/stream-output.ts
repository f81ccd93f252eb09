import { constants } from 'node:http2';
import type { ServerDuplexStream, ServerWritableStream } from '@grpc/grpc-js';
import { bytesOfEvent, type SessionEvent, type SessionOutput } from '../app/gateway/session-event.ts';
import type { Watchdog } from '../app/watchdog.ts';
import { Refused } from '../domain/errors/catalogue.ts';
import { maxPieceBytes, maxUnsentBytes, slowConsumerMs } from '../domain/limits.ts';
import type { ChatRequest, ChatResponse, OpenRequest } from '../gen/chat/v1/chat_service.ts';
import type { Clock } from '../ports/clock.ts';
import { eventToWire, type WelcomeFacts } from './chat-wire.ts';
import type { ErrorMapping } from './errors.ts';
import { http2StreamOf, isOver, writeTogether } from './grpc-internals.ts';

/** OpenResponse has the same fields as ChatResponse, so one output serves both shapes. */
export type SessionStream =
  | ServerDuplexStream<ChatRequest, ChatResponse>
  | ServerWritableStream<OpenRequest, ChatResponse>;

/** Written and not yet taken by the transport, before what follows is kept here: a few frames of any length keep it busy. */
export const maxInFlightBytes = 256 * 1_024;

export interface StreamOutputDeps {
  readonly facts: WelcomeFacts;
  readonly errors: ErrorMapping;
  readonly clock: Clock;
  readonly watchdog: Watchdog;
}

/**
 * Output of a session on a gRPC stream, with back-pressure: when `write` returns false, events are buffered here, consecutive pieces joined, until the
 * transport drains; a client whose buffer exceeds its limit, or that reads nothing for too long, is refused. If it does not read its stream's end
 * either, the stream is reset, and its buffer dropped.
 */
export class StreamOutput implements SessionOutput {
  readonly #stream: SessionStream;
  readonly #deps: StreamOutputDeps;
  readonly #onSlow: (refused: Refused) => void;
  readonly #deadline = { deadlineMs: 0, expire: () => this.#expired() };
  #unsent: SessionEvent[] = [];
  #unsentBytes = 0;
  /** Written, and not yet taken by the transport. */
  #inFlightBytes = 0;
  #blocked = false;
  /** Until the events of this turn of the event loop are all there. */
  #isCorked = false;
  #ended: { readonly refused: Refused | undefined } | undefined;
  #waiters: (() => void)[] = [];

  /** `onSlow` must end the session. */
  constructor(stream: SessionStream, deps: StreamOutputDeps, onSlow: (refused: Refused) => void) {
    this.#stream = stream;
    this.#deps = deps;
    this.#onSlow = onSlow;
    writeTogether(stream);
    stream.on('close', () => this.#release());
    // Later than the call's: until then the client has not closed its half, and the stream costs memory.
    (http2StreamOf(stream) ?? stream).once('close', () => deps.watchdog.unwatch(this.#deadline));
  }

  /** What the client has not taken, in bytes as `maxUnsentBytes` counts them. */
  get heldBytes(): number {
    return this.#inFlightBytes + this.#unsentBytes;
  }

  emit(event: SessionEvent): void {
    if (this.#ended !== undefined) return;
    if (this.#blocked) return this.#keep(event);
    this.#write(event);
  }

  writable(): Promise<void> {
    if (!this.#blocked || this.#ended !== undefined) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** In order, what is kept is still sent. A slow reader's is not pressed on it with a refusal: it resumes. */
  end(refused: Refused | undefined): void {
    if (this.#ended !== undefined) return;
    this.#ended = { refused };
    // The client is gone.
    if (isOver(this.#stream)) return this.#release();
    if (!this.#blocked || refused !== undefined) this.#close(refused);
    else this.#release();
  }

  /** The stream counts frames, of which a few may be long: they are blocked by their bytes as well. */
  #write(event: SessionEvent): void {
    const bytes = bytesOfEvent(event);
    this.#inFlightBytes += bytes;
    this.#cork();
    const frame = { event: { event: eventToWire(event, this.#deps.facts) } };
    const takesMore = this.#stream.write(frame, () => this.#written(bytes));
    if (takesMore && this.#inFlightBytes <= maxInFlightBytes) return;
    this.#blocked = true;
    this.#awaitReader();
  }

  /** What one record of the log, or one batch of them, brings the client goes as one write. */
  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.#stream.cork();
    queueMicrotask(() => {
      this.#isCorked = false;
      this.#stream.uncork();
    });
  }

  #written(bytes: number): void {
    this.#inFlightBytes -= bytes;
    if (!this.#blocked || this.#stream.writableNeedDrain || this.#stream.writableEnded) return;
    if (this.#inFlightBytes <= maxInFlightBytes) this.#drained();
  }

  #keep(event: SessionEvent): void {
    const last = this.#unsent.at(-1);
    if (
      last?.type === 'delta' &&
      event.type === 'delta' &&
      last.replyMessageId === event.replyMessageId &&
      canJoin(last, event)
    ) {
      this.#unsent[this.#unsent.length - 1] = { ...last, text: last.text + event.text };
      this.#unsentBytes += event.text.length;
    } else {
      const kept = this.#unsentBytes + bytesOfEvent(event) > maxUnsentBytes ? withoutBytes(event) : event;
      this.#unsent.push(kept);
      this.#unsentBytes += bytesOfEvent(kept);
    }
    if (this.#unsentBytes > maxUnsentBytes) this.#slow(`${maxUnsentBytes} bytes are unread`);
  }

  #drained(): void {
    this.#deps.watchdog.unwatch(this.#deadline);
    this.#blocked = false;
    const events = this.#unsent;
    this.#unsent = [];
    this.#unsentBytes = 0;
    for (const event of events) {
      if (this.#blocked) this.#keep(event);
      else this.#write(event);
    }
    if (this.#blocked) return;
    if (this.#ended !== undefined) this.#close(this.#ended.refused);
    this.#release();
  }

  /** From now on the client has `slowConsumerMs` to read. */
  #awaitReader(): void {
    this.#deadline.deadlineMs = this.#deps.clock.monotonicMs() + slowConsumerMs;
    this.#deps.watchdog.watch(this.#deadline);
  }

  #expired(): void {
    if (this.#ended === undefined) this.#slow(`nothing was read for ${slowConsumerMs} ms`);
    else this.#cut();
  }

  #slow(what: string): void {
    const refused = new Refused('SLOW_CONSUMER', what);
    this.#onSlow(refused);
    // The session may have ended before, and its last events be on their way here.
    this.end(refused);
  }

  /** The end of the stream, queued behind earlier writes, has the same read timeout. */
  #close(refused: Refused | undefined): void {
    this.#unsent = [];
    this.#unsentBytes = 0;
    if (refused === undefined) this.#stream.end();
    else this.#stream.emit('error', this.#deps.errors.toServiceError(refused));
    this.#awaitReader();
    this.#release();
  }

  #cut(): void {
    this.#unsent = [];
    this.#unsentBytes = 0;
    http2StreamOf(this.#stream)?.close(constants.NGHTTP2_CANCEL);
  }

  #release(): void {
    for (const resolve of this.#waiters.splice(0)) resolve();
  }
}

function canJoin(last: { attempt: number; text: string }, next: { attempt: number; text: string }): boolean {
  return last.attempt === next.attempt && last.text.length + next.text.length <= maxPieceBytes / 4;
}

/** Bytes that the client can fetch from their URL must not be what it is cut for. */
function withoutBytes(event: SessionEvent): SessionEvent {
  if (event.type !== 'message' || event.links.size === 0) return event;
  const links = [...event.links].map(([id, { url, expireTimeMs }]) => [id, { url, expireTimeMs }] as const);
  return { ...event, links: new Map(links) };
}
