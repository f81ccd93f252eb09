import type { LiveEvent } from '../../ports/live-bus.ts';

/** A message of the client that has no final state yet. */
export interface PendingMessage {
  readonly clientMessageId: string;
  readonly conversationId: string;
  /** Monotonic time at which it was taken. */
  readonly sinceMs: number;
  /** The client has been told that it is in the log; what happens to it before that is told after. */
  acknowledged: boolean;
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

  /** A message on its way into the log (`acknowledged` false), or one that an earlier session left (true). */
  add(
    messageId: string,
    conversationId: string,
    clientMessageId: string,
    sinceMs: number,
    acknowledged: boolean,
  ): void {
    this.#messages.set(messageId, { clientMessageId, conversationId, sinceMs, acknowledged, early: [] });
  }

  /** It is final, or never came into the log. True if it was there. */
  remove(messageId: string): boolean {
    return this.#messages.delete(messageId);
  }

  /** Messages are unanswered in this conversation. */
  anyIn(conversationId: string): boolean {
    for (const message of this.#messages.values()) if (message.conversationId === conversationId) return true;
    return false;
  }

  /** Ids of acknowledged messages that are older than this. */
  olderThan(sinceMs: number): string[] {
    const ids: string[] = [];
    for (const [id, message] of this.#messages) if (message.acknowledged && message.sinceMs < sinceMs) ids.push(id);
    return ids;
  }

  conversations(): Set<string> {
    return new Set([...this.#messages.values()].map((message) => message.conversationId));
  }
}
