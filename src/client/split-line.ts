import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { type Client, Code } from '@connectrpc/connect';
import { pause } from './abort.ts';
import { FrameQueue } from './frame-queue.ts';
import { type ChatService, type Hello, MessageRejectedSchema } from './gen/chat/v1/chat_service_pb.js';
import type { Event, Frame, Line, LineHandlers } from './line.ts';
import { reasons } from './reasons.ts';
import { isRefusal, type Refusal, refusalOf } from './refusal.ts';

/** Envoy names the gateway that holds a session with this header of Open's answer, and finds it by the same header of later calls. */
const GATEWAY_HEADER = 'x-parley-gateway';
/** A message may hold media, and go over a slow network. */
const SEND_TIMEOUT_MS = 30_000;
/** After a call that nobody answered, in a session that goes on. */
const TRY_AGAIN_MS = 1_000;

/** Codes by which transports and proxies tell that nobody answered. */
const LOST: ReadonlySet<Code> = new Set([
  Code.Unavailable,
  Code.DeadlineExceeded,
  Code.Unknown,
  Code.Canceled,
  Code.Aborted,
]);

type MessageFrame = Extract<Frame, { case: 'message' }>;

/** A session as a server stream and unary calls, which follow one another as the frames of a stream do. */
export class SplitLine implements Line {
  readonly ended: Promise<Refusal | undefined>;
  readonly #chat: Client<typeof ChatService>;
  readonly #handlers: LineHandlers;
  readonly #headers: Headers;
  readonly #queue: FrameQueue;
  readonly #abort = new AbortController();
  #sessionId = '';
  #brokenBy: Refusal | undefined;

  /** @param headers of the stream and of the calls */
  constructor(chat: Client<typeof ChatService>, headers: Readonly<Record<string, string>>, handlers: LineHandlers) {
    this.#chat = chat;
    this.#headers = new Headers(headers);
    this.#handlers = handlers;
    // One at a time: what is refused for now must be known before the message behind it is sent.
    this.#queue = new FrameQueue(handlers.onWritable, 0);
    this.ended = this.#run();
  }

  send(frame: Frame): boolean {
    switch (frame.case) {
      case 'ping':
        // Behind nothing: a call that hangs must not make the client look dead.
        void this.#beat();
        return true;
      case 'renewToken':
        this.#headers.set('authorization', `Bearer ${frame.value.accessToken}`);
        void this.#beat();
        return true;
      default:
        return this.#queue.push(frame);
    }
  }

  sayGoodbye(): void {
    this.#queue.push({ case: 'goodbye', value: {} });
    this.#queue.end();
  }

  cancel(): void {
    this.#queue.end();
    this.#abort.abort();
  }

  async #run(): Promise<Refusal | undefined> {
    let stream: Promise<Refusal | undefined> | undefined;
    for await (const frame of this.#queue) {
      if (frame.case === 'hello') stream = this.#listen(frame.value as Hello);
      else await this.#obey(frame);
      if (this.#abort.signal.aborted) break;
    }
    return (await stream) ?? this.#brokenBy;
  }

  async #listen(hello: Hello): Promise<Refusal | undefined> {
    const onHeader = (headers: globalThis.Headers) => {
      const gateway = headers.get(GATEWAY_HEADER);
      if (gateway !== null) this.#headers.set(GATEWAY_HEADER, gateway);
    };
    try {
      for await (const { event } of this.#chat.open({ hello }, { ...this.#options, onHeader })) {
        // Events of a newer contract decode to none.
        if (event?.event.case !== undefined) this.#receive(event.event);
      }
      return this.#brokenBy;
    } catch (error) {
      return this.#brokenBy ?? refusalOf(error);
    } finally {
      // Nobody waits for the answers to calls under way.
      this.cancel();
    }
  }

  #receive(event: Event): void {
    if (event.case === 'welcome') this.#sessionId = event.value.sessionId;
    this.#handlers.onEvent(event);
  }

  get #options() {
    return { headers: this.#headers, signal: this.#abort.signal };
  }

  /** The stream tells what comes of it; only what failed is told here. What nobody answered is sent again: no frame overtakes another. */
  async #obey(frame: Frame): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      try {
        return await this.#call(frame);
      } catch (error) {
        const refusal = refusalOf(error);
        if (signal.aborted) return;
        if (!isLost(refusal) || frame.case === 'goodbye') return this.#failed(frame, refusal);
        await pause(TRY_AGAIN_MS, signal);
      }
    }
  }

  async #call(frame: Frame): Promise<void> {
    const sessionId = this.#sessionId;
    if (frame.case === 'message')
      await this.#chat.send({ sessionId, message: frame.value }, { ...this.#options, timeoutMs: SEND_TIMEOUT_MS });
    else if (frame.case === 'join') await this.#chat.join({ sessionId, conversation: frame.value }, this.#options);
    else if (frame.case === 'stopMessageId')
      await this.#chat.stopReply({ sessionId, messageId: frame.value }, this.#options);
    else if (frame.case === 'goodbye') await this.#chat.close({ sessionId }, this.#options);
  }

  #failed(frame: Frame, refusal: Refusal): void {
    const isSessions = isRefusal(refusal, 'SESSION_NOT_FOUND', 'UNAUTHENTICATED', 'NOT_YOURS');
    if (frame.case === 'message' && !isSessions) return this.#reject(frame, refusal);
    // A reply that is over cannot be stopped, and the end of a session that is lost is its end.
    if (frame.case === 'stopMessageId' && !isSessions) return;
    this.#break(refusal);
  }

  /** As a stream says it. */
  #reject({ value }: MessageFrame, refusal: Refusal): void {
    const { reason, knownReason, codeName, message: detail, retryDelayMs } = refusal;
    const rejected = create(MessageRejectedSchema, {
      clientMessageId: value.clientMessageId ?? '',
      reason: reason === '' ? codeName : reason,
      detail,
      // Some tell when they pass, which may be in weeks, and are nothing to wait for.
      retryable: retryDelayMs !== undefined && (knownReason === undefined || reasons[knownReason].retryable),
      ...(retryDelayMs !== undefined && { retryDelay: durationFromMs(retryDelayMs) }),
    });
    this.#handlers.onEvent({ case: 'rejected', value: rejected });
  }

  async #beat(): Promise<void> {
    try {
      await this.#chat.heartbeat({ sessionId: this.#sessionId }, this.#options);
    } catch (error) {
      // What nobody answers is noticed by the silence that follows.
      if (isRefusal(error, 'SESSION_NOT_FOUND', 'UNAUTHENTICATED')) this.#break(error);
    }
  }

  #break(why: Refusal): void {
    this.#brokenBy ??= why;
    this.cancel();
  }
}

function isLost({ reason, code }: Refusal): boolean {
  return reason === '' && LOST.has(code);
}
