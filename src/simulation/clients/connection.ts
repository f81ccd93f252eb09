import { Metadata } from '@grpc/grpc-js';
import type { ChatRequest, Hello, OutgoingMessage, SendResponse, ServerEvent } from '../../gen/chat/v1/chat_service.ts';
import type { CallStatus, ChatStream } from '../network/stream.ts';
import { callUnary } from '../network/unary.ts';
import type { ServerNode, Services } from '../world/node.ts';
import type { World } from '../world/world.ts';
import { Mailbox } from './mailbox.ts';

export type Told =
  | { readonly kind: 'event'; readonly event: NonNullable<ServerEvent['event']> }
  | { readonly kind: 'ended'; readonly status: CallStatus };

/** One session's connection to one gateway, in either shape. */
export class Connection {
  readonly told: Mailbox<Told>;
  readonly stream: ChatStream;
  readonly node: ServerNode;
  /** From Welcome; the split shape needs it for every call. */
  sessionId = '';
  readonly #world: World;
  readonly #isSplit: boolean;
  readonly #services: Services;

  constructor(world: World, node: ServerNode, hello: Hello, shape: 'stream' | 'split', latencyMs: number) {
    const { services } = node;
    if (services === undefined) throw new Error(`${node.process.name} takes no clients`);
    this.#world = world;
    this.node = node;
    this.#services = services;
    this.#isSplit = shape === 'split';
    this.told = new Mailbox(world.scheduler);
    const listener = {
      event: (event: NonNullable<ServerEvent['event']>) => this.told.push({ kind: 'event', event }),
      ended: (status: CallStatus) => this.told.push({ kind: 'ended', status }),
      drained: () => {},
    };
    this.stream = node.stream(listener, new Metadata(), latencyMs, this.#isSplit ? { hello } : undefined);
    const { chat } = services;
    node.process.later(latencyMs, () => {
      if (this.#isSplit) chat.open(this.stream.server as never);
      else chat.chat(this.stream.server as never);
    });
    if (!this.#isSplit) this.stream.send({ frame: { $case: 'hello', value: hello } });
  }

  send(message: OutgoingMessage): void {
    if (!this.#isSplit) return void this.frame({ $case: 'message', value: message });
    this.#unary(this.#services.chat.send, { sessionId: this.sessionId, message }).then(
      (response) => {
        const { accepted } = response as SendResponse;
        if (accepted !== undefined) this.told.push({ kind: 'event', event: { $case: 'accepted', value: accepted } });
      },
      // What became of it is told on the stream, or by saying it again.
      () => undefined,
    );
  }

  stop(messageId: string): void {
    if (!this.#isSplit) return void this.frame({ $case: 'stopMessageId', value: messageId });
    this.#unary(this.#services.chat.stopReply, { sessionId: this.sessionId, messageId }).catch(() => undefined);
  }

  join(conversationId: string, afterSequence: bigint): void {
    const conversation = { conversationId, afterSequence };
    if (!this.#isSplit) return void this.frame({ $case: 'join', value: conversation });
    this.#unary(this.#services.chat.join, { sessionId: this.sessionId, conversation }).catch(() => undefined);
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

  #unary(handler: unknown, request: unknown): Promise<unknown> {
    const { scheduler } = this.#world;
    return callUnary({ scheduler, process: this.node.process, metadata: new Metadata() }, handler as never, request);
  }
}
