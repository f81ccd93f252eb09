import type { LiveEvent } from '../../ports/live-bus.ts';
import type { TraceContext } from '../../ports/tracing.ts';

/** A message of the client that has no final state yet. */
export interface PendingMessage {
  readonly clientMessageId: string;
  readonly conversationId: string;
  /** Monotonic time at which it was taken. */
  readonly sinceMs: number;
  /** The step in which it was taken; undefined: not traced, or not here. */
  readonly trace: TraceContext | undefined;
  /**
   * Where it stands in the log; undefined until the client has been told that it is there. What happens to it before that is told after.
   */
  sequence: number | undefined;
  readonly early: LiveEvent[];
}

/** The unanswered messages of one client, over all its conversations. */
export class Pending {
  readonly #messages = new Map<string, PendingMessage>();

  get size(): number {
    return this.#messages.size;
  }

  get(messageId: string): PendingMessage | undefined {
    return this.#messages.get(messageId);
  }

  /** A message on its way into the log. */
  add(messageId: string, conversationId: string, clientMessageId: string, sinceMs: number, trace?: TraceContext): void {
    this.#messages.set(messageId, { clientMessageId, conversationId, sinceMs, trace, sequence: undefined, early: [] });
  }

  /** The client knows that it is in the log, or an earlier session has told it; answers with what came of it meanwhile, once. */
  acknowledge(messageId: string, sequence: number): readonly LiveEvent[] {
    const message = this.#messages.get(messageId);
    if (message === undefined || message.sequence !== undefined) return [];
    message.sequence = sequence;
    return message.early;
  }

  /** It is final, or never came into the log. True if it was there. */
  remove(messageId: string): boolean {
    return this.#messages.delete(messageId);
  }

  /** It did not come into the log; no effect when it is known to be there. */
  withdraw(messageId: string): void {
    if (this.#messages.get(messageId)?.sequence === undefined) this.#messages.delete(messageId);
  }

  /** Messages are unanswered in this conversation. */
  anyIn(conversationId: string): boolean {
    for (const message of this.#messages.values()) if (message.conversationId === conversationId) return true;
    return false;
  }

  /** Ids of messages in the log that are older than this. */
  olderThan(sinceMs: number): string[] {
    const ids: string[] = [];
    for (const [id, message] of this.#messages)
      if (message.sequence !== undefined && message.sinceMs < sinceMs) ids.push(id);
    return ids;
  }
}
