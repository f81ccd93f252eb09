import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { Caller } from '../app/caller.ts';
import { bytesOfMessage, frameOverheadBytes } from '../app/gateway/accept-message.ts';
import type { Gateway } from '../app/gateway/gateway.ts';
import type { Session } from '../app/gateway/session.ts';
import { Watchdog, type Watched } from '../app/watchdog.ts';
import { helloMs } from '../domain/connection-limits.ts';
import { catalogue, type Reason, Refused } from '../domain/errors/catalogue.ts';
import { maxUntakenBytes, sweepMs } from '../domain/limits.ts';
import type { ChatRequest, ChatResponse, ChatServiceServer, OpenRequest } from '../gen/chat/v1/chat_service.ts';
import { AuthenticationUnavailable } from '../ports/authenticator.ts';
import type { Clock } from '../ports/clock.ts';
import type { Metrics } from '../ports/telemetry.ts';
import type { Tracer } from '../ports/tracing.ts';
import { anybodyAt, type Calls, callerOf, unary } from './calls.ts';
import { acceptedToWire, helloFromWire, messageFromWire, type WelcomeFacts } from './chat-wire.ts';
import { http2StreamOf, isOver, readOneAhead } from './grpc-internals.ts';
import { type SessionStream, StreamOutput, type StreamOutputDeps } from './stream-output.ts';
import { checkWellFormed } from './tolerant-decoding.ts';
import { type Send, tracedSends } from './traced-sends.ts';
import type { UnfinishedRequests } from './unfinished-requests.ts';
import { numberOf } from './wire-values.ts';

export interface ChatServiceDeps {
  readonly gateway: Gateway;
  readonly calls: Calls;
  readonly metrics: Metrics;
  readonly facts: WelcomeFacts;
  readonly clock: Clock;
  /** undefined: nothing is traced. */
  readonly tracer?: Tracer | undefined;
  readonly unfinished: Pick<UnfinishedRequests, 'arrived'>;
}

/** What the streams of one server share. */
interface StreamDeps extends ChatServiceDeps {
  readonly output: StreamOutputDeps;
}

/** Refusals of one message, sent in the session, which continues. */
const messageReasons: ReadonlySet<Reason> = new Set([
  'LOG_UNAVAILABLE',
  'MEDIA_UNAVAILABLE',
  'MEDIA_STORE_FULL',
  'HISTORY_BEHIND',
  'NOT_FOUND',
  'FRAME_INVALID',
]);

/** One bidirectional stream: its first frame opens the session, the others speak in it. */
class ChatStream {
  readonly #deps: StreamDeps;
  readonly #call: ServerDuplexStream<ChatRequest, ChatResponse>;
  readonly #output: StreamOutput;
  readonly #sendTo: Send;
  readonly #helloDeadline: Watched;
  #session: Session | undefined;
  /** Frames that are neither taken nor refused. */
  #untaken = 0;
  #untakenBytes = 0;
  #isRenewing = false;
  #isHeldUp = false;
  /** What the stream may still bring: frames; none, for the client has half-closed; none that counts, for the call has failed. */
  #input: 'open' | 'ended' | 'failed' = 'open';

  constructor(deps: StreamDeps, call: ServerDuplexStream<ChatRequest, ChatResponse>) {
    this.#deps = deps;
    this.#call = call;
    readOneAhead(call);
    this.#sendTo = tracedSends(deps.tracer, 'Chat', call.metadata);
    this.#output = new StreamOutput(call, deps.output, (refused) => this.#fail(refused));
    this.#helloDeadline = {
      deadlineMs: deps.clock.monotonicMs() + helloMs,
      expire: () => this.#fail(new Refused('HELLO_EXPECTED', `no Hello came within ${helloMs} ms`)),
    };
    deps.output.watchdog.watch(this.#helloDeadline);
    call.on('cancelled', () => {
      deps.output.watchdog.unwatch(this.#helloDeadline);
      this.#session?.lost();
    });
    // grpc-js reports a broken or malformed request stream here; the status is sent by it.
    call.on('error', () => this.#session?.lost());
    whenKnown(
      deps.calls,
      call,
      (caller) => this.#listen(caller),
      (error) => this.#fail(error),
    );
  }

  #listen(caller: Caller): void {
    this.#call.on('data', (request: ChatRequest) => this.#take(request, caller));
    this.#call.on('end', () => this.#halfClosed());
  }

  #take(request: ChatRequest, caller: Caller): void {
    try {
      checkWellFormed(request);
      const { frame } = request;
      if (this.#session === undefined) {
        const hello = helloFromWire(frame?.$case === 'hello' ? frame.value : undefined);
        this.#session = this.#deps.gateway.open(hello, caller, this.#output);
        this.#helloHasCome();
      } else this.#dispatch(this.#session, frame);
    } catch (error) {
      this.#fail(error);
    }
  }

  #helloHasCome(): void {
    this.#deps.output.watchdog.unwatch(this.#helloDeadline);
    this.#deps.unfinished.arrived(http2StreamOf(this.#call));
  }

  #dispatch(session: Session, frame: ChatRequest['frame']): void {
    switch (frame?.$case) {
      case 'message':
        return this.#send(session, frame.value);
      case 'ping':
        session.ping();
        return;
      case 'stopMessageId':
        return this.#count(bytesOfFrame(frame.value), session.stopReply(frame.value));
      case 'join': {
        const { conversationId, afterSequence } = frame.value;
        const joined = session.join(conversationId, numberOf(afterSequence, 'after_sequence'));
        return this.#count(bytesOfFrame(conversationId), joined);
      }
      case 'goodbye':
        return session.goodbye();
      case 'renewToken':
        return this.#renew(session, frame.value.accessToken);
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
    this.#count(bytesOfMessage(outgoing), this.#sendTo(session, outgoing), outgoing.clientMessageId);
  }

  /** Counts a frame as untaken until this settles. When it is refused, its message is (`clientMessageId`); what is no message ends the call. */
  #count(bytes: number, taken: Promise<unknown>, clientMessageId?: string): void {
    this.#untaken += 1;
    this.#untakenBytes += bytes;
    this.#readOrNot();
    const settled = () => {
      this.#untaken -= 1;
      this.#untakenBytes -= bytes;
      this.#readOrNot();
      this.#leaveIfSaidAll();
    };
    taken.then(settled, (error: unknown) => {
      if (clientMessageId === undefined) this.#fail(error);
      else this.#refused(clientMessageId, error);
      settled();
    });
  }

  /**
   * Reads frames only as fast as the session handles them: HTTP/2 flow control leaves the rest with the client. Its pings wait there as well, so a
   * client counts as active while its session blocks the reading: in line, or for the log or the media store, which have deadlines of their own. A
   * client that vanishes meanwhile is detected by HTTP/2's keepalive.
   */
  #readOrNot(): void {
    if (this.#input === 'failed') return;
    const isHeldUp = this.#untakenBytes > maxUntakenBytes;
    if (isHeldUp !== this.#isHeldUp) this.#session?.holdUp(isHeldUp);
    this.#isHeldUp = isHeldUp;
    if (isHeldUp || this.#isRenewing) this.#call.pause();
    else if (this.#call.isPaused()) this.#call.resume();
  }

  /** The output sends the session's end; refusals of one message are sent in the session. */
  #refused(clientMessageId: string, error: unknown): void {
    const refused = this.#deps.calls.errors.refusal(error);
    const { reason, message: detail, retryDelayMs } = refused;
    if (catalogue[reason].scope === 'call' && !messageReasons.has(reason)) return this.#fail(refused);
    this.#deps.metrics.refused(reason);
    this.#output.emit({ type: 'rejected', clientMessageId, messageId: '', reason, detail, retryDelayMs });
  }

  /** While the newer token is looked at nothing else is read: so a client cannot make the server verify many at once. */
  #renew(session: Session, accessToken: string): void {
    const { authenticator } = this.#deps.calls;
    if (authenticator === undefined) return;
    this.#isRenewing = true;
    this.#readOrNot();
    authenticator
      .authenticate(accessToken)
      .then((identity) => session.renew(identity))
      .catch((error: unknown) => {
        // Who it is cannot be found out now: the session goes on as long as its former token does.
        if (!(error instanceof AuthenticationUnavailable)) this.#fail(error);
      })
      .finally(() => {
        this.#isRenewing = false;
        this.#readOrNot();
      });
  }

  #halfClosed(): void {
    // The stream of a reset call ends, too: nothing more is read or sent.
    if (isOver(this.#call) || this.#input === 'failed') return;
    if (this.#session === undefined) return this.#fail(new Refused('HELLO_EXPECTED'));
    this.#input = 'ended';
    this.#leaveIfSaidAll();
  }

  #leaveIfSaidAll(): void {
    if (this.#input === 'ended' && this.#untaken === 0) this.#session?.leaveWhenAnswered();
  }

  #fail(error: unknown): void {
    this.#deps.output.watchdog.unwatch(this.#helloDeadline);
    const refused = error instanceof Refused ? error : this.#deps.calls.errors.refusal(error);
    if (this.#session === undefined) this.#output.end(refused);
    else this.#session.end(refused);
    this.#input = 'failed';
    this.#call.removeAllListeners('data');
    this.#call.resume();
  }
}

/** Tells who calls: at once where authentication is off, and not at all when the call is cancelled before it is known. */
function whenKnown(
  calls: Calls,
  call: SessionStream,
  then: (caller: Caller) => void,
  otherwise: (error: unknown) => void,
): void {
  if (calls.authenticator === undefined) return then(anybodyAt(calls, call));
  callerOf(calls, call).then((caller) => {
    if (!call.cancelled) then(caller);
  }, otherwise);
}

/** The server stream of the split shape. */
function openStream(
  { gateway, calls, output: outputDeps }: StreamDeps,
  call: SessionStream,
  request: OpenRequest,
): void {
  let session: Session | undefined;
  const output = new StreamOutput(call, outputDeps, (refused) => session?.end(refused));
  const fail = (error: unknown) => output.end(calls.errors.refusal(error));
  call.on('cancelled', () => session?.lost());
  whenKnown(
    calls,
    call,
    (caller) => {
      try {
        checkWellFormed(request);
        session = gateway.open(helloFromWire(request.hello), caller, output);
      } catch (error) {
        fail(error);
      }
    },
    fail,
  );
}

/** What a frame that is no message costs while it waits to be taken, by the string in it, in bytes. */
function bytesOfFrame(content: string): number {
  return frameOverheadBytes + content.length;
}

/** Unhandled frames of unary calls, per session. These calls cannot be paused, so excess is refused. */
export class UntakenCalls {
  readonly #bytes = new WeakMap<Session, number>();

  /** Runs the call. Rejects with TOO_MANY_PENDING when the session has too many unhandled bytes; a single call is always allowed. */
  async taking<T>(session: Session, bytes: number, take: () => Promise<T>): Promise<T> {
    const untaken = this.#bytes.get(session) ?? 0;
    if (untaken > 0 && untaken + bytes > maxUntakenBytes)
      throw new Refused('TOO_MANY_PENDING', `${untaken} bytes of this session are not taken yet`);
    this.#bytes.set(session, untaken + bytes);
    try {
      return await take();
    } finally {
      this.#bytes.set(session, (this.#bytes.get(session) ?? 0) - bytes);
    }
  }
}

/** ChatService in both shapes, on one session machine. */
export function chatService(deps: ChatServiceDeps): ChatServiceServer {
  const { gateway, calls, tracer, facts, clock } = deps;
  const untaken = new UntakenCalls();
  const watchdog = new Watchdog(clock, sweepMs);
  const streamDeps = { ...deps, output: { facts, errors: calls.errors, clock, watchdog } };
  return {
    chat: (call) => {
      new ChatStream(streamDeps, call);
    },
    open: (call) => openStream(streamDeps, call as SessionStream, call.request),
    join: unary(calls, async ({ sessionId, conversation }, caller) => {
      const session = gateway.session(sessionId, caller);
      const afterSequence = numberOf(conversation?.afterSequence ?? 0n, 'after_sequence');
      const { conversationId = '' } = conversation ?? {};
      const join = () => session.join(conversationId, afterSequence);
      return { joined: { conversationId: await untaken.taking(session, bytesOfFrame(conversationId), join) } };
    }),
    send: unary(calls, async ({ sessionId, message }, caller, metadata) => {
      const session = gateway.session(sessionId, caller);
      const outgoing = messageFromWire(message);
      const send = () => tracedSends(tracer, 'Send', metadata)(session, outgoing);
      const accepted = await untaken.taking(session, bytesOfMessage(outgoing), send);
      return { accepted: acceptedToWire(accepted) };
    }),
    stopReply: unary(calls, async ({ sessionId, messageId }, caller) => {
      const session = gateway.session(sessionId, caller);
      await untaken.taking(session, bytesOfFrame(messageId), () => session.stopReply(messageId));
      return {};
    }),
    // Answered on the stream as well: a proxy that sees nothing pass there for long takes it for dead, and so may the client.
    heartbeat: unary(calls, async ({ sessionId }, caller) => ({
      serverTime: new Date(gateway.session(sessionId, caller).ping()),
    })),
    close: unary(calls, async ({ sessionId }, caller) => {
      gateway.session(sessionId, caller).goodbye();
      return {};
    }),
  };
}
