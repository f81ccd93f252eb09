import { durationMs } from '@bufbuild/protobuf/wkt';
import { type Client, Code, createClient } from '@connectrpc/connect';
import { type AccessToken, authorization } from './access-tokens.ts';
import { BidiLine } from './bidi-line.ts';
import { callsOver } from './calls.ts';
import { ChatService, type Hello, type Welcome } from './gen/chat/v1/chat_service_pb.js';
import type { Event, Frame, Line, LineHandlers } from './line.ts';
import { Refusal } from './refusal.ts';
import { SplitLine } from './split-line.ts';
import type { Wire, WireConnection } from './wire.ts';

/** A server that answers nothing for so many heartbeats is taken for lost. */
const SILENT_HEARTBEATS = 2;
/** However short the heartbeat: a busy machine must not look like a lost server. */
const MIN_SILENCE_MS = 5_000;
/** If Welcome does not say. */
const DEFAULT_HEARTBEAT_MS = 15_000;
/** How long a server that is alive takes to say Waiting or Welcome: it may wait 5 s for history. */
const OPENING_MS = 15_000;
/** How long the server has to end the stream after goodbye. */
const GOODBYE_MS = 2_000;

/** One session, from hello to its end: keeps the heartbeat, and notices a server that has gone silent. */
export class SessionStream {
  readonly #connection: WireConnection;
  readonly #line: Line;
  readonly #handlers: LineHandlers;
  readonly #waitMs: number;
  readonly #ended = Promise.withResolvers<Refusal | undefined>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the first ping was sent after which nothing came: only what was asked can go unanswered, in a process that was asleep as well. */
  #askedMs: number | undefined;
  /** Undefined where there is no session to keep alive. */
  #pingIntervalMs: number | undefined;
  #isOver = false;

  /** @param token what the stream begins with; `renewToken` frames follow it */
  constructor(wire: Wire, token: AccessToken | undefined, hello: Hello, handlers: LineHandlers) {
    this.#handlers = handlers;
    this.#waitMs = hello.waitForSlot === undefined ? 0 : durationMs(hello.waitForSlot);
    this.#connection = wire.connect();
    const chat = createClient(ChatService, callsOver(this.#connection.transport, undefined));
    const { onWritable } = handlers;
    this.#line = lineOf(wire, chat, authorization(token), { onEvent: (event) => this.#receive(event), onWritable });
    void this.#line.ended.then((refusal) => this.#finish(refusal));
    this.#expectAnswerIn(OPENING_MS);
    this.send({ case: 'hello', value: hello });
  }

  /** Settles when the stream is over: with the refusal, or undefined when the server ended it in order. */
  get ended(): Promise<Refusal | undefined> {
    return this.#ended.promise;
  }

  /** Asks the server at once whether it is there. */
  check(): void {
    if (this.#pingIntervalMs !== undefined && !this.#isOver) this.#ping(this.#pingIntervalMs);
  }

  /** Sends a frame. False: taken, but the next should wait for `onWritable`. */
  send(frame: Frame): boolean {
    return !this.#isOver && this.#line.send(frame);
  }

  /** Says goodbye and waits for the server to end the stream; after a while ends it itself. */
  async close(): Promise<void> {
    if (this.#isOver) return;
    this.#line.sayGoodbye();
    const timer = setTimeout(() => this.drop('The server did not answer to goodbye.'), GOODBYE_MS);
    await this.#ended.promise;
    clearTimeout(timer);
  }

  /** Breaks the stream off without a word, as a lost connection does. */
  drop(why: string): void {
    this.#finish(new Refusal(Code.Unavailable, why));
  }

  #receive(event: Event): void {
    if (this.#isOver) return;
    this.#askedMs = undefined;
    // In line there is nothing to hear but a change of place.
    if (event.case === 'waiting') this.#expectAnswerIn(this.#waitMs + OPENING_MS);
    if (event.case === 'welcome') this.#keepAlive(event.value);
    this.#handlers.onEvent(event);
  }

  #expectAnswerIn(limitMs: number): void {
    this.#pingIntervalMs = undefined;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.drop('The server does not answer.'), limitMs);
  }

  #keepAlive({ heartbeatInterval }: Welcome): void {
    const intervalMs = heartbeatInterval === undefined ? DEFAULT_HEARTBEAT_MS : durationMs(heartbeatInterval);
    this.#pingIntervalMs = intervalMs;
    this.#pingIn(intervalMs, intervalMs);
  }

  #pingIn(delayMs: number, intervalMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ping(intervalMs), delayMs);
  }

  #ping(intervalMs: number): void {
    const silenceMs = Math.max(SILENT_HEARTBEATS * intervalMs, MIN_SILENCE_MS);
    const nowMs = performance.now();
    this.#askedMs ??= nowMs;
    if (nowMs - this.#askedMs >= silenceMs) return this.drop('The server has gone silent.');
    this.#pingIn(Math.min(intervalMs, silenceMs), intervalMs);
    this.send({ case: 'ping', value: {} });
  }

  #finish(refusal: Refusal | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#line.cancel();
    this.#connection.close();
    this.#ended.resolve(refusal);
  }
}

function lineOf(
  wire: Wire,
  chat: Client<typeof ChatService>,
  headers: Readonly<Record<string, string>>,
  handlers: LineHandlers,
): Line {
  return wire.shape === 'bidi' ? new BidiLine(chat, headers, handlers) : new SplitLine(chat, headers, handlers);
}
