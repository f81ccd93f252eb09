import type { Metadata, ServerDuplexStream, ServerWritableStream } from '@grpc/grpc-js';
import type { ChatRequest, ChatResponse, OpenRequest, ServerEvent } from '../../gen/chat/v1/chat_service.ts';
import type { SimulatedProcess } from '../world/process.ts';
import type { Scheduler } from '../world/scheduler.ts';
import { type CallStatus, cancelled, unavailable } from './call-status.ts';
import { ServerEnd, type ServerTransport } from './server-end.ts';

/** What the transport holds in each direction before the sender must wait: HTTP/2's window. */
export const windowBytes = 65_536;

/** Framing, ids and times of a frame, beside its text and bytes. */
const frameOverheadBytes = 60;

type Told = NonNullable<ServerEvent['event']>;

/** What a client of a stream is told. */
export interface StreamListener {
  event(event: Told): void;
  ended(status: CallStatus): void;
  /** It may send again. */
  drained(): void;
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

/** What the server's code has written: an event, or (last) how the stream ends. */
interface Written {
  readonly bytes: number;
  readonly deliver: () => void;
  readonly onTaken: () => void;
}

/**
 * One stream between a client and a gateway: frames arrive in order, after the connection's latency; neither side's transport takes more than
 * its window while the other does not read.
 */
export class ChatStream implements ServerTransport {
  readonly #options: StreamOptions;
  readonly #server: ServerEnd;
  #toServer: { readonly frame: ChatRequest | undefined; readonly bytes: number }[] = [];
  #toServerBytes = 0;
  #written: Written[] = [];
  #writtenBytes = 0;
  #isPumpDue = false;
  /** Taken by the transport and not read by the client. */
  #unreadBytes = 0;
  #clientReads = true;
  #waitsAtClient: (() => void)[] = [];
  #isOver = false;
  /** The server's transport has nothing to do with it any more. */
  #isCut = false;
  /** The largest frame that the server wrote. */
  largestBytes = 0;
  /** The most that the server's code had written and the transport had not taken. */
  mostWrittenBytes = 0;
  /** The most that the transport held for a client that did not read. */
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

  get written(): number {
    return this.#written.length;
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
    while (this.#server.isReading && !this.#isCut) {
      const next = this.#toServer.shift();
      if (next === undefined) return;
      const wasFull = this.#toServerBytes >= windowBytes;
      this.#toServerBytes -= next.bytes;
      if (wasFull && this.#toServerBytes < windowBytes) this.#atClient(() => this.#options.listener.drained());
      this.#server.take(next.frame);
    }
  }

  fromServer({ event }: ChatResponse, onTaken: () => void): void {
    const told = event?.event;
    if (told === undefined || this.#isCut) return;
    const bytes = eventBytes(told);
    this.largestBytes = Math.max(this.largestBytes, bytes);
    this.#write({ bytes, onTaken, deliver: () => this.#options.listener.event(told) });
  }

  /** The client reads on, or stops reading. */
  setReading(reads: boolean): void {
    this.#clientReads = reads;
    if (!reads) return;
    const waits = this.#waitsAtClient;
    this.#waitsAtClient = [];
    for (const wait of waits) wait();
  }

  /** Behind all that was written. */
  endedByServer(status: CallStatus): void {
    if (this.#isCut) return;
    this.#write({ bytes: 0, onTaken: () => {}, deliver: () => this.#end(status) });
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

  /** The server gives the stream up: what was written is dropped. */
  reset(): void {
    if (this.#isCut) return;
    this.#cut();
    this.#options.process.later(0, () => this.#server.call.stream.emit('close'));
    this.#options.scheduler.after(this.#options.latencyMs, () => this.#end(cancelled));
  }

  #cut(): void {
    this.#isCut = true;
    this.#written = [];
    this.#writtenBytes = 0;
  }

  #cancel(): void {
    if (this.#isCut) return;
    this.#cut();
    this.#server.cancelled = true;
    this.#server.emit('cancelled', 'cancelled');
    this.#server.emit('close');
    this.#server.call.stream.emit('close');
  }

  #end(status: CallStatus): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#options.listener.ended(status);
  }

  #write(written: Written): void {
    this.#written.push(written);
    this.#writtenBytes += written.bytes;
    // As Node does it, whoever writes is told later that it was taken.
    if (this.#written.length === 1) queueMicrotask(() => this.#pump());
    this.mostWrittenBytes = Math.max(this.mostWrittenBytes, this.#writtenBytes);
  }

  /** The transport takes what fits into its window. */
  #pump(): void {
    this.#isPumpDue = false;
    // The end of a stream needs no room.
    while (this.#unreadBytes < windowBytes || this.#written[0]?.bytes === 0) {
      const next = this.#written.shift();
      if (next === undefined) return;
      this.#writtenBytes -= next.bytes;
      this.#unreadBytes += next.bytes;
      this.mostUnreadBytes = Math.max(this.mostUnreadBytes, this.#unreadBytes);
      this.#atClient(() => this.#read(next));
      next.onTaken();
    }
  }

  #read({ bytes, deliver }: Written): void {
    if (this.#isOver) return;
    this.#unreadBytes -= bytes;
    deliver();
    const { process, latencyMs } = this.#options;
    if (this.#isOver) process.later(latencyMs, () => this.#closed());
    else if (this.#written.length > 0 && !this.#isPumpDue) {
      this.#isPumpDue = true;
      process.later(latencyMs, () => this.#pump());
    }
  }

  /** The client has read the end: both are done with the stream. */
  #closed(): void {
    if (this.#isCut) return;
    this.#cut();
    this.#server.call.stream.emit('close');
  }

  /** At the client, after the latency, and not before it reads. */
  #atClient(run: () => void): void {
    this.#options.scheduler.after(this.#options.latencyMs, () => {
      if (this.#clientReads) run();
      else this.#waitsAtClient.push(run);
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

function eventBytes(event: Told): number {
  if (event.$case === 'replyDelta') return frameOverheadBytes + event.value.text.length;
  if (event.$case !== 'message') return frameOverheadBytes;
  const parts = event.value.parts.map(({ value }) =>
    value?.$case === 'text' ? value.value.length : (value?.value.inlineData.length ?? 0) + 200,
  );
  return parts.reduce((sum, bytes) => sum + bytes, frameOverheadBytes);
}
