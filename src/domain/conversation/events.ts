import type { CallPrices, Cost } from '../spending/events.ts';

export interface TextPart {
  readonly kind: 'text';
  readonly text: string;
}

/** The sorts of media. */
export type MediaKind = 'voice' | 'video' | 'image';

/** Sound, moving pictures or a picture: an object of the media store, which is whole and was checked before it could be named. */
export interface MediaPart {
  readonly kind: MediaKind;
  readonly mediaId: string;
  /** IANA media type, without parameters. */
  readonly contentType: string;
  readonly sizeBytes: number;
  /** Of the bytes, 64 hexadecimal digits in lower case. */
  readonly sha256: string;
  /** What its client called it in this message; absent: no name. */
  readonly fileName?: string | undefined;
}

/** One piece of a message. */
export type Part = TextPart | MediaPart;

/** The text of a message: that of its text parts, one after the other. */
export function textOf(parts: readonly Part[]): string {
  return parts.map((part) => (part.kind === 'text' ? part.text : '')).join('');
}

/** The media of a message, in its order. */
export function mediaOf(parts: readonly Part[]): readonly MediaPart[] {
  return parts.filter((part) => part.kind !== 'text');
}

export interface ConversationStarted {
  readonly type: 'ConversationStarted';
  readonly conversationId: string;
  readonly clientId: string;
}

export interface MessageReceived {
  readonly type: 'MessageReceived';
  /** Derived from conversation and client message id, so a repeat is the same message wherever it arrives. */
  readonly messageId: string;
  readonly conversationId: string;
  readonly clientId: string;
  readonly clientMessageId: string;
  readonly parts: readonly Part[];
  /** IANA zone of the client when it spoke. */
  readonly timeZone: string;
  /** The person's own instructions, which the model gets with this message; absent: none. */
  readonly instructions?: string;
  /** That of its client, as who let it in says. Absent: none. */
  readonly group?: string;
  /** So far its gateway had read the topic `spending` when it accepted the message: the offset behind the last record. Absent: nothing was there. */
  readonly spendingOffset?: number;
  /** What its replies may use is reserved there. Absent: it is not, and nothing limits them. */
  readonly hasReservation?: true;
}

export interface WorkerClaimed {
  readonly type: 'WorkerClaimed';
  readonly partition: number;
  readonly workerId: string;
  readonly claimId: string;
  /** Messages in processing at once in this partition from here on. */
  readonly maxProcessing: number;
}

/** A worker gave its claim up in order, while it lived: what it had in processing has not lost a worker. May come after the next claim. */
export interface WorkerReleased {
  readonly type: 'WorkerReleased';
  readonly partition: number;
  readonly workerId: string;
  readonly claimId: string;
}

/** A call to a model, as it begins. */
export interface ModelCall {
  /** Whose model: `openai`, `simulated`. */
  readonly provider: string;
  readonly model: string;
  /** Tokens that are sent, estimated. */
  readonly inputTokens: number;
  /** What the model takes, whatever is set later. Absent: it has no price. */
  readonly prices?: CallPrices;
  /** So long a reply was asked for at most. Absent: of any length. */
  readonly maxOutputTokens?: number;
}

/** What an attempt used, whatever became of it. */
export interface AttemptUsage {
  readonly attempt: number;
  /** `lost`: its worker was lost, was superseded or gave it up, and its successor estimates what it used. */
  readonly end: 'completed' | 'failed' | 'stopped' | 'lost';
  readonly provider: string;
  readonly model: string;
  /** Those in the provider's cache included. */
  readonly inputTokens: number;
  readonly cachedInputTokens: number;
  /** Those of reasoning included. */
  readonly outputTokens: number;
  readonly reasoningTokens: number;
  /** Sound that was listened to, in milliseconds. */
  readonly soundInMs: number;
  readonly soundOutMs: number;
  readonly picturesIn: number;
  readonly picturesOut: number;
  /** From the call to the first piece of text; absent: there was none, or it is not known. */
  readonly firstPieceMs?: number;
  /** From the call to the end; 0: not known. */
  readonly durationMs: number;
  /** Some figure is an estimate. */
  readonly estimated: boolean;
  /** By the prices of its call. Absent: the model had no price. */
  readonly cost?: Cost;
}

export interface ReplyStarted {
  readonly type: 'ReplyStarted';
  readonly conversationId: string;
  readonly messageId: string;
  readonly replyMessageId: string;
  /** 1, 2, … over all workers. */
  readonly attempt: number;
  readonly claimId: string;
  /** Continues after this many bytes of the previous attempt's logged text; 0: starts over. */
  readonly continuedBytes: number;
  /** Absent until release 0.3: then no event says what the attempt used. */
  readonly call?: ModelCall;
  /** What attempts used that have ended since the last event of the message that says so, by attempt; one that was told before is a repeat. Absent: none. */
  readonly ended?: readonly AttemptUsage[];
}

/** Text of an attempt so far. */
export interface ReplyProgress {
  readonly type: 'ReplyProgress';
  readonly conversationId: string;
  readonly messageId: string;
  readonly replyMessageId: string;
  readonly attempt: number;
  readonly claimId: string;
  /** Where `text` begins in the reply, in UTF-8 bytes: not behind the end of what the log has of it, and maybe before. */
  readonly offsetBytes: number;
  readonly text: string;
}

export interface ReplyCompleted {
  readonly type: 'ReplyCompleted';
  readonly conversationId: string;
  readonly messageId: string;
  readonly replyMessageId: string;
  readonly attempt: number;
  readonly claimId: string;
  readonly parts: readonly Part[];
  readonly model: string;
  /** `stopped` has the text until the stop. */
  readonly outcome: 'completed' | 'stopped';
  /** It is completed without its end: the provider cut it, or failed at every attempt to say more. */
  readonly incomplete?: true;
  /** As in ReplyStarted. */
  readonly ended?: readonly AttemptUsage[];
}

export interface ReplyFailed {
  readonly type: 'ReplyFailed';
  readonly conversationId: string;
  readonly messageId: string;
  /** The last attempt; 0 when there was none. */
  readonly attempt: number;
  readonly claimId: string;
  /** A reason of the error catalogue. */
  readonly reason: string;
  readonly detail: string;
  /** For operators, not sent to clients; may be absent. */
  readonly cause?: string;
  /** As in ReplyStarted. */
  readonly ended?: readonly AttemptUsage[];
}

export interface StopRequested {
  readonly type: 'StopRequested';
  readonly conversationId: string;
  readonly messageId: string;
}

export interface ConversationRenamed {
  readonly type: 'ConversationRenamed';
  readonly conversationId: string;
  readonly title: string;
}

export interface ConversationDeleted {
  readonly type: 'ConversationDeleted';
  readonly conversationId: string;
}

/** The words of a deleted conversation are out of the log, and its media out of the store. */
export interface ConversationErased {
  readonly type: 'ConversationErased';
  readonly conversationId: string;
  /** Records that lost their words, repeats included. */
  readonly records: number;
  /** Media objects removed. */
  readonly media: number;
  /** Every record of the conversation up to this offset was processed: later content is still to be erased. */
  readonly throughSequence: number;
}

/** The facts of the `conversations` topic. */
export type ConversationEvent =
  | ConversationStarted
  | MessageReceived
  | WorkerClaimed
  | WorkerReleased
  | ReplyStarted
  | ReplyProgress
  | ReplyCompleted
  | ReplyFailed
  | StopRequested
  | ConversationRenamed
  | ConversationDeleted
  | ConversationErased;
