/** One piece of a message. Other kinds join this union as they are built. */
export type Part = { readonly kind: 'text'; readonly text: string };

/** The text of a message: that of its text parts, one after the other. */
export function textOf(parts: readonly Part[]): string {
  return parts.map((part) => part.text).join('');
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
}

export interface WorkerClaimed {
  readonly type: 'WorkerClaimed';
  readonly partition: number;
  readonly workerId: string;
  readonly claimId: string;
  /** Messages in processing at once in this partition from here on. */
  readonly maxProcessing: number;
}

export interface ReplyStarted {
  readonly type: 'ReplyStarted';
  readonly conversationId: string;
  readonly messageId: string;
  readonly replyMessageId: string;
  /** 1, 2, … over all workers. */
  readonly attempt: number;
  readonly claimId: string;
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
  /** `stopped` holds what was said until the client wanted no more. */
  readonly outcome: 'completed' | 'stopped';
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

/** The facts of the `conversations` topic. */
export type ConversationEvent =
  | ConversationStarted
  | MessageReceived
  | WorkerClaimed
  | ReplyStarted
  | ReplyCompleted
  | ReplyFailed
  | StopRequested
  | ConversationRenamed
  | ConversationDeleted;
