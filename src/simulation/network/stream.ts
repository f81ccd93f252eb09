import { EventEmitter } from 'node:events';
import type { Metadata, ServerDuplexStream, ServerWritableStream, ServiceError } from '@grpc/grpc-js';
import type { ChatRequest, ChatResponse, OpenRequest, ServerEvent } from '../../gen/chat/v1/chat_service.ts';
import { ErrorInfo } from '../../gen/google/rpc/error_details.ts';
import { Status } from '../../gen/google/rpc/status.ts';
import type { SimulatedProcess } from '../world/process.ts';
import type { Scheduler } from '../world/scheduler.ts';

/** What the transport holds in each direction before the sender must wait: HTTP/2's window. */
export const windowBytes = 65_536;

/** Framing, ids and times of a frame, beside its text and bytes. */
const frameOverheadBytes = 60;

/** How a stream or call ended, as its client sees it. */
export interface CallStatus {
  /** '' where the status carries no ErrorInfo. */
  readonly reason: string;
  readonly code: number;
  readonly details: string;
}

export const okStatus: CallStatus = { reason: '', code: 0, details: '' };
export const unavailable: CallStatus = { reason: '', code: 14, details: 'the connection broke' };

/** What a client of a stream is told. */
export interface StreamListener {
  event(event: NonNullable<ServerEvent['event']>): void;
  ended(status: CallStatus): void;
  /** It may send again. */
  drained(): void;
}

/** What the server's code sees of a stream. Only what a service uses of grpc-js's streams is here. */
class ServerEnd extends EventEmitter {
  readonly metadata: Metadata;
  readonly request: OpenRequest | undefined;
  cancelled = false;
  /** The service sets how far grpc-js reads ahead; here nothing is read ahead. */
  readonly _readableState = { highWaterMark: 16 };
  readonly #stream: ChatStream;
  #isPaused = false;

  constructor(stream: ChatStream, metadata: Metadata, request: OpenRequest | undefined) {
    super();
    this.#stream = stream;
    this.metadata = metadata;
    this.request = request;
    this.on('error', (error: ServiceError) => stream.endedByServer(statusOf(error)));
  }

  write(response: ChatResponse): boolean {
    return this.#stream.fromServer(response);
  }

  end(): void {
    this.#stream.endedByServer(okStatus);
  }

  pause(): this {
    this.#isPaused = true;
    return this;
  }

  isPaused(): boolean {
    return this.#isPaused;
  }

  resume(): this {
    this.#isPaused = false;
    this.#stream.flow();
    return this;
  }

  getPeer(): string {
    return '10.0.0.1:1';
  }
}

/** How an error that the server's code ends a call with reads at the client. */
export function statusOf(error: Partial<Pick<ServiceError, 'code' | 'details' | 'metadata'>>): CallStatus {
  const [bytes] = error.metadata?.get('grpc-status-details-bin') ?? [];
  const details = bytes === undefined ? [] : Status.decode(bytes as Buffer).details;
  const info = details.find(({ typeUrl }) => typeUrl.endsWith('ErrorInfo'));
  const reason = info === undefined ? '' : ErrorInfo.decode(info.value).reason;
  return { reason, code: error.code ?? 2, details: error.details ?? '' };
}

export interface StreamOptions {
  readonly scheduler: Scheduler;
  readonly process: SimulatedProcess;
  readonly metadata: Metadata;
  readonly listener: StreamListener;
  /** One way, of this connection. */
  readonly latencyMs: number;
  /** Of the split shape: what opens the stream. */
  readonly request?: OpenRequest | undefined;
}

/**
 * One stream between a client and a gateway: frames arrive in order, after the connection's latency; neither side's transport takes more than
 * its window while the other does not read.
 */
export class ChatStream {
  readonly #options: StreamOptions;
  readonly #server: ServerEnd;
  #toServer: { readonly frame: ChatRequest | undefined; readonly bytes: number }[] = [];
  #toServerBytes = 0;
  #toClientBytes = 0;
  #clientReads = true;
  #waitsAtClient: (() => void)[] = [];
  #serverWaits = false;
  #isOver = false;
  #isCut = false;
  /** The most that the transport held for a client that did not read: beyond its window, the server ignores back-pressure. */
  mostUnreadBytes = 0;

  constructor(options: StreamOptions) {
    this.#options = options;
    this.#server = new ServerEnd(this, options.metadata, options.request);
  }

  get server(): ServerDuplexStream<ChatRequest, ChatResponse> & ServerWritableStream<OpenRequest, ChatResponse> {
    return this.#server as unknown as ServerDuplexStream<ChatRequest, ChatResponse> &
      ServerWritableStream<OpenRequest, ChatResponse>;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Bytes that the client has sent and the server's code has not taken. */
  get untakenBytes(): number {
    return this.#toServerBytes;
  }

  /** False when the client should wait for `drained`. */
  send(frame: ChatRequest | undefined): boolean {
    if (this.#isOver) return false;
    const bytes = frame === undefined ? 0 : frameBytes(frame);
    this.#toServerBytes += bytes;
    this.#options.process.later(this.#options.latencyMs, () => {
      this.#toServer.push({ frame, bytes });
      this.flow();
    });
    return this.#toServerBytes < windowBytes;
  }

  /** Gives the server's code what has come, as long as it reads. */
  flow(): void {
    while (!this.#server.isPaused() && !this.#isCut) {
      const next = this.#toServer.shift();
      if (next === undefined) return;
      const wasFull = this.#toServerBytes >= windowBytes;
      this.#toServerBytes -= next.bytes;
      if (wasFull && this.#toServerBytes < windowBytes) this.#atClient(() => this.#options.listener.drained());
      if (next.frame === undefined) this.#server.emit('end');
      else this.#server.emit('data', next.frame);
    }
  }

  /** False when the server must wait for `drain`. */
  fromServer({ event }: ChatResponse): boolean {
    if (this.#isOver || event?.event === undefined) return true;
    const told = event.event;
    const bytes = eventBytes(told);
    this.#toClientBytes += bytes;
    this.mostUnreadBytes = Math.max(this.mostUnreadBytes, this.#toClientBytes - bytes);
    this.#atClient(() => {
      if (this.#isOver) return;
      this.#toClientBytes -= bytes;
      this.#drainIfRead();
      this.#options.listener.event(told);
    });
    this.#serverWaits ||= this.#toClientBytes >= windowBytes;
    return !this.#serverWaits;
  }

  /** The client reads on, or stops reading. */
  setReading(reads: boolean): void {
    this.#clientReads = reads;
    if (!reads) return;
    const waits = this.#waitsAtClient;
    this.#waitsAtClient = [];
    for (const wait of waits) wait();
  }

  endedByServer(status: CallStatus): void {
    if (this.#isCut) return;
    this.#isCut = true;
    this.#atClient(() => this.#end(status));
    this.#options.process.later(0, () => this.#server.emit('close'));
  }

  /** The connection breaks; the server notices after so long, undefined: never. */
  break(serverNoticesAfterMs: number | undefined): void {
    if (this.#isOver) return;
    this.#end(unavailable);
    if (serverNoticesAfterMs !== undefined) this.#options.process.later(serverNoticesAfterMs, () => this.#cancel());
  }

  /** The server's process is gone. */
  lost(): void {
    this.#options.scheduler.after(this.#options.latencyMs, () => this.#end(unavailable));
  }

  #cancel(): void {
    if (this.#isCut) return;
    this.#isCut = true;
    this.#server.cancelled = true;
    this.#server.emit('cancelled', 'cancelled');
    this.#server.emit('close');
  }

  #end(status: CallStatus): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#options.listener.ended(status);
  }

  /** At the client, after the latency, and not before it reads. */
  #atClient(run: () => void): void {
    this.#options.scheduler.after(this.#options.latencyMs, () => {
      if (this.#clientReads) run();
      else this.#waitsAtClient.push(run);
    });
  }

  #drainIfRead(): void {
    if (!this.#serverWaits || this.#toClientBytes >= windowBytes / 2) return;
    this.#serverWaits = false;
    this.#options.process.later(this.#options.latencyMs, () => {
      if (!this.#isCut) this.#server.emit('drain');
    });
  }
}

/** As many bytes as a frame has on the wire, nearly. */
export function frameBytes({ frame }: ChatRequest): number {
  if (frame?.$case !== 'message') return frameOverheadBytes;
  const parts = frame.value.parts.map(({ value }) =>
    value?.$case === 'text' ? value.value.length : value?.$case === 'media' ? value.value.inlineData.length : 0,
  );
  return parts.reduce((sum, bytes) => sum + bytes, frameOverheadBytes);
}

function eventBytes(event: NonNullable<ServerEvent['event']>): number {
  if (event.$case === 'replyDelta') return frameOverheadBytes + event.value.text.length;
  if (event.$case !== 'message') return frameOverheadBytes;
  const parts = event.value.parts.map(({ value }) =>
    value?.$case === 'text' ? value.value.length : (value?.value.inlineData.length ?? 0) + 200,
  );
  return parts.reduce((sum, bytes) => sum + bytes, frameOverheadBytes);
}
