import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import type { Accepted, Hello, Welcome } from '../gen/chat/v1/chat_service.ts';
import type { Message } from '../gen/chat/v1/content.ts';
import type { ChatEvents } from './chat-events.ts';
import { Conversation } from './conversation.ts';
import { Dialogue } from './dialogue.ts';
import type { Posted } from './outbox.ts';
import type { AfterLoss, BackoffOptions } from './reconnect.ts';
import { afterLoss, DEFAULT_BACKOFF, reconnectDelayMs } from './reconnect.ts';
import { durationOf, Refusal } from './refusal.ts';
import type { Event } from './session-stream.ts';
import { SessionStream } from './session-stream.ts';

/** Who connects, where, and how patiently. */
export interface ChatClientOptions {
  /** `host:port` */
  readonly address: string;
  readonly clientId: string;
  /** IANA time zone. */
  readonly timeZone: string;
  /** The conversation to join. Default: a new one. */
  readonly conversationId?: string | undefined;
  /** If there is no such conversation, begin a new one instead of ending. Default false. */
  readonly elseNewConversation?: boolean | undefined;
  /** What was received of that conversation before. Default 0: nothing. */
  readonly afterSequence?: bigint | undefined;
  /** Of an earlier session of this client, which is then taken over. */
  readonly resumeToken?: string | undefined;
  /** How long to stand in line when every slot is taken. Default 0: not at all. */
  readonly waitForSlotMs?: number | undefined;
  /** How long to go on trying without a session. Default: for ever. */
  readonly giveUpAfterMs?: number | undefined;
  readonly backoff?: BackoffOptions | undefined;
  /** In [0, 1), for the jitter of the back-off. */
  readonly random?: (() => number) | undefined;
}

/**
 * A chat client without a screen: holds a session through lost connections, restarts and take-overs, says each message
 * once, and puts replies together without hole or repeat.
 */
export class ChatClient extends EventEmitter<ChatEvents> {
  readonly #options: ChatClientOptions;
  readonly #random: () => number;
  readonly #dialogue: Dialogue;
  readonly #closing = new AbortController();
  readonly #firstWelcome = Promise.withResolvers<Welcome>();
  #running: Promise<void> | undefined;
  #stream: SessionStream | undefined;
  #resumeToken: string;
  #hadSession = false;
  #brokeBeforeWelcome = false;
  #withoutSessionSinceMs = 0;
  /** Attempts that failed since the last session. */
  #failures = 0;
  /** Ends a pause that has no end of its own. */
  #somethingToSay: (() => void) | undefined;

  constructor(options: ChatClientOptions) {
    super();
    this.#options = options;
    this.#random = options.random ?? Math.random;
    this.#resumeToken = options.resumeToken ?? '';
    this.#dialogue = new Dialogue(this, options.conversationId ?? '', options.afterSequence ?? 0n);
    // Nobody needs to wait for it: the status tells the same.
    this.#firstWelcome.promise.catch(() => undefined);
  }

  /** Messages that have no final answer yet. */
  get pendingCount(): number {
    return this.#dialogue.pendingCount;
  }

  /** The conversation in which the session is; empty before the first Welcome of a new one. */
  get conversationId(): string {
    return this.#dialogue.position.conversationId;
  }

  /**
   * Connects, and from then on keeps connected.
   * @returns the first Welcome
   * @throws Refusal when the client is refused, or gives up
   */
  connect(): Promise<Welcome> {
    this.#running ??= this.#run();
    return this.#firstWelcome.promise;
  }

  /**
   * Hands over a message for the conversation last joined. It is sent once there is a session, and again, under the
   * same id, until it is accepted.
   * @throws Refusal when the client is closed
   */
  post(text: string, clientMessageId: string = randomUUID()): Posted {
    if (this.#closing.signal.aborted) throw closed();
    const posted = this.#dialogue.post(clientMessageId, text);
    this.#somethingToSay?.();
    return posted;
  }

  /**
   * Says something and waits for the complete reply.
   * @throws MessageRefused, or the Refusal that ended the client
   */
  async send(text: string, clientMessageId?: string): Promise<{ accepted: Accepted; reply: Message }> {
    const posted = this.post(text, clientMessageId);
    return { accepted: await posted.accepted, reply: await posted.reply };
  }

  /** Stops the replies under way in this conversation. @returns how many messages were without a reply */
  stop(): number {
    return this.#dialogue.stop();
  }

  /**
   * Turns to another conversation; empty: a new one. Messages posted from then on go there. Replies under way in the
   * one left behind settle when it is joined again.
   * @returns its id
   * @throws Refusal when there is no such conversation for this client, which then stays where it was
   */
  join(conversationId = '', afterSequence = 0n): Promise<string> {
    const joined = this.#dialogue.join(conversationId, afterSequence);
    this.#somethingToSay?.();
    return joined;
  }

  /** Says goodbye, which frees the slot, and ends the client. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#stream?.close();
    await this.#running;
  }

  /** Ends the client without a word, as if its process had been killed: the server may still hold the session. */
  async abandon(): Promise<void> {
    this.#closing.abort();
    this.#stream?.drop('The client is gone.');
    await this.#running;
  }

  /** Breaks the connection, as a network may. The client connects again by itself. */
  dropConnection(): void {
    this.#stream?.drop('The connection was dropped.');
  }

  /** Attempt after attempt, until the client is closed or there is no point. */
  async #run(): Promise<void> {
    this.#withoutSessionSinceMs = performance.now();
    let ending: Refusal | undefined;
    while (!this.#closing.signal.aborted) {
      const refusal = await this.#attempt();
      if (this.#closing.signal.aborted || this.#leaveRefused(refusal)) continue;
      const next = this.#afterLoss(refusal);
      if (next === 'park') await this.#park();
      else if (next === 'again') await this.#pause(refusal);
      else {
        ending = refusal;
        break;
      }
    }
    this.#end(ending);
  }

  /** One stream, from hello to its end. */
  async #attempt(): Promise<Refusal | undefined> {
    this.emit('status', { state: 'connecting' });
    this.#dialogue.prepare();
    this.#failures += 1;
    const handlers = { onEvent: (event: Event) => this.#receive(event), onWritable: () => this.#dialogue.flush() };
    this.#stream = new SessionStream(this.#options.address, this.#hello(), handlers);
    const refusal = await this.#stream.ended;
    this.#stream = undefined;
    this.#dialogue.hold();
    if (this.#failures === 0) this.#withoutSessionSinceMs = performance.now();
    else if (refusal?.reason === '') this.#brokeBeforeWelcome = true;
    return refusal;
  }

  #leaveRefused(refusal: Refusal | undefined): boolean {
    const instead =
      this.#options.elseNewConversation === true && !this.#hadSession ? new Conversation('', 0n) : undefined;
    return this.#dialogue.leaveRefused(refusal, instead);
  }

  #hello(): Hello {
    const { clientId, timeZone, waitForSlotMs = 0 } = this.#options;
    return {
      clientId,
      timeZone,
      resumeToken: this.#resumeToken,
      ...this.#dialogue.position,
      waitForSlot: durationOf(waitForSlotMs),
      inlineMedia: false,
    };
  }

  #receive(event: Event): void {
    this.emit('event', event);
    if (event.$case === 'waiting') this.#suspend(event.value.place);
    else if (event.$case === 'welcome') this.#welcomed(event.value);
    else if (event.$case === 'drain') this.#drain(event.value.deadline);
    else this.#dialogue.receive(event);
    if (event.$case === 'joined') this.emit('status', { state: 'joined', conversationId: event.value.conversationId });
    if (MOVES.has(event.$case)) this.emit('session', { resumeToken: this.#resumeToken, ...this.#dialogue.position });
  }

  /** In line, at first or after an outage of the server's log: nothing is taken until Welcome. */
  #suspend(place: number): void {
    this.#dialogue.hold();
    this.emit('status', { state: 'waiting', place });
  }

  #welcomed(welcome: Welcome): void {
    const stream = this.#stream;
    this.#resumeToken = welcome.resumeToken;
    this.#failures = 0;
    this.#hadSession = true;
    this.#brokeBeforeWelcome = false;
    this.emit('status', { state: 'connected', welcome });
    this.#dialogue.open(welcome.conversationId, (frame) => stream?.send(frame) ?? false);
    this.#firstWelcome.resolve(welcome);
  }

  /** What is said from here on waits for the next stream; replies still come on this one. */
  #drain(deadline: Date | undefined): void {
    this.#dialogue.hold();
    this.emit('status', { state: 'draining', deadline });
  }

  #afterLoss(refusal: Refusal | undefined): AfterLoss {
    const withoutSessionMs = performance.now() - this.#withoutSessionSinceMs;
    if (withoutSessionMs > (this.#options.giveUpAfterMs ?? Infinity)) return 'end';
    return afterLoss(refusal, {
      hadSession: this.#hadSession,
      mayHoldSession: this.#resumeToken !== '' || this.#brokeBeforeWelcome,
      withoutSessionMs,
      hasPending: this.#dialogue.pendingCount > 0,
    });
  }

  async #pause(refusal: Refusal | undefined): Promise<void> {
    const { backoff = DEFAULT_BACKOFF } = this.#options;
    const delayMs = reconnectDelayMs(Math.max(1, this.#failures), refusal?.retryDelayMs, this.#random(), backoff);
    this.emit('status', { state: 'reconnecting', delayMs, refusal });
    await delay(delayMs, undefined, { signal: this.#closing.signal }).catch(rethrowUnlessAborted);
  }

  async #park(): Promise<void> {
    this.emit('status', { state: 'parked' });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#somethingToSay = resolve;
    this.#closing.signal.addEventListener('abort', () => resolve(), { once: true });
    await promise;
    this.#somethingToSay = undefined;
    this.#withoutSessionSinceMs = performance.now();
  }

  #end(refusal: Refusal | undefined): void {
    this.#closing.abort();
    const error = refusal ?? closed();
    this.#dialogue.end(error);
    this.#firstWelcome.reject(error);
    this.emit('status', { state: 'closed', refusal });
  }
}

/** Events after which a later process would resume from another place. */
const MOVES: ReadonlySet<Event['$case']> = new Set(['welcome', 'joined', 'accepted', 'message']);

function closed(): Refusal {
  return new Refusal(status.CANCELLED, 'The client was closed.');
}

function rethrowUnlessAborted(error: Error): void {
  if (error.name !== 'AbortError') throw error;
}
