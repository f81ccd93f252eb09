import { EventEmitter } from 'node:events';
import type { Metadata, ServiceError } from '@grpc/grpc-js';
import type { ChatRequest, ChatResponse, OpenRequest } from '../../gen/chat/v1/chat_service.ts';
import { type CallStatus, okStatus, statusOf } from './call-status.ts';

/** What the server's code does to its end of a stream. */
export interface ServerTransport {
  /** Frames written and not taken by the transport. */
  readonly written: number;
  /** Writes a frame; `onTaken` is called once the transport has taken it. */
  fromServer(response: ChatResponse, onTaken: () => void): void;
  endedByServer(status: CallStatus): void;
  reset(): void;
  flow(): void;
}

/** Frames written before a writer should wait: the object mode of Node's streams. */
const highWaterMarkFrames = 16;

/** What the server's code sees of a stream. Only what a service uses of grpc-js's streams is here. */
export class ServerEnd extends EventEmitter {
  readonly metadata: Metadata;
  readonly request: OpenRequest | undefined;
  cancelled = false;
  writableNeedDrain = false;
  writableEnded = false;
  /** A service sets how far grpc-js reads ahead; here nothing is read ahead. */
  readonly _readableState = { highWaterMark: highWaterMarkFrames };
  /** Where grpc-js keeps the HTTP/2 stream of a call. */
  readonly call: { readonly stream: Http2End };
  readonly #transport: ServerTransport;
  /** As in Node: nothing flows before somebody listens. */
  #isFlowing = false;
  #isPaused = false;
  /** What is written while the stream is corked; undefined: it is not. */
  #corked: (() => void)[] | undefined;

  constructor(transport: ServerTransport, metadata: Metadata, request: OpenRequest | undefined) {
    super();
    this.#transport = transport;
    this.metadata = metadata;
    this.request = request;
    this.call = { stream: new Http2End(transport) };
    this.on('error', (error: ServiceError) => this.#end(statusOf(error)));
  }

  write(response: ChatResponse, onTaken: () => void = () => {}): boolean {
    if (this.writableEnded) return false;
    const send = () => this.#transport.fromServer(response, () => this.#taken(onTaken));
    if (this.#corked === undefined) send();
    else this.#corked.push(send);
    this.writableNeedDrain ||= this.#transport.written + (this.#corked?.length ?? 0) >= highWaterMarkFrames;
    return !this.writableNeedDrain;
  }

  cork(): void {
    this.#corked ??= [];
  }

  uncork(): void {
    const corked = this.#corked ?? [];
    this.#corked = undefined;
    for (const send of corked) send();
  }

  end(): void {
    this.#end(okStatus);
  }

  isPaused(): boolean {
    return this.#isPaused;
  }

  pause(): this {
    this.#isPaused = true;
    return this;
  }

  resume(): this {
    this.#isPaused = false;
    this.#isFlowing = true;
    queueMicrotask(() => this.#transport.flow());
    return this;
  }

  /** Whether what comes from the client is taken now. */
  get isReading(): boolean {
    return this.#isFlowing && !this.#isPaused;
  }

  override on(name: string, listener: (...values: never[]) => void): this {
    super.on(name, listener as (...values: unknown[]) => void);
    if (name !== 'data') return this;
    this.#isFlowing = true;
    queueMicrotask(() => this.#transport.flow());
    return this;
  }

  /** What has come from the client; undefined: it has closed its half. */
  take(frame: ChatRequest | undefined): void {
    if (frame === undefined) this.emit('end');
    else this.emit('data', frame);
  }

  getPeer(): string {
    return '10.0.0.1:1';
  }

  #end(status: CallStatus): void {
    if (this.writableEnded) return;
    this.writableEnded = true;
    this.uncork();
    this.#transport.endedByServer(status);
  }

  #taken(onTaken: () => void): void {
    if (this.#transport.written === 0 && this.writableNeedDrain) {
      this.writableNeedDrain = false;
      this.emit('drain');
    }
    onTaken();
  }
}

/** The HTTP/2 stream below: it closes once the client, too, has done with it. */
class Http2End extends EventEmitter {
  readonly #transport: ServerTransport;

  constructor(transport: ServerTransport) {
    super();
    this.#transport = transport;
  }

  /** Resets the stream. */
  close(): void {
    this.#transport.reset();
  }
}
