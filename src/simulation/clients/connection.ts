import { catalogue, type Reason } from '../../domain/errors/catalogue.ts';
import type {
  Accepted,
  ChatRequest,
  Hello,
  OutgoingMessage,
  SendResponse,
  ServerEvent,
} from '../../gen/chat/v1/chat_service.ts';
import type { CallStatus } from '../network/call-status.ts';
import type { ChatStream } from '../network/stream.ts';
import { CallFailed, callUnary } from '../network/unary.ts';
import type { ServerNode, Services } from '../world/node.ts';
import type { World } from '../world/world.ts';
import { type Credentials, metadataOf, type Shown } from './credentials.ts';
import { Mailbox } from './mailbox.ts';

export type Told =
  | { readonly kind: 'event'; readonly event: NonNullable<ServerEvent['event']> }
  /** Beside the stream, by the answer of a call. */
  | { readonly kind: 'answered'; readonly accepted: Accepted }
  | { readonly kind: 'ended'; readonly status: CallStatus };

export interface ConnectionOptions {
  readonly node: ServerNode;
  readonly hello: Hello;
  readonly shape: 'stream' | 'split';
  /** One way. */
  readonly latencyMs: number;
  readonly credentials: Credentials;
}

/** One session's connection to one gateway, in either shape. */
export class Connection {
  readonly told: Mailbox<Told>;
  readonly stream: ChatStream;
  readonly node: ServerNode;
  /** From Welcome; the split shape needs it for every call. */
  sessionId = '';
  /** It was opened with a good access token, and has shown no other since. */
  isHonest: boolean;
  /**
   * Until when each access token shown is valid, milliseconds since the epoch: a newer one that is read after its time, because the server stood
   * still or the session's frames were held up, is refused though an older one would be good yet.
   */
  allUntilMs: number;
  /** The same of the longest of those shown that were good. */
  validUntilMs: number;
  readonly #world: World;
  readonly #isSplit: boolean;
  readonly #credentials: Credentials;
  /** Calls of the split shape that say something and have not been answered. */
  readonly #sending = new Set<Promise<void>>();
  #shown: Shown;
  readonly #services: Services;

  constructor(world: World, { node, hello, shape, latencyMs, credentials }: ConnectionOptions) {
    const { services } = node;
    if (services === undefined) throw new Error(`${node.process.name} takes no clients`);
    this.#world = world;
    this.node = node;
    this.#services = services;
    this.#isSplit = shape === 'split';
    this.#credentials = credentials;
    this.#shown = credentials.any();
    this.isHonest = this.#shown.isGood;
    this.allUntilMs = this.#shown.expireTimeMs;
    this.validUntilMs = this.#shown.expireTimeMs;
    this.told = new Mailbox(world.scheduler);
    const listener = {
      event: (event: NonNullable<ServerEvent['event']>) => this.told.push({ kind: 'event', event }),
      ended: (status: CallStatus) => this.told.push({ kind: 'ended', status }),
      drained: () => {},
    };
    this.stream = node.stream(listener, metadataOf(this.#shown), latencyMs, this.#isSplit ? { hello } : undefined);
    const { chat } = services;
    node.process.later(latencyMs, () => {
      if (this.#isSplit) chat.open(this.stream.server as never);
      else chat.chat(this.stream.server as never);
    });
    if (!this.#isSplit) this.stream.send({ frame: { $case: 'hello', value: hello } });
  }

  send(message: OutgoingMessage): void {
    if (!this.#isSplit) return void this.frame({ $case: 'message', value: message });
    const sent = this.#unary(this.#services.chat.send, { sessionId: this.sessionId, message }).then(
      (response) => {
        const { accepted } = response as SendResponse;
        if (accepted !== undefined) this.told.push({ kind: 'answered', accepted });
      },
      // What became of it otherwise is told on the stream, or by saying it again.
      (error: unknown) => this.#refused(message.clientMessageId, error),
    );
    this.#sending.add(sent);
    void sent.finally(() => this.#sending.delete(sent));
  }

  stop(messageId: string): void {
    if (!this.#isSplit) return void this.frame({ $case: 'stopMessageId', value: messageId });
    this.#unary(this.#services.chat.stopReply, { sessionId: this.sessionId, messageId }).catch(() => undefined);
  }

  join(conversationId: string, afterSequence: bigint): void {
    const conversation = { conversationId, afterSequence };
    if (!this.#isSplit) return void this.frame({ $case: 'join', value: conversation });
    // Calls may overtake each other: what was said before is said where it was said.
    void Promise.all(this.#sending)
      .then(() => this.#unary(this.#services.chat.join, { sessionId: this.sessionId, conversation }))
      .catch(() => undefined);
  }

  ping(): void {
    if (!this.#isSplit) return void this.frame({ $case: 'ping', value: {} });
    this.#unary(this.#services.chat.heartbeat, { sessionId: this.sessionId }).catch(() => undefined);
  }

  goodbye(): void {
    if (!this.#isSplit) return void this.frame({ $case: 'goodbye', value: {} });
    this.#unary(this.#services.chat.close, { sessionId: this.sessionId }).catch(() => undefined);
  }

  frame(frame: NonNullable<ChatRequest['frame']>): boolean {
    return this.stream.send({ frame });
  }

  /** Any other call to the same gateway. Rejects with CallFailed. */
  async call<Response>(of: (services: Services) => unknown, request: unknown): Promise<Response> {
    return (await this.#unary(of(this.#services) as never, request)) as Response;
  }

  /** Shows another access token: in a frame, or with every call from now on. */
  renew(): void {
    const shown = this.#credentials.any();
    if (this.#isSplit) {
      if (shown.isGood) this.#shown = shown;
      return;
    }
    this.#show(shown);
    this.frame({ $case: 'renewToken', value: { accessToken: shown.token } });
  }

  #show({ isGood, expireTimeMs }: Shown): void {
    this.isHonest &&= isGood;
    this.allUntilMs = Math.min(this.allUntilMs, expireTimeMs);
    this.validUntilMs = Math.max(this.validUntilMs, expireTimeMs);
  }

  #refused(clientMessageId: string, error: unknown): void {
    if (!(error instanceof CallFailed)) throw error;
    const { reason, details: detail } = error.status;
    const { scope, retryable } = catalogue[reason as Reason] ?? { scope: 'call', retryable: true };
    if (scope !== 'message') return;
    const value = { clientMessageId, messageId: '', reason, detail, retryable, retryDelay: undefined };
    this.told.push({ kind: 'event', event: { $case: 'rejected', value } });
  }

  async #unary(handler: unknown, request: unknown): Promise<unknown> {
    const { scheduler } = this.#world;
    const shown = this.#credentials.forCall(this.#shown);
    this.validUntilMs = Math.max(this.validUntilMs, shown.expireTimeMs);
    const target = { scheduler, process: this.node.process, metadata: metadataOf(shown) };
    const response = await callUnary(target, handler as never, request);
    if (!shown.isGood) this.#world.find('served-without-token', `${this.node.process.name} answers "${shown.token}"`);
    return response;
  }
}
