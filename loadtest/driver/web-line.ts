import { Agent, type IncomingMessage, request as requestHttp } from 'node:http';
import { type MethodDefinition, status } from '@grpc/grpc-js';
import {
  ChatServiceService,
  type Hello,
  type MessageRejected,
  type OutgoingMessage,
} from '../../src/gen/chat/v1/chat_service.ts';
import type { Line, LineOptions, Listener } from './line.ts';
import { hungUp, Refusal, refusalOf } from './refusal.ts';
import { WebFrames } from './web-frames.ts';

/** By it a proxy before several gateways finds the one that holds the session; echoed in every call of it. */
const gatewayHeader = 'x-parley-gateway';
/** HTTP, by what a proxy answers for a server that is away. */
const awayStatuses: ReadonlySet<number> = new Set([502, 503, 504]);

/** What it takes to make a call. */
interface Call {
  readonly path: string;
  readonly body: Buffer;
  readonly onMessage: (message: Buffer) => void;
  readonly onHead?: (head: IncomingMessage) => void;
  readonly onEnd: (refusal: Refusal | undefined) => void;
}

/** gRPC-Web as browsers speak it: the session's stream is the answer to one call, and what the client says are others. */
export class WebLine implements Line {
  readonly #options: LineOptions;
  readonly #agent = new Agent({ keepAlive: true });
  #listener: Listener | undefined;
  #sessionId = '';
  #gateway: string | undefined;
  #isOver = false;

  constructor(options: LineOptions) {
    this.#options = options;
  }

  begin(hello: Hello, listener: Listener): void {
    const { path, requestSerialize, responseDeserialize } = ChatServiceService.open;
    this.#listener = listener;
    this.#post({
      path,
      body: requestSerialize({ hello }),
      onHead: (head) => {
        this.#gateway = [head.headers[gatewayHeader]].flat()[0];
        this.#readSlowly(head);
      },
      onMessage: (message) => {
        const event = responseDeserialize(message).event?.event;
        if (event?.$case === 'welcome') this.#sessionId = event.value.sessionId;
        if (event !== undefined && !this.#isOver) listener.onEvent(event);
      },
      onEnd: (refusal) => {
        if (this.#isOver) return;
        this.drop();
        listener.onEnd(refusal);
      },
    });
  }

  say(message: OutgoingMessage): void {
    this.call(ChatServiceService.send, { sessionId: this.#sessionId, message }).catch((refusal: Refusal) =>
      this.#refused(message.clientMessageId, refusal),
    );
  }

  ping(): void {
    // What a lost heartbeat means, the stream tells.
    this.call(ChatServiceService.heartbeat, { sessionId: this.#sessionId }).catch(() => undefined);
  }

  goodbye(): void {
    this.call(ChatServiceService.close, { sessionId: this.#sessionId }).catch(() => undefined);
  }

  drop(): void {
    this.#isOver = true;
    this.#agent.destroy();
  }

  call<Request, Answer>(method: MethodDefinition<Request, Answer>, request: Request): Promise<Answer> {
    if (this.#isOver) return Promise.reject(hungUp());
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    let answer: Answer | undefined;
    this.#post({
      path: method.path,
      body: method.requestSerialize(request),
      onMessage: (message) => {
        answer = method.responseDeserialize(message);
      },
      onEnd: (refusal) => {
        if (answer !== undefined && refusal === undefined) resolve(answer);
        else if (this.#isOver) reject(hungUp());
        else reject(refusal ?? new Refusal(status.INTERNAL, `${method.path} gave no answer`));
      },
    });
    return promise;
  }

  /** A call cannot tell in the stream that a message was refused: it is told as if it had. A session that is elsewhere is a lost one. */
  #refused(clientMessageId: string, refusal: Refusal): void {
    if (this.#isOver || this.#listener === undefined) return;
    const { reason, label, message: detail, retryDelayMs } = refusal;
    if (reason === 'SESSION_NOT_FOUND') {
      this.drop();
      this.#listener.onEnd(refusal);
      return;
    }
    const retryable = retryDelayMs !== undefined || reason === '';
    const value: MessageRejected = { clientMessageId, messageId: '', reason: label, detail, retryable };
    this.#listener.onEvent({ $case: 'rejected', value });
  }

  #post({ path, body, onMessage, onHead, onEnd }: Call): void {
    const headers: Record<string, string | number> = {
      'content-type': 'application/grpc-web+proto',
      'content-length': 5 + body.length,
    };
    if (this.#gateway !== undefined) headers[gatewayHeader] = this.#gateway;
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(body.length, 1);
    const options = { method: 'POST', headers, agent: this.#agent };
    const call = requestHttp(`http://${this.#options.address}${path}`, options, (head) => {
      const frames = new WebFrames(onMessage);
      onHead?.(head);
      head.on('data', (chunk: Buffer) => frames.take(chunk));
      head.on('error', () => undefined);
      // Also where the connection broke: then the trailers are missing.
      head.on('close', () => onEnd(statusOf(head, frames)));
    });
    call.on('error', (error) => onEnd(new Refusal(status.UNAVAILABLE, error.message)));
    call.end(Buffer.concat([prefix, body]));
  }

  #readSlowly(head: IncomingMessage): void {
    const { readBytesPerSecond } = this.#options;
    if (readBytesPerSecond === undefined) return;
    head.on('data', (chunk: Buffer) => {
      head.pause();
      setTimeout(() => head.resume(), (chunk.length * 1_000) / readBytesPerSecond);
    });
  }
}

/** How a call ended; undefined: in order. A call without a single message may tell it in its head. */
function statusOf(head: IncomingMessage, frames: WebFrames): Refusal | undefined {
  const told = (name: string) => frames.trailers.get(name) ?? [head.headers[name]].flat()[0];
  const code = told('grpc-status');
  if (code === '0') return undefined;
  if (code === undefined) {
    const isAway = head.statusCode === 200 || awayStatuses.has(head.statusCode ?? 0);
    return new Refusal(isAway ? status.UNAVAILABLE : status.UNKNOWN, `HTTP ${head.statusCode} without a status`);
  }
  const details = told('grpc-status-details-bin');
  const packed = details === undefined ? undefined : Buffer.from(details, 'base64');
  return refusalOf(Number(code), told('grpc-message') ?? '', packed);
}
