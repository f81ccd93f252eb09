import { durationMs } from '@bufbuild/protobuf/wkt';
import type { Hello, ServerEvent, Welcome } from '../../../../src/client/gen/chat/v1/chat_service_pb.js';
import { CallFailed, type Calls, failure, gatewayHeader } from './calls.ts';
import type { Page } from './page.ts';
import { refusal } from './refusals.ts';

/** If Welcome does not say. */
const defaultHeartbeatMs = 15_000;
/** However short the heartbeat: a busy machine must not look like a lost server. */
const minSilenceMs = 5_000;
/** How long a server that is alive takes to say Waiting or Welcome: it may wait 5 s for history. */
const openingMs = 15_000;
/** After a heartbeat that nobody answered. */
const heartbeatAgainMs = 1_000;
/** How long a polite end may take. */
const closeMs = 2_000;

/** One event of the server. */
export type Event = Extract<ServerEvent['event'], { case: string }>;

/** One stream, from hello to its end: keeps the heartbeat, and notices a server that has gone silent. */
export class SessionStream {
  readonly #calls: Calls;
  readonly #page: Pick<Page, 'isOnline'>;
  readonly #onEvent: (event: Event) => void;
  readonly #abort = new AbortController();
  #droppedBecause: CallFailed | undefined;
  #sessionId = '';
  /** Names the gateway that holds the session; '' without a proxy that tells it. */
  #gateway = '';
  #timer: ReturnType<typeof setTimeout> | undefined;
  #intervalMs = defaultHeartbeatMs;
  /** When the first heartbeat was sent after which the stream has brought nothing: the server answers each of them there too. */
  #askedMs: number | undefined;

  constructor(calls: Calls, page: Pick<Page, 'isOnline'>, onEvent: (event: Event) => void) {
    this.#calls = calls;
    this.#page = page;
    this.#onEvent = onEvent;
  }

  /** '' before Welcome. */
  get sessionId(): string {
    return this.#sessionId;
  }

  /** Of the session's unary calls, which must reach the gateway that holds it. */
  get headers(): Record<string, string> {
    return this.#gateway === '' ? {} : { [gatewayHeader]: this.#gateway };
  }

  /** Resolves when the stream is over: with why, or undefined when the server ended it in order. */
  async run(hello: Partial<Omit<Hello, '$typeName'>>): Promise<CallFailed | undefined> {
    this.#timer = setTimeout(() => this.drop('NETWORK'), openingMs);
    try {
      const onHeader = (headers: Headers) => {
        this.#gateway = headers.get(gatewayHeader) ?? '';
      };
      const { signal } = this.#abort;
      const responses = this.#calls.chat.open({ hello }, { signal, timeoutMs: 0, onHeader });
      for await (const { event } of responses) this.#take(event?.event);
      return this.#droppedBecause;
    } catch (error) {
      return this.#droppedBecause ?? failure(error);
    } finally {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    }
  }

  /** Breaks the stream off without a word. */
  drop(why: string | CallFailed): void {
    this.#droppedBecause ??= typeof why === 'string' ? new CallFailed(refusal(why, true)) : why;
    this.#abort.abort();
  }

  /** Frees the slot, and ends the stream. */
  async close(): Promise<void> {
    try {
      if (this.#sessionId !== '') await this.#calls.chat.close({ sessionId: this.#sessionId }, this.#options(closeMs));
    } catch {
      // The stream's end tells the server the same.
    }
    this.drop('NETWORK');
  }

  /** Asks at once whether the server is there, which also shows it the newest access token. */
  beat(): void {
    if (this.#sessionId !== '' && this.#timer !== undefined) void this.#beat();
  }

  #options(timeoutMs: number) {
    return { headers: this.headers, timeoutMs, signal: this.#abort.signal };
  }

  #take(event: ServerEvent['event'] | undefined): void {
    this.#askedMs = undefined;
    // Events of a newer contract decode to none.
    if (event?.case === undefined || this.#abort.signal.aborted) return;
    // In line there is nothing to hear but a change of place.
    if (event.case === 'waiting') this.#rest();
    if (event.case === 'welcome') this.#keepAlive(event.value);
    this.#onEvent(event);
  }

  #keepAlive({ sessionId, heartbeatInterval }: Welcome): void {
    this.#sessionId = sessionId;
    if (heartbeatInterval !== undefined) this.#intervalMs = durationMs(heartbeatInterval);
    this.#beatIn(this.#intervalMs);
  }

  /** In line there is no session to keep alive: at first, or since the server's log was away for a while. */
  #rest(): void {
    clearTimeout(this.#timer);
    this.#sessionId = '';
  }

  #beatIn(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#beat(), delayMs);
  }

  /** Only what was asked can go unanswered: a page in the background may be given time once a minute. */
  async #beat(): Promise<void> {
    const silenceMs = Math.max(2 * this.#intervalMs, minSilenceMs);
    const nowMs = performance.now();
    if (nowMs - (this.#askedMs ?? nowMs) > silenceMs) return this.drop('NETWORK');
    this.#beatIn(Math.min(this.#intervalMs, silenceMs / 2));
    this.#askedMs ??= nowMs;
    try {
      await this.#calls.chat.heartbeat({ sessionId: this.#sessionId }, this.#options(silenceMs));
    } catch (error) {
      this.#unanswered(failure(error));
    }
  }

  #unanswered(why: CallFailed): void {
    if (this.#abort.signal.aborted || this.#timer === undefined) return;
    // Without a network nothing is said soon: the browser knows before the server is silent for long.
    const isCut = why.reason === 'NETWORK' && !this.#page.isOnline();
    if (isCut || why.reason === 'SESSION_NOT_FOUND' || why.reason === 'UNAUTHENTICATED') this.drop(why);
    else this.#beatIn(Math.min(this.#intervalMs, heartbeatAgainMs));
  }
}
