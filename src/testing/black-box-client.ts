import { randomUUID } from 'node:crypto';
import * as grpc from '@grpc/grpc-js';
import { CallRefused, call, clientOf, type Dynamic, type DynamicClient, duration, hangUp } from './contract.ts';

/** The two ways to hold a session; every scenario must come out the same over both. */
export const shapes = ['bidi', 'split'] as const;
export type Shape = (typeof shapes)[number];

const gatewayHeader = 'x-parley-gateway';

/** Generous on purpose: it bounds a hanging test and asserts nothing. */
const waitTimeoutMs = 30_000;

export interface Hello {
  readonly clientId?: string;
  readonly timeZone?: string;
  readonly conversationId?: string;
  readonly resumeToken?: string;
  readonly afterSequence?: number;
  readonly waitForSlotMs?: number;
  readonly inlineMedia?: boolean;
  readonly takeOver?: boolean;
}

/** Where a session's frames come from and go to. */
export interface Dial {
  readonly address: string;
  readonly shape: Shape;
  /** An open client to share; otherwise the session has a connection of its own. */
  readonly client?: DynamicClient;
  readonly options?: grpc.ClientOptions;
  /** Carried by every call. */
  readonly accessToken?: string;
}

/** The metadata of a call that carries this token; without one, none. */
export function withToken(accessToken: string | undefined): grpc.Metadata {
  const metadata = new grpc.Metadata();
  if (accessToken !== undefined) metadata.set('authorization', `Bearer ${accessToken}`);
  return metadata;
}

/** A message that the server did not take; the session goes on. */
export class MessageRefused extends Error {
  override readonly name = 'MessageRefused';
  readonly reason: string;
  readonly retryable: boolean;
  readonly clientMessageId: string;
  readonly retryDelayMs: number | undefined;

  constructor(reason: string, retryable: boolean, clientMessageId: string, retryDelayMs: number | undefined) {
    super(`${reason} (${clientMessageId})`);
    this.reason = reason;
    this.retryable = retryable;
    this.clientMessageId = clientMessageId;
    this.retryDelayMs = retryDelayMs;
  }
}

/** What is waited for: kinds of events, each with what its body must be. */
type Matchers = Readonly<Record<string, (body: Dynamic) => boolean>>;

interface Found {
  readonly kind: string;
  readonly body: Dynamic;
}

interface Waiter {
  readonly matchers: Matchers;
  readonly resolve: (found: Found) => void;
  readonly reject: (error: Error) => void;
}

function foundIn(event: Dynamic, matchers: Matchers): Found | undefined {
  const kind: string = event.event;
  const body = event[kind];
  return matchers[kind]?.(body) ? { kind, body } : undefined;
}

/** One session as a client sees it: every event it got, in order, and the things it can do. */
export abstract class Session {
  /** Every event received, in order: `{ event: 'welcome', welcome: {…} }`. */
  readonly events: Dynamic[] = [];
  /** How the stream ended: null when the server ended it without error. Never rejects. */
  readonly ended: Promise<CallRefused | null>;
  readonly client: DynamicClient;
  /** On which the server's events come. */
  abstract readonly stream: grpc.ClientReadableStream<Dynamic>;
  readonly #ownsClient: boolean;
  readonly #waiters = new Set<Waiter>();
  readonly #listeners: ((kind: string, body: Dynamic) => void)[] = [];
  #end: (how: CallRefused | null) => void = () => {};
  #over = false;

  constructor(dial: Dial) {
    this.client = dial.client ?? clientOf('chat.v1.ChatService', dial.address, dial.options);
    this.#ownsClient = dial.client === undefined;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  abstract say(parts: readonly object[], clientMessageId: string): Promise<Dynamic>;
  abstract stopReply(messageId: string): Promise<void>;
  abstract join(conversationId: string, afterSequence?: number): Promise<Dynamic>;
  /** A sign of life; resolves with the server's answer to it. */
  abstract ping(): Promise<Dynamic>;
  /** Shows a newer access token. */
  abstract renew(accessToken: string): Promise<void>;
  /** Ends the session politely and waits until it has ended. */
  abstract goodbye(): Promise<void>;

  /** The connection is lost, as by a crash or a reload: nothing is said. */
  drop(): void {
    this.stream.cancel();
  }

  pauseReading(): void {
    this.stream.pause();
  }

  resumeReading(): void {
    this.stream.resume();
  }

  protected listen(stream: grpc.ClientReadableStream<Dynamic>): void {
    stream.on('data', (frame: Dynamic) => this.#receive(frame.event));
    // The status says it all; without a listener `error` would be thrown.
    stream.on('error', () => {});
    stream.on('status', (status: grpc.StatusObject) =>
      this.#finish(status.code === grpc.status.OK ? null : new CallRefused(status)),
    );
  }

  #receive(event: Dynamic): void {
    this.events.push(event);
    for (const waiter of this.#waiters) {
      const found = foundIn(event, waiter.matchers);
      if (found !== undefined) waiter.resolve(found);
    }
    for (const listener of this.#listeners) listener(event.event, event[event.event]);
  }

  #finish(how: CallRefused | null): void {
    this.#over = true;
    for (const waiter of this.#waiters) waiter.reject(how ?? new Error('the session ended'));
    if (this.#ownsClient) hangUp(this.client);
    this.#end(how);
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** Calls back on every event from now on. */
  onEvent(listener: (kind: string, body: Dynamic) => void): void {
    this.#listeners.push(listener);
  }

  /** Drops the events received so far of which this is true: for a client that stays long and looks through them often. */
  forget(isOld: (kind: string, body: Dynamic) => boolean): void {
    const kept = this.events.filter((event) => !isOld(event.event, event[event.event]));
    this.events.splice(0, this.events.length, ...kept);
  }

  /** Bodies of the events of a kind received so far. */
  all(kind: string): Dynamic[] {
    return this.events.filter((event) => event.event === kind).map((event) => event[kind]);
  }

  /** The first event of the kind that matches, of those received or still to come. Rejects when the session ends before. */
  async find(
    kind: string,
    match: (body: Dynamic) => boolean = () => true,
    timeoutMs = waitTimeoutMs,
  ): Promise<Dynamic> {
    return (await this.findAny({ [kind]: match }, { timeoutMs })).body;
  }

  /** The first event that is one of these; with `from`, the events received before that many are left out. */
  findAny(matchers: Matchers, { from = 0, timeoutMs = waitTimeoutMs } = {}): Promise<Found> {
    for (const event of this.events.slice(from)) {
      const found = foundIn(event, matchers);
      if (found !== undefined) return Promise.resolve(found);
    }
    const what = Object.keys(matchers).join(' or ');
    if (this.#over)
      return this.ended.then((how) => Promise.reject(how ?? new Error(`the session ended before ${what}`)));
    return new Promise((resolve, reject) => {
      const settled = () => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
      };
      const settle =
        <T>(action: (value: T) => void) =>
        (value: T) => {
          settled();
          action(value);
        };
      const waiter: Waiter = { matchers, resolve: settle(resolve), reject: settle(reject) };
      const timer = setTimeout(() => waiter.reject(this.#late(what, timeoutMs)), timeoutMs);
      this.#waiters.add(waiter);
    });
  }

  #late(what: string, timeoutMs: number): Error {
    const last = this.events.slice(-20).map((event) => event.event);
    return new Error(`no ${what} within ${timeoutMs} ms; the last events were ${last.join(' ')}`);
  }

  welcome(timeoutMs?: number): Promise<Dynamic> {
    return this.find('welcome', undefined, timeoutMs);
  }

  /** Says a text; resolves with Accepted, rejects with MessageRefused. */
  text(text: string, clientMessageId: string = randomUUID()): Promise<Dynamic> {
    return this.say([{ text }], clientMessageId);
  }

  /** The complete reply to a message of this client. */
  reply(messageId: string, timeoutMs?: number): Promise<Dynamic> {
    return this.find('message', (message) => message.replyToMessageId === messageId, timeoutMs);
  }

  /** Says a text and waits for the complete reply. */
  async ask(text: string, clientMessageId?: string): Promise<{ accepted: Dynamic; reply: Dynamic }> {
    const accepted = await this.text(text, clientMessageId);
    return { accepted, reply: await this.reply(accepted.messageId) };
  }

  /** The pieces of a reply that this session got, by attempt, checked to have no hole and no repeat. */
  pieces(replyMessageId: string): Map<number, string> {
    const drafts = new Map<number, string>();
    for (const delta of this.all('replyDelta')) {
      if (delta.replyMessageId !== replyMessageId) continue;
      const draft = drafts.get(delta.attempt) ?? '';
      if (Buffer.byteLength(draft) !== delta.offsetBytes) {
        throw new Error(
          `attempt ${delta.attempt}: have ${Buffer.byteLength(draft)} bytes, piece at ${delta.offsetBytes}`,
        );
      }
      drafts.set(delta.attempt, draft + delta.text);
    }
    return drafts;
  }
}

function helloOf(hello: Hello): object {
  return {
    clientId: hello.clientId ?? `stranger-${randomUUID()}`,
    timeZone: hello.timeZone ?? 'Europe/Paris',
    conversationId: hello.conversationId ?? '',
    resumeToken: hello.resumeToken ?? '',
    afterSequence: hello.afterSequence ?? 0,
    inlineMedia: hello.inlineMedia ?? false,
    takeOver: hello.takeOver ?? false,
    ...(hello.waitForSlotMs === undefined ? {} : { waitForSlot: duration(hello.waitForSlotMs) }),
  };
}

/** A session on the bidirectional stream. */
export class BidiSession extends Session {
  readonly stream: grpc.ClientDuplexStream<Dynamic, Dynamic>;

  constructor(dial: Dial) {
    super(dial);
    this.stream = this.client['Chat'](withToken(dial.accessToken));
    this.listen(this.stream);
  }

  /** Writes a frame as it stands, also a wrong one. */
  frame(frame: object): void {
    if (!this.isOver) this.stream.write(frame);
  }

  async say(parts: readonly object[], clientMessageId: string): Promise<Dynamic> {
    const accepted = (body: Dynamic) => body.clientMessageId === clientMessageId;
    // What has an id was accepted before, and this is its end: whoever resumes may be sent that before the answer to what it repeats.
    const rejected = (body: Dynamic) => accepted(body) && body.messageId === '';
    const answer = this.findAny({ accepted, rejected }, { from: this.events.length });
    this.frame({ message: { clientMessageId, parts } });
    const { kind, body } = await answer;
    if (kind === 'rejected') throw refusal(body);
    return body;
  }

  async stopReply(messageId: string): Promise<void> {
    this.frame({ stopMessageId: messageId });
  }

  join(conversationId: string, afterSequence = 0): Promise<Dynamic> {
    return this.#answered('joined', { join: { conversationId, afterSequence } });
  }

  ping(): Promise<Dynamic> {
    return this.#answered('pong', { ping: {} });
  }

  async renew(accessToken: string): Promise<void> {
    this.frame({ renewToken: { accessToken } });
  }

  async #answered(kind: string, frame: object): Promise<Dynamic> {
    const answer = this.findAny({ [kind]: () => true }, { from: this.events.length });
    this.frame(frame);
    return (await answer).body;
  }

  async goodbye(): Promise<void> {
    this.frame({ goodbye: {} });
    await this.ended;
  }
}

function refusal(body: Dynamic): MessageRefused {
  const delay = body.retryDelay === null || body.retryDelay === undefined ? undefined : body.retryDelay;
  const delayMs = delay && delay.seconds * 1000 + delay.nanos / 1e6;
  return new MessageRefused(body.reason, body.retryable, body.clientMessageId, delayMs);
}

/** The same session on a server stream and unary calls. */
export class SplitSession extends Session {
  readonly stream: grpc.ClientReadableStream<Dynamic>;
  #accessToken: string | undefined;
  /** Which gateway holds the session, where a proxy before several says so. */
  #gateway: grpc.MetadataValue | undefined;

  constructor(dial: Dial, hello: Hello) {
    super(dial);
    this.#accessToken = dial.accessToken;
    this.stream = this.client['Open']({ hello: helloOf(hello) }, withToken(dial.accessToken));
    this.stream.on('metadata', (metadata) => {
      this.#gateway = metadata.get(gatewayHeader)[0];
    });
    this.listen(this.stream);
  }

  async #call(method: string, request: object): Promise<Dynamic> {
    await this.welcome();
    // After an outage of the log the session may go on under another id.
    const { sessionId } = this.all('welcome').at(-1);
    const metadata = withToken(this.#accessToken);
    if (this.#gateway !== undefined) metadata.set(gatewayHeader, this.#gateway);
    return call(this.client, method, { sessionId, ...request }, undefined, metadata);
  }

  async renew(accessToken: string): Promise<void> {
    this.#accessToken = accessToken;
    await this.ping();
  }

  async say(parts: readonly object[], clientMessageId: string): Promise<Dynamic> {
    try {
      return (await this.#call('Send', { message: { clientMessageId, parts } })).accepted;
    } catch (error) {
      if (!(error instanceof CallRefused) || error.reason === '') throw error;
      throw new MessageRefused(error.reason, error.retryDelayMs !== undefined, clientMessageId, error.retryDelayMs);
    }
  }

  async stopReply(messageId: string): Promise<void> {
    await this.#call('StopReply', { messageId });
  }

  async join(conversationId: string, afterSequence = 0): Promise<Dynamic> {
    return (await this.#call('Join', { conversation: { conversationId, afterSequence } })).joined;
  }

  ping(): Promise<Dynamic> {
    return this.#call('Heartbeat', {});
  }

  async goodbye(): Promise<void> {
    await this.#call('Close', {});
    await this.ended;
  }
}

/** Dials and says hello; the session may still be refused or stand in line. */
export function dial(where: Dial, hello: Hello = {}): Session {
  if (where.shape === 'split') return new SplitSession(where, hello);
  const session = new BidiSession(where);
  session.frame({ hello: helloOf(hello) });
  return session;
}

/** Dials and waits for Welcome. */
export async function connect(where: Dial, hello: Hello = {}): Promise<{ session: Session; welcome: Dynamic }> {
  const session = dial(where, hello);
  return { session, welcome: await session.welcome() };
}

/** The text of a message as history or the stream tells it. */
export function textOf(message: Dynamic): string {
  return message.parts.map((part: Dynamic) => part.text).join('');
}
