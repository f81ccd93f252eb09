import type { MethodDefinition } from '@grpc/grpc-js';
import type { Hello, OutgoingMessage, ServerEvent } from '../../src/gen/chat/v1/chat_service.ts';
import type { Refusal } from './refusal.ts';

/** One event of the server; exactly one case is set. */
export type Event = NonNullable<ServerEvent['event']>;

/** Who hears what the server tells a session. */
export interface Listener {
  onEvent(event: Event): void;
  /** The stream is over: undefined when the server ended it in order. Told once, and nothing after it; not at all after `drop`. */
  onEnd(refusal: Refusal | undefined): void;
}

/** A client's connection, with at most one session on it, whatever protocol they speak. */
export interface Line {
  /** Dials, and asks for a session. */
  begin(hello: Hello, listener: Listener): void;
  /** Sends a message. Taken or refused, the listener is told. */
  say(message: OutgoingMessage): void;
  /** A sign of life. */
  ping(): void;
  /** Ends the session; the server ends the stream. */
  goodbye(): void;
  /** Cuts the connection without a word. */
  drop(): void;
  /** One unary call. Rejects with Refusal, CANCELLED when the line was dropped. */
  call<Request, Answer>(method: MethodDefinition<Request, Answer>, request: Request): Promise<Answer>;
}

export interface LineOptions {
  /** Host and port. */
  readonly address: string;
  /** Reads the stream at this rate only. */
  readonly readBytesPerSecond?: number | undefined;
}
