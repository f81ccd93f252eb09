/**
 * The live bus: pieces of replies, and what holds them up, on their way to whoever watches a conversation. It may lose, repeat or delay anything at any time; nothing depends on
 * it that the log does not also hold. Events of one publisher to one conversation arrive in order.
 */
export interface LiveBus extends AsyncDisposable {
  /** Tells everybody who watches the conversation. Never throws, never waits. */
  publish(conversationId: string, event: LiveEvent): void;
  /** Hears what is published from now on. The handler must not throw. Returns the way to stop. */
  subscribe(conversationId: string, handler: (event: LiveEvent) => void): () => void;
  /**
   * Asks the working worker for what it has so far of the conversation's replies; it answers each asker with pieces from offset 0 of each reply under
   * way, and the delay of one that waits. No worker, no answer.
   */
  requestDrafts(conversationId: string, handler: (event: LiveEvent) => void): void;
  /** Answers such requests. Returns the way to stop. */
  serveDrafts(answer: (conversationId: string) => readonly LiveEvent[]): () => void;
}

/** A stretch of a reply's text. It is worth showing only where the log says that the attempt has begun. */
export interface LivePiece {
  readonly type: 'piece';
  readonly messageId: string;
  readonly replyMessageId: string;
  readonly attempt: number;
  /** Where `text` begins in the reply, in UTF-8 bytes. */
  readonly offsetBytes: number;
  readonly text: string;
}

/** The attempt has failed, and the model is to be asked again: what a watcher sees of a reply whose model is away. */
export interface LiveDelay {
  readonly type: 'delay';
  readonly messageId: string;
  readonly replyMessageId: string;
  /** The one that failed. */
  readonly attempt: number;
  /** From now. */
  readonly retryInMs: number;
  /** Why it failed, of the error catalogue; absent until release 0.3. */
  readonly reason?: string;
}

export type LiveEvent = LivePiece | LiveDelay;
