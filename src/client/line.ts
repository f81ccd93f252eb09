import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ChatRequestSchema, ServerEvent } from './gen/chat/v1/chat_service_pb.js';
import type { Refusal } from './refusal.ts';

/** One event of the server. */
export type Event = Extract<ServerEvent['event'], { case: string }>;
/** One frame of the client. */
export type Frame = Extract<NonNullable<MessageInitShape<typeof ChatRequestSchema>['frame']>, { case: string }>;

/** What a line reports. */
export interface LineHandlers {
  /** Every event, in the order of the server. */
  readonly onEvent: (event: Event) => void;
  /** There is room again after `send` returned false. */
  readonly onWritable: () => void;
}

/** One session on the wire, from hello to its end, whatever its shape. */
export interface Line {
  /** Sends a frame, behind those before it. False: taken, but the next should wait for `onWritable`. */
  send(frame: Frame): boolean;
  /** Asks the server to end the session; `ended` says when. */
  sayGoodbye(): void;
  /** Breaks off without a word. */
  cancel(): void;
  /** With the refusal, or undefined when the server ended it in order. */
  readonly ended: Promise<Refusal | undefined>;
}
