import { create } from '@bufbuild/protobuf';
import { durationFromMs, timestampDate } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import { pause, withSignal } from './abort.ts';
import type { AccessToken, AccessTokens } from './access-tokens.ts';
import { type ChatEvent, type ChatEvents, type ChatStatus, TOLD } from './chat-events.ts';
import { Conversation } from './conversation.ts';
import { type CatchUp, Dialogue } from './dialogue.ts';
import { Emitter } from './emitter.ts';
import {
  type Accepted,
  type Drain,
  type Hello,
  HelloSchema,
  type SessionLimits,
  type Welcome,
} from './gen/chat/v1/chat_service_pb.js';
import type { Event } from './line.ts';
import type { OutboxStorage, OutgoingPart, Posted } from './outbox.ts';
import { type AfterLoss, afterLoss, type BackoffOptions, DEFAULT_BACKOFF, reconnectDelayMs } from './reconnect.ts';
import { Refusal } from './refusal.ts';
import type { Reply } from './reply.ts';
import { SessionStream } from './session-stream.ts';
import { TokenRenewal } from './token-renewal.ts';
import { Unread } from './unread.ts';
import type { Wire } from './wire.ts';

/** What a chat is to go on with, and how withRetries. */
export interface ChatOptions {
  /** The conversation to join. Default: a new one. */
  readonly conversationId?: string | undefined;
  /** The same as an object. */
  readonly conversation?: Conversation | undefined;
  /** If there is no such conversation, begin a new one instead of ending. Default false. */
  readonly elseNewConversation?: boolean | undefined;
  /** What was received of that conversation before. Default 0: nothing. */
  readonly afterSequence?: bigint | undefined;
  /**
   * Reads a conversation before the session is in it, for example its newest page of history: what the stream brings begins behind the sequence that it
   * resolves with. A Refusal that it throws counts as that of the stream.
   */
  readonly catchUp?: CatchUp | undefined;
  /** Of an earlier session of this client, which is then taken over. A function is called for each attempt, where processes hand a session over. */
  readonly resumeToken?: string | (() => string) | undefined;
  /** Ends the session that this client has elsewhere, if any; only for callers with an access token. Ask the person first. Default false. */
  readonly takeOver?: boolean | undefined;
  /** How long to stand in line when every slot is taken. Default 0: not at all. */
  readonly waitForSlotMs?: number | undefined;
  /** The bytes of reply media come with the replies, where they fit. Default false: only their URLs. */
  readonly inlineMedia?: boolean | undefined;
  /**
   * For user interfaces: refusals that may pass are sat out from the first attempt on, and after another one the chat does not end but waits for `start`,
   * with what was posted. Default false.
   */
  readonly persistent?: boolean | undefined;
  /** How long to go on trying without a session. Default: for ever. */
  readonly giveUpAfterMs?: number | undefined;
  readonly backoff?: BackoffOptions | undefined;
  /** Keeps what is not accepted over the end of the process. Default: it ends with it. */
  readonly storage?: OutboxStorage | undefined;
  /** In [0, 1), for the jitter of the back-off. */
  readonly random?: (() => number) | undefined;
}

/** Who connects, and where. */
export interface Caller {
  readonly wire: Wire;
  /** Empty: whom the access token says. */
  readonly clientId: string;
  /** IANA time zone. A function is called for each attempt, where it may change. */
  readonly timeZone: string | (() => string);
  /** The person's own instructions to the model, up to `maxInstructionsBytes`. A function is called for each message, where they may change. Default: none. */
  readonly instructions?: string | (() => string) | undefined;
  /** Default: calls carry no credentials. */
  readonly tokens?: AccessTokens | undefined;
}

/** A message that is in the log: it will be answered, or its failure told, whatever crashes. */
export interface Sent {
  readonly clientMessageId: string;
  readonly accepted: Accepted;
  /** Complete when awaited, piece by piece when iterated. */
  readonly reply: Reply;
}

/** How a message is sent. */
export interface SendOptions {
  /** Chosen by the caller, to send the same again from another process. Default: a random one. */
  readonly clientMessageId?: string | undefined;
  /** Default: the one last joined. */
  readonly conversation?: Conversation | undefined;
  /** The message is not wanted any more: it is taken back or, once it may have been sent, its reply stopped. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * One session: holds it through lost connections, restarts and take-overs, says each message
 * once, and puts replies together without hole or repeat.
 */
export class Chat extends Emitter<ChatEvents> implements AsyncIterable<ChatEvent>, AsyncDisposable {
  /** Messages that a former process left in the storage: they are sent first. */
  readonly restored: readonly Posted[];
  readonly #options: Caller & ChatOptions;
  readonly #random: () => number;
  readonly #dialogue: Dialogue;
  readonly #renewal: TokenRenewal;
  readonly #closing = new AbortController();
  readonly #firstWelcome = Promise.withResolvers<Welcome>();
  #running: Promise<void> | undefined;
  #stream: SessionStream | undefined;
  #limits: SessionLimits | undefined;
  #ownResumeToken = '';
  /** Until the next Welcome. */
  #takesOver: boolean;
  #hadSession = false;
  #brokeBeforeWelcome = false;
  #withoutSessionSinceMs = 0;
  /** Attempts that failed since the last session. */
  #failures = 0;
  /** The wait that is under way. */
  #resting: Resting | undefined;
  #isLeft = false;
  /** The token of the last attempt, and its refusal until another one was got. */
  #token: AccessToken | undefined;
  #unauthenticated: Refusal | undefined;
  /** Why nothing more can be said; undefined until then. */
  #ending: Refusal | undefined;

  constructor(options: Caller & ChatOptions) {
    super();
    this.#options = options;
    this.#random = options.random ?? Math.random;
    this.#takesOver = options.takeOver ?? false;
    this.#renewal = new TokenRenewal(options.tokens);
    const {
      conversation = new Conversation(options.conversationId, options.afterSequence),
      catchUp,
      storage,
      instructions,
    } = options;
    this.#dialogue = new Dialogue((name, payload) => this.emit(name, payload), {
      conversation,
      catchUp,
      storage,
      instructions,
    });
    this.restored = this.#dialogue.restore(storage?.load() ?? []);
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

  /** The last message of that conversation that was received. */
  get receivedUpTo(): bigint {
    return this.#dialogue.position.afterSequence;
  }

  /** Nothing more can be said or heard: it was closed, or refused for good. */
  get isOver(): boolean {
    return this.#ending !== undefined;
  }

  /** What the server takes, as it last said; undefined before the first Welcome. */
  get limits(): SessionLimits | undefined {
    return this.#limits;
  }

  /**
   * Connects, and from then on keeps connected.
   * @param signal ends the wait, and the client
   * @returns the first Welcome
   * @throws Refusal when the client is refused, or gives up
   */
  async connect(signal?: AbortSignal): Promise<Welcome> {
    signal?.throwIfAborted();
    this.start();
    try {
      return await withSignal(this.#firstWelcome.promise, signal);
    } catch (error) {
      if (signal?.aborted) await this.abandon();
      throw error;
    }
  }

  /** As `connect`, at once whatever the chat waits for, also after a refusal or `leave`; `status` tells how it goes. */
  start(): void {
    if (this.#isLeft) this.#stream?.drop('The session is wanted here again.');
    this.#isLeft = false;
    if (this.#resting !== undefined) this.#failures = 0;
    this.#endRest('pause', 'parked', 'refused', 'left');
    this.#running ??= this.#run();
  }

  /** As `start`, and ends the session that this client has elsewhere: for who was refused with ALREADY_CONNECTED, and asked the person. */
  takeOver(): void {
    this.#takesOver = true;
    this.start();
  }

  /** Something is about to be said: connects again where the slot was given up for silence. */
  wake(): void {
    this.#endRest('parked');
  }

  /** The network has changed, or the user is back: makes the next attempt at once, or asks the server whether it is still there. */
  check(): void {
    this.#endRest('pause');
    this.#stream?.check();
  }

  /**
   * Leaves the session to another process of this client, which takes it over. What is posted waits for `start`.
   * @param handOverMs how long the stream stays open for that: were it ended first, who waits in line would get the slot
   */
  leave(handOverMs = 0): void {
    this.#isLeft = true;
    this.#dialogue.hold();
    this.#endRest('pause', 'parked', 'refused');
    const stream = this.#stream;
    if (stream === undefined) return;
    this.emit('status', { state: 'left' });
    void pause(this.#hasWelcome ? handOverMs : 0, this.#closing.signal).then(() =>
      stream.drop('The session was left.'),
    );
  }

  /**
   * Hands over a message for the conversation last joined. It is sent once there is a session, and again, under the
   * same id, until it is accepted.
   * @param conversation default: the one last joined
   * @throws Refusal when the client is closed: the one that ended it, if one did
   */
  post(
    said: string | readonly OutgoingPart[],
    clientMessageId: string = crypto.randomUUID(),
    conversation?: Conversation,
  ): Posted {
    if (this.#closing.signal.aborted) throw this.#ending ?? closed();
    const parts = typeof said === 'string' ? [textPart(said)] : said;
    const posted = this.#dialogue.post(clientMessageId, parts, conversation);
    this.wake();
    return posted;
  }

  /**
   * Sends a message. @returns once it is in the log
   * @throws MessageRefused, the Refusal that ended the client, or the reason of the signal
   */
  async send(
    said: string | readonly OutgoingPart[],
    { clientMessageId, conversation, signal }: SendOptions = {},
  ): Promise<Sent> {
    signal?.throwIfAborted();
    const posted = this.post(said, clientMessageId, conversation);
    const abandon = (): void => this.#dialogue.abandon(posted.clientMessageId, signal?.reason);
    signal?.addEventListener('abort', abandon, { once: true });
    const settled = (): void => signal?.removeEventListener('abort', abandon);
    posted.reply.then(settled, settled);
    const accepted = await withSignal(posted.accepted, signal);
    return { clientMessageId: posted.clientMessageId, accepted, reply: posted.reply };
  }

  /**
   * What happens in the chat, from now on. Ends when the chat is closed.
   * @throws Refusal when it ended for another reason; RangeError when the reader is too far behind
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<ChatEvent, void, void> {
    if (this.#closing.signal.aborted) return;
    const unread = new Unread<ChatEvent>();
    const listening = TOLD.map((type) => this.on(type, (data) => unread.push({ type, data } as ChatEvent)));
    const ends = this.on('status', (status) => {
      if (status.state === 'closed') unread.end(status.refusal);
    });
    try {
      yield* unread;
    } finally {
      for (const off of [...listening, ends]) off();
    }
  }

  /** Stops the reply to one message, by its id in the log. @returns false where there is no session to say so in */
  stopReply(messageId: string): boolean {
    this.#dialogue.stopReply(messageId);
    return this.#hasWelcome && this.#stream?.send({ case: 'stopMessageId', value: messageId }) !== undefined;
  }

  /** Stops the replies under way in this conversation. @returns how many messages were without a reply */
  stop(): number {
    return this.#dialogue.stop();
  }

  /**
   * Turns to another conversation; empty: a new one. Messages posted from then on go there. Replies under way in the
   * one left behind settle when it is joined again.
   * @returns its id
   * @throws Refusal when there is no such conversation for this client, which then stays where it was; when it is closed, as `post`
   */
  async join(conversation: string | Conversation = '', afterSequence = 0n): Promise<string> {
    if (this.#closing.signal.aborted) throw this.#ending ?? closed();
    const joined = this.#dialogue.join(conversation, afterSequence);
    this.wake();
    return joined;
  }

  /** Says goodbye, which frees the slot, and ends the client. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#stream?.close();
    await this.#running;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
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
      const refusal = this.#isLeft ? undefined : await this.#attempt();
      if (this.#closing.signal.aborted || this.#leaveRefused(refusal)) continue;
      const next = this.#isLeft ? 'left' : this.#afterLoss(refusal);
      if (next === 'left') await this.#rest('left', { state: 'left' });
      else if (next === 'park') await this.#rest('parked', { state: 'parked' });
      else if (next === 'again') await this.#pause(refusal);
      else if (this.#options.persistent === true) await this.#rest('refused', { state: 'refused', refusal });
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
    this.#failures += 1;
    const hello = await this.#hello();
    if (hello instanceof Refusal || this.#closing.signal.aborted || this.#isLeft)
      return hello instanceof Refusal ? hello : undefined;
    const handlers = {
      onEvent: (event: Event) => this.#receive(event),
      onWritable: () => this.#dialogue.writable(),
    };
    this.#stream = new SessionStream(this.#options.wire, this.#token, hello, handlers);
    const refusal = await this.#stream.ended;
    this.#stream = undefined;
    this.#renewal.stop();
    this.#dialogue.hold();
    if (this.#failures === 0) this.#withoutSessionSinceMs = performance.now();
    else if (refusal?.reason === '') this.#brokeBeforeWelcome = true;
    return refusal;
  }

  /** Another one than was refused, where there may be one. */
  async #newToken(): Promise<AccessToken | undefined> {
    const { tokens } = this.#options;
    const refused = this.#unauthenticated;
    if (refused === undefined || this.#token === undefined || tokens?.instead === undefined) return tokens?.fresh();
    const other = await tokens.instead(this.#token);
    if (other === undefined) throw refused;
    this.#unauthenticated = undefined;
    return other;
  }

  /** What the next stream begins with, or why there is nothing. */
  async #hello(): Promise<Hello | Refusal> {
    try {
      const place = await this.#dialogue.prepare();
      this.#token = await this.#newToken();
      return this.#helloIn(place);
    } catch (error) {
      if (error instanceof Refusal) return error;
      return new Refusal(Code.Unauthenticated, error instanceof Error ? error.message : String(error), {
        cause: error,
      });
    }
  }

  #leaveRefused(refusal: Refusal | undefined): boolean {
    const { persistent, elseNewConversation } = this.#options;
    const mayBeNew = persistent === true || (elseNewConversation === true && !this.#hadSession);
    const instead = mayBeNew ? new Conversation() : undefined;
    return this.#dialogue.leaveRefused(refusal, instead);
  }

  #helloIn(place: { readonly conversationId: string; readonly afterSequence: bigint }): Hello {
    const { clientId, timeZone, waitForSlotMs = 0, inlineMedia = false } = this.#options;
    return create(HelloSchema, {
      clientId,
      timeZone: typeof timeZone === 'string' ? timeZone : timeZone(),
      resumeToken: this.#resumeToken,
      ...place,
      waitForSlot: durationFromMs(waitForSlotMs),
      inlineMedia,
      takeOver: this.#takesOver,
    });
  }

  get #resumeToken(): string {
    const { resumeToken = '' } = this.#options;
    if (typeof resumeToken === 'function') return resumeToken();
    return this.#ownResumeToken || resumeToken;
  }

  get #hasWelcome(): boolean {
    return this.#stream !== undefined && this.#failures === 0;
  }

  #receive(event: Event): void {
    this.emit('event', event);
    if (event.case === 'waiting') this.#suspend(event.value.place);
    else if (event.case === 'welcome') this.#welcomed(event.value);
    else if (event.case === 'drain') this.#drain(event.value);
    else this.#dialogue.receive(event);
    if (event.case === 'joined') this.emit('status', { state: 'joined', conversationId: event.value.conversationId });
    if (MOVES.has(event.case)) this.emit('session', { resumeToken: this.#ownResumeToken, ...this.#dialogue.position });
  }

  /** In line, at first or after an outage of the server's log: nothing is taken until Welcome. */
  #suspend(place: number): void {
    // A server that lets wait is well: whoever must stand in line again should not come late.
    this.#failures = 1;
    this.#dialogue.hold();
    this.emit('status', { state: 'waiting', place });
  }

  #welcomed(welcome: Welcome): void {
    const stream = this.#stream;
    this.#renewal.start(this.#token, (accessToken) => stream?.send({ case: 'renewToken', value: { accessToken } }));
    this.#limits = welcome.limits;
    this.#ownResumeToken = welcome.resumeToken;
    this.#takesOver = false;
    this.#failures = 0;
    this.#hadSession = true;
    this.#brokeBeforeWelcome = false;
    this.#unauthenticated = undefined;
    this.emit('status', { state: 'connected', welcome });
    if (this.#isLeft) return;
    this.#dialogue.open(welcome.conversationId, (frame) => stream?.send(frame) ?? false);
    this.#firstWelcome.resolve(welcome);
  }

  /** What is said from here on waits for the next stream; replies still come on this one. */
  #drain({ deadline }: Drain): void {
    this.#dialogue.hold();
    this.emit('status', { state: 'draining', deadline: deadline && timestampDate(deadline) });
  }

  #afterLoss(refusal: Refusal | undefined): AfterLoss {
    const withoutSessionMs = performance.now() - this.#withoutSessionSinceMs;
    const { giveUpAfterMs = Infinity, tokens, persistent = false } = this.#options;
    if (withoutSessionMs > giveUpAfterMs) return 'end';
    const mayBeRenewed = this.#failures === 0 || (this.#token !== undefined && tokens?.instead !== undefined);
    const mayRenewToken = tokens !== undefined && mayBeRenewed && refusal !== this.#unauthenticated;
    if (refusal?.reason === 'UNAUTHENTICATED') this.#unauthenticated = mayRenewToken ? refusal : undefined;
    const hasOwnToken = this.#resumeToken !== '' && (this.#hadSession || this.#token === undefined);
    return afterLoss(refusal, {
      hadSession: this.#hadSession,
      mayHoldSession: hasOwnToken || this.#brokeBeforeWelcome,
      withoutSessionMs,
      hasPending: this.#dialogue.pendingCount > 0,
      mayRenewToken,
      isPersistent: persistent,
    });
  }

  async #pause(refusal: Refusal | undefined): Promise<void> {
    const { backoff = DEFAULT_BACKOFF } = this.#options;
    const delayMs = reconnectDelayMs(Math.max(1, this.#failures), refusal?.retryDelayMs, this.#random(), backoff);
    await this.#rest('pause', { state: 'reconnecting', delayMs, refusal }, delayMs);
  }

  /** Waits until `endRest` ends it. */
  async #rest(kind: Resting['kind'], status: ChatStatus, delayMs = Infinity): Promise<void> {
    const over = new AbortController();
    this.#resting = { kind, end: () => over.abort() };
    this.emit('status', status);
    await pause(delayMs, AbortSignal.any([over.signal, this.#closing.signal]));
    this.#resting = undefined;
    if (kind !== 'pause') this.#withoutSessionSinceMs = performance.now();
  }

  #endRest(...kinds: readonly Resting['kind'][]): void {
    if (this.#resting !== undefined && kinds.includes(this.#resting.kind)) this.#resting.end();
  }

  #end(refusal: Refusal | undefined): void {
    this.#closing.abort();
    const error = refusal ?? closed();
    this.#ending = error;
    this.#dialogue.end(error);
    this.#firstWelcome.reject(error);
    this.emit('status', { state: 'closed', refusal });
  }
}

/** A wait between attempts: `pause` ends by itself, the others only when something happens. */
interface Resting {
  readonly kind: 'pause' | 'parked' | 'refused' | 'left';
  readonly end: () => void;
}

/** Events after which a later process would resume from another place. */
const MOVES: ReadonlySet<Event['case']> = new Set(['welcome', 'joined', 'accepted', 'message']);

function textPart(value: string): OutgoingPart {
  return { value: { case: 'text', value } };
}

function closed(): Refusal {
  return new Refusal(Code.Canceled, 'The client was closed.');
}
