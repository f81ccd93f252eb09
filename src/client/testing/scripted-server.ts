import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { ServerDuplexStream, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { Metadata, Server, ServerCredentials, status } from '@grpc/grpc-js';
import type {
  ChatRequest,
  ChatResponse,
  Hello,
  OutgoingMessage,
  SessionLimits,
} from '../../gen/chat/v1/chat_service.ts';
import { ChatServiceService, ServerEvent } from '../../gen/chat/v1/chat_service.ts';
import type { Media } from '../../gen/chat/v1/content.ts';
import { Message, MessageStatus, Role } from '../../gen/chat/v1/content.ts';
import { BadRequest, ErrorInfo, RetryInfo } from '../../gen/google/rpc/error_details.ts';
import { Status } from '../../gen/google/rpc/status.ts';

/** One event, as this server writes it. */
export type Event = NonNullable<ServerEvent['event']>;
/** One frame, as it reads it. */
export type Frame = NonNullable<ChatRequest['frame']>;

type Stream = ServerDuplexStream<ChatRequest, ChatResponse>;

/** How a message is answered; `tell` writes to whatever stream then holds its conversation. */
export type Answer = (message: Message, tell: (event: Event) => void, server: ScriptedServer) => void;

/** A refusal as the real server would send it. */
export interface ScriptedRefusal {
  readonly code: status;
  readonly reason: string;
  readonly detail?: string;
  readonly retryDelayMs?: number;
  readonly field?: string;
}

/** A service besides the chat. */
export interface ScriptedService {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

/** Speaks the contract from memory, and misbehaves when a test asks for it. Holds one session at a time. */
export class ScriptedServer extends EventEmitter<{ frame: [Frame] }> implements AsyncDisposable {
  readonly hellos: Hello[] = [];
  /** The `authorization` metadata of each hello's stream; empty when there was none. */
  readonly authorizations: string[] = [];
  readonly frames: Frame[] = [];
  readonly messages: Message[] = [];
  readonly conversations = new Set<string>();
  readonly deleted = new Set<string>();
  /** Taken one by one, before the next hellos are welcomed. */
  readonly refusals: ScriptedRefusal[] = [];
  /** The next so many messages go into the log, but the connection breaks before Accepted. */
  losses = 0;
  /** Does not answer to what it reads. */
  frozen = false;
  answer: Answer = answerAtOnce;
  heartbeatMs = 15_000;
  limits: SessionLimits | undefined;
  /** Offered from the next start on. */
  services: readonly ScriptedService[] = [];
  credentials = ServerCredentials.createInsecure();
  #port = 0;
  #server = new Server();
  #stream: Stream | undefined;
  #conversationId = '';
  #sequence = 0n;

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Starts, or starts again under the same port with what it remembers. */
  async start(): Promise<this> {
    this.#server = new Server();
    this.#server.addService(ChatServiceService, { chat: (stream: Stream) => this.#serve(stream) });
    for (const { definition, implementation } of this.services) this.#server.addService(definition, implementation);
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#server.bindAsync(this.address, this.credentials, (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
    this.#port = await promise;
    return this;
  }

  /** As kill -9 does: every connection breaks. */
  kill(): void {
    this.#server.forceShutdown();
    this.#stream = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill();
  }

  tell(event: Event): void {
    this.#stream?.write({ event: ServerEvent.create({ event }) });
  }

  /** Somebody gives the conversation a title or, without one, deletes it. */
  change(conversationId: string, title?: string): void {
    this.#sequence += 1n;
    if (title === undefined) this.deleted.add(conversationId);
    if (conversationId !== this.#conversationId) return;
    const sequence = this.#sequence;
    if (title === undefined) this.tell({ $case: 'deleted', value: { conversationId, sequence } });
    else this.tell({ $case: 'renamed', value: { conversationId, title, sequence } });
  }

  /** Ends the session with a refusal. */
  refuse(refusal: ScriptedRefusal): void {
    this.#stream?.emit('error', { code: refusal.code, details: refusal.detail ?? '', metadata: detailsOf(refusal) });
    this.#stream = undefined;
  }

  /** Puts a message in the log. */
  log(fields: Partial<Message>): Message {
    this.#sequence += 1n;
    const message = Message.create({ messageId: randomUUID(), sequence: this.#sequence, ...fields });
    this.messages.push(message);
    return message;
  }

  #serve(stream: Stream): void {
    stream.on('data', ({ frame }: ChatRequest) => {
      if (frame === undefined || this.frozen) return;
      this.frames.push(frame);
      this.#obey(frame, stream);
      this.emit('frame', frame);
    });
    stream.on('error', () => undefined);
    stream.on('end', () => stream.end());
  }

  #obey(frame: Frame, stream: Stream): void {
    switch (frame.$case) {
      case 'hello':
        return this.#hello(frame.value, stream);
      case 'message':
        return this.#message(frame.value);
      case 'join':
        this.#join(frame.value.conversationId, stream, (conversationId) => ({
          $case: 'joined',
          value: { conversationId },
        }));
        return this.#replay(frame.value.afterSequence);
      case 'ping':
        return this.tell({ $case: 'pong', value: {} });
      case 'stopMessageId':
      case 'renewToken':
      case 'goodbye':
        return;
    }
  }

  #hello(hello: Hello, stream: Stream): void {
    this.hellos.push(hello);
    this.authorizations.push(String(stream.metadata.get('authorization')[0] ?? ''));
    this.#stream = stream;
    const refusal = this.refusals.shift();
    if (refusal !== undefined) return this.refuse(refusal);
    this.#join(hello.conversationId, stream, (conversationId) => ({
      $case: 'welcome',
      value: {
        sessionId: randomUUID(),
        resumeToken: `token-${this.hellos.length}`,
        conversationId,
        heartbeatInterval: durationFromMs(this.heartbeatMs),
        firstMessageDeadline: durationFromMs(60_000),
        ...(this.limits && { limits: this.limits }),
      },
    }));
    this.#replay(hello.afterSequence);
  }

  #join(asked: string, stream: Stream, tell: (conversationId: string) => Event): void {
    if (asked !== '' && (!this.conversations.has(asked) || this.deleted.has(asked))) {
      this.#stream = stream;
      this.refuse({ code: status.NOT_FOUND, reason: 'NOT_FOUND', detail: 'There is no such conversation.' });
      return;
    }
    this.#conversationId = asked === '' ? `c${this.conversations.size + 1}` : asked;
    this.conversations.add(this.#conversationId);
    this.tell(tell(this.#conversationId));
  }

  #replay(afterSequence: bigint): void {
    for (const message of this.messages) {
      if (message.conversationId === this.#conversationId && message.sequence > afterSequence)
        this.tell({ $case: 'message', value: message });
    }
  }

  #message({ clientMessageId, parts }: OutgoingMessage): void {
    const conversationId = this.#conversationId;
    const known = this.messages.find(
      (one) => one.clientMessageId === clientMessageId && one.conversationId === conversationId,
    );
    const message =
      known ?? this.log({ conversationId, clientMessageId, parts, role: Role.USER, status: MessageStatus.QUEUED });
    if (this.losses > 0) {
      this.losses -= 1;
      this.refuse({ code: status.UNAVAILABLE, reason: '', detail: 'The connection broke.' });
    } else {
      const { messageId, sequence } = message;
      const value = { clientMessageId, messageId, sequence, duplicate: known !== undefined, conversationId };
      this.tell({ $case: 'accepted', value });
    }
    if (known === undefined) this.answer(message, (event) => this.tell(event), this);
  }
}

/** Echoes, in two pieces. */
export function answerAtOnce(message: Message, tell: (event: Event) => void, server: ScriptedServer): void {
  const replyMessageId = `reply-to-${message.messageId}`;
  const text = `You said: ${textOf(message)}`;
  tell({
    $case: 'replyStarted',
    value: { messageId: message.messageId, replyMessageId, attempt: 1, continuedBytes: 0n },
  });
  tell(piece(replyMessageId, 1, 0, text.slice(0, 4)));
  tell(piece(replyMessageId, 1, 4, text.slice(4)));
  complete(message, text, tell, server);
}

/** Puts the complete reply in the log and tells it. */
export function complete(
  message: Message,
  text: string,
  tell: (event: Event) => void,
  server: ScriptedServer,
  media: readonly Media[] = [],
): Message {
  const reply = server.log({
    messageId: `reply-to-${message.messageId}`,
    conversationId: message.conversationId,
    role: Role.ASSISTANT,
    status: MessageStatus.COMPLETED,
    replyToMessageId: message.messageId,
    createTime: new Date('2026-11-22T06:30:12Z'),
    parts: [
      { value: { $case: 'text', value: text } },
      ...media.map((value) => ({ value: { $case: 'media' as const, value } })),
    ],
  });
  tell({ $case: 'message', value: reply });
  return reply;
}

/** A ReplyDelta. */
export function piece(replyMessageId: string, attempt: number, offsetBytes: number, text: string): Event {
  return { $case: 'replyDelta', value: { replyMessageId, attempt, offsetBytes: BigInt(offsetBytes), text } };
}

/** `grpc-status-details-bin` for a refusal. */
export function detailsOf({ code, reason, detail = '', retryDelayMs, field }: ScriptedRefusal): Metadata {
  if (reason === '') return new Metadata();
  const details = [
    {
      typeUrl: 'type.googleapis.com/google.rpc.ErrorInfo',
      value: Buffer.from(ErrorInfo.encode(ErrorInfo.create({ reason, domain: 'parley' })).finish()),
    },
  ];
  if (retryDelayMs !== undefined) {
    const value = Buffer.from(
      RetryInfo.encode(RetryInfo.create({ retryDelay: durationFromMs(retryDelayMs) })).finish(),
    );
    details.push({ typeUrl: 'type.googleapis.com/google.rpc.RetryInfo', value });
  }
  if (field !== undefined) {
    const fieldViolations = [{ field, description: 'is wrong' }];
    const value = Buffer.from(BadRequest.encode(BadRequest.create({ fieldViolations })).finish());
    details.push({ typeUrl: 'type.googleapis.com/google.rpc.BadRequest', value });
  }
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', Buffer.from(Status.encode({ code, message: detail, details }).finish()));
  return metadata;
}

/** The text of a message. */
export function textOf({ parts }: Pick<Message, 'parts'>): string {
  return parts.map(({ value }) => (value?.$case === 'text' ? value.value : '')).join('');
}
