import type { Part } from '../domain/conversation/events.ts';

/**
 * The live bus: pieces of replies on their way to whoever watches a conversation. It may lose, and after a fault repeat, anything at any time;
 * nothing depends on it that the log does not also hold. Messages of one publisher to one conversation arrive in order.
 */
export interface LiveBus extends AsyncDisposable {
  /** Tells everybody who watches the conversation. Never throws, never waits. */
  publish(conversationId: string, event: LiveEvent): void;
  /** Hears what is published from now on. The handler must not throw. Returns the way to stop. */
  subscribe(conversationId: string, handler: (event: LiveEvent) => void): () => void;
  /**
   * Asks the working worker for what it has so far of the conversation's replies; it answers each asker with a `started` and a
   * `piece` from offset 0 per reply under way. No worker, no answer.
   */
  requestDrafts(conversationId: string, handler: (event: LiveEvent) => void): void;
  /** Answers such requests. Returns the way to stop. */
  serveDrafts(answer: (conversationId: string) => readonly LiveEvent[]): () => void;
}

export interface LiveStarted {
  readonly type: 'started';
  readonly messageId: string;
  readonly replyMessageId: string;
  readonly attempt: number;
}

export interface LivePiece {
  readonly type: 'piece';
  readonly messageId: string;
  readonly replyMessageId: string;
  readonly attempt: number;
  /** Where `text` begins in the reply, in UTF-8 bytes. */
  readonly offsetBytes: number;
  readonly text: string;
}

/** The reply is in the log. */
export interface LiveCompleted {
  readonly type: 'completed';
  readonly messageId: string;
  readonly replyMessageId: string;
  readonly attempt: number;
  /** The reply's own offset in its partition. */
  readonly sequence: number;
  readonly timeMs: number;
  readonly parts: readonly Part[];
  readonly model: string;
  readonly outcome: 'completed' | 'stopped';
  /** The worker's step (ports/tracing.ts); absent: not traced. */
  readonly traceparent?: string;
}

/** The message's failure is in the log. */
export interface LiveFailed {
  readonly type: 'failed';
  readonly messageId: string;
  readonly clientMessageId: string;
  readonly reason: string;
  readonly detail: string;
  /** As of a completed one. */
  readonly traceparent?: string;
}

/** The conversation was deleted: nothing is taken for it any more. */
export interface LiveDeleted {
  readonly type: 'deleted';
}

export type LiveEvent = LiveStarted | LivePiece | LiveCompleted | LiveFailed | LiveDeleted;
