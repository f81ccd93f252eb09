import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { Gateway } from '../app/gateway/gateway.ts';
import type { Session } from '../app/gateway/session.ts';
import { catalogue, Refused } from '../domain/errors/catalogue.ts';
import type { ChatRequest, ChatResponse, ChatServiceServer } from '../gen/chat/v1/chat_service.ts';
import type { Metrics } from '../ports/telemetry.ts';
import type { Calls } from './calls.ts';
import { acceptedToWire, helloFromWire, messageFromWire, type WelcomeFacts } from './chat-wire.ts';
import { type SessionStream, StreamOutput } from './stream-output.ts';
import { checkWellFormed } from './tolerant-decoding.ts';
import { unary } from './unary.ts';
import { numberOf } from './wire-values.ts';

export interface ChatServiceDeps {
  readonly gateway: Gateway;
  readonly calls: Calls;
  readonly metrics: Metrics;
  readonly facts: WelcomeFacts;
}

/** One bidirectional stream: its first frame opens the session, the others speak in it. */
class ChatStream {
  readonly #deps: ChatServiceDeps;
  readonly #call: ServerDuplexStream<ChatRequest, ChatResponse>;
  readonly #output: StreamOutput;
  #session: Session | undefined;

  constructor(deps: ChatServiceDeps, call: ServerDuplexStream<ChatRequest, ChatResponse>) {
    this.#deps = deps;
    this.#call = call;
    this.#output = new StreamOutput(call, deps.facts, deps.calls.errors, (refused) => this.#fail(refused));
    call.on('data', (request: ChatRequest) => this.#take(request));
    call.on('end', () => this.#halfClosed());
    call.on('cancelled', () => this.#session?.lost());
    // grpc-js reports a broken or malformed request stream here; the status is sent by it.
    call.on('error', () => this.#session?.lost());
  }

  #take(request: ChatRequest): void {
    try {
      checkWellFormed(request);
      const { frame } = request;
      if (this.#session === undefined) {
        const hello = helloFromWire(frame?.$case === 'hello' ? frame.value : undefined);
        this.#session = this.#deps.gateway.open(hello, this.#output);
      } else this.#dispatch(this.#session, frame);
    } catch (error) {
      this.#fail(error);
    }
  }

  #dispatch(session: Session, frame: ChatRequest['frame']): void {
    switch (frame?.$case) {
      case 'message':
        return this.#send(session, frame.value);
      case 'ping':
        return session.pong();
      case 'stopMessageId':
        return this.#orFail(session.stopReply(frame.value));
      case 'join':
        return this.#orFail(
          session.join(frame.value.conversationId, numberOf(frame.value.afterSequence, 'after_sequence')),
        );
      case 'goodbye':
        return session.goodbye();
      case 'renewToken':
        return;
      case 'hello':
        throw new Refused('HELLO_EXPECTED', 'the session is open already');
      case undefined:
        throw new Refused('FRAME_INVALID', 'a frame must hold something', {
          violations: [{ field: 'frame', description: 'exactly one is set' }],
        });
      default:
        return frame satisfies never;
    }
  }

  #send(session: Session, message: Parameters<typeof messageFromWire>[0]): void {
    const outgoing = messageFromWire(message);
    session.send(outgoing).catch((error: unknown) => {
      // The session's end is told by its output; what concerns only this message is told in the session.
      if (!(error instanceof Refused) || error.reason === 'SESSION_NOT_FOUND') return this.#fail(error);
      if (catalogue[error.reason].scope === 'call' && error.reason !== 'LOG_UNAVAILABLE') return this.#fail(error);
      this.#deps.metrics.refused(error.reason);
      const { clientMessageId } = outgoing;
      this.#output.emit({
        type: 'rejected',
        clientMessageId,
        messageId: '',
        reason: error.reason,
        detail: error.message,
      });
    });
  }

  #orFail(done: Promise<unknown>): void {
    done.catch((error: unknown) => this.#fail(error));
  }

  #halfClosed(): void {
    if (this.#session !== undefined) this.#session.leaveWhenAnswered();
    else this.#fail(new Refused('HELLO_EXPECTED'));
  }

  #fail(error: unknown): void {
    const refused = error instanceof Refused ? error : this.#deps.calls.errors.refusal(error);
    if (this.#session === undefined) this.#output.end(refused);
    else this.#session.end(refused);
    this.#call.removeAllListeners('data');
    this.#call.resume();
  }
}

/** ChatService in both shapes, on one session machine. */
export function chatService(deps: ChatServiceDeps): ChatServiceServer {
  const { gateway, calls, facts } = deps;
  const { errors } = calls;
  return {
    chat: (call) => {
      new ChatStream(deps, call);
    },
    open: (call) => {
      const stream = call as SessionStream;
      let session: Session | undefined;
      const output = new StreamOutput(stream, facts, errors, (refused) => session?.end(refused));
      try {
        checkWellFormed(call.request);
        session = gateway.open(helloFromWire(call.request.hello), output);
        call.on('cancelled', () => session?.lost());
      } catch (error) {
        output.end(errors.refusal(error));
      }
    },
    join: unary(calls, async ({ sessionId, conversation }) => {
      const afterSequence = numberOf(conversation?.afterSequence ?? 0n, 'after_sequence');
      const conversationId = await gateway.session(sessionId).join(conversation?.conversationId ?? '', afterSequence);
      return { joined: { conversationId } };
    }),
    send: unary(calls, async ({ sessionId, message }) => {
      const accepted = await gateway.session(sessionId).send(messageFromWire(message));
      return { accepted: acceptedToWire(accepted) };
    }),
    stopReply: unary(calls, async ({ sessionId, messageId }) => {
      await gateway.session(sessionId).stopReply(messageId);
      return {};
    }),
    heartbeat: unary(calls, async ({ sessionId }) => ({ serverTime: new Date(gateway.session(sessionId).ping()) })),
    close: unary(calls, async ({ sessionId }) => {
      gateway.session(sessionId).goodbye();
      return {};
    }),
  };
}
