import type { ServiceError } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import type { ChatResponse, Hello, ServerEvent, Welcome } from '../gen/chat/v1/chat_service.ts';
import { ChatRequest } from '../gen/chat/v1/chat_service.ts';
import type { ChatStream } from './connection.ts';
import { Connection } from './connection.ts';
import type { AccessToken, Endpoint } from './endpoint.ts';
import { durationMs, Refusal, refusalOf } from './refusal.ts';

/** A server that answers nothing for so many heartbeats is taken for lost. */
const SILENT_HEARTBEATS = 3;
/** However short the heartbeat: a busy machine must not look like a lost server. */
const MIN_SILENCE_MS = 3_000;
/** If Welcome does not say. */
const DEFAULT_HEARTBEAT_MS = 15_000;
/** How long a server that is alive takes to say Waiting or Welcome. */
const OPENING_MS = 10_000;
/** How long the server has to end the stream after goodbye. */
const GOODBYE_MS = 2_000;

/** One event of the server; exactly one case is set. */
export type Event = NonNullable<ServerEvent['event']>;
/** One frame of the client. */
export type Frame = NonNullable<ChatRequest['frame']>;

/** What a session stream reports to its owner. */
export interface StreamHandlers {
  readonly onEvent: (event: Event) => void;
  /** There is room again after `send` returned false. */
  readonly onWritable: () => void;
}

/** One stream, from hello to its end: keeps the heartbeat, and notices a server that has gone silent. */
export class SessionStream {
  readonly #connection: Connection;
  readonly #stream: ChatStream;
  readonly #handlers: StreamHandlers;
  readonly #waitMs: number;
  readonly #ended = Promise.withResolvers<Refusal | undefined>();
  #heartbeat: NodeJS.Timeout | undefined;
  #opening: NodeJS.Timeout | undefined;
  #lastHeardMs = performance.now();
  #over = false;

  /** @param token what the stream begins with; `renewToken` frames follow it */
  constructor(endpoint: Endpoint, token: AccessToken | undefined, hello: Hello, handlers: StreamHandlers) {
    this.#handlers = handlers;
    this.#waitMs = hello.waitForSlot === undefined ? 0 : durationMs(hello.waitForSlot);
    this.#connection = new Connection(endpoint);
    this.#stream = this.#connection.chat(token);
    this.#stream.on('data', (response: ChatResponse) => this.#receive(response));
    this.#stream.on('drain', () => handlers.onWritable());
    this.#stream.on('error', (error) => this.#finish(refusalOf(error as ServiceError)));
    this.#stream.on('end', () => this.#finish(undefined));
    this.#expectAnswerIn(OPENING_MS);
    this.send({ $case: 'hello', value: hello });
  }

  /** Settles when the stream is over: with the refusal, or undefined when the server ended it in order. */
  get ended(): Promise<Refusal | undefined> {
    return this.#ended.promise;
  }

  /** Sends a frame. False: taken, but the next should wait for `onWritable`. */
  send(frame: Frame): boolean {
    if (!this.#stream.writable) return false;
    return this.#stream.write(ChatRequest.create({ frame }));
  }

  /** Says goodbye and waits for the server to end the stream; after a while ends it itself. */
  async close(): Promise<void> {
    if (this.#over) return;
    this.send({ $case: 'goodbye', value: {} });
    this.#stream.end();
    const timer = setTimeout(() => this.drop('The server did not answer to goodbye.'), GOODBYE_MS);
    await this.#ended.promise;
    clearTimeout(timer);
  }

  /** Breaks the stream off without a word, as a lost connection does. */
  drop(why: string): void {
    this.#finish(new Refusal(status.UNAVAILABLE, why));
  }

  #receive(response: ChatResponse): void {
    this.#lastHeardMs = performance.now();
    const event = response.event?.event;
    // Events of a newer contract decode to none.
    if (event === undefined || this.#over) return;
    // In line there is nothing to hear but a change of place.
    if (event.$case === 'waiting') this.#expectAnswerIn(this.#waitMs + OPENING_MS);
    if (event.$case === 'welcome') this.#keepAlive(event.value);
    this.#handlers.onEvent(event);
  }

  #expectAnswerIn(limitMs: number): void {
    this.#stopTimers();
    this.#opening = setTimeout(() => this.drop('The server does not answer.'), limitMs);
  }

  #keepAlive(welcome: Welcome): void {
    this.#stopTimers();
    const intervalMs =
      welcome.heartbeatInterval === undefined ? DEFAULT_HEARTBEAT_MS : durationMs(welcome.heartbeatInterval);
    const silenceMs = Math.max(SILENT_HEARTBEATS * intervalMs, MIN_SILENCE_MS);
    this.#heartbeat = setInterval(() => {
      if (performance.now() - this.#lastHeardMs > silenceMs) this.drop('The server has gone silent.');
      else this.send({ $case: 'ping', value: {} });
    }, intervalMs);
  }

  #stopTimers(): void {
    clearTimeout(this.#opening);
    clearInterval(this.#heartbeat);
  }

  #finish(refusal: Refusal | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#stopTimers();
    this.#stream.cancel();
    this.#connection.close();
    this.#ended.resolve(refusal);
  }
}
