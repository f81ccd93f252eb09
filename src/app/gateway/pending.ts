import { maxPieceBytes } from '../../domain/limits.ts';
import type { LiveEvent } from '../../ports/live-bus.ts';
import type { TraceContext } from '../../ports/tracing.ts';
import { HeldLiveEvents } from './held-events.ts';

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
  readonly early: HeldLiveEvents;
  /** Monotonic time at which it was taken, or history was last asked for it. */
  askedMs: number;
}

/** Kept of what came of a message before its client knows that it is in the log, which takes as long as an answer of the log. */
const maxEarlyBytes = 2 * maxPieceBytes;

/** Messages in doubt that are remembered: more than a client may have unanswered, so that only one that never repeats any loses some. */
const maxInDoubt = 100;

/** The unanswered messages of one client, over all its conversations. */
export class Pending {
  readonly #messages = new Map<string, PendingMessage>();
  /** Those whose append has failed, and that may be in the log all the same: their client is to repeat them. */
  readonly #inDoubt = new Map<string, PendingMessage>();

  get size(): number {
    return this.#messages.size;
  }

  get(messageId: string): PendingMessage | undefined {
    return this.#messages.get(messageId);
  }

  /** A message on its way into the log. */
  add(messageId: string, conversationId: string, clientMessageId: string, sinceMs: number, trace?: TraceContext): void {
    const nothingYet = { sequence: undefined, early: new HeldLiveEvents(maxEarlyBytes), askedMs: sinceMs };
    this.#messages.set(messageId, { clientMessageId, conversationId, sinceMs, trace, ...nothingYet });
  }

  isInDoubt(messageId: string): boolean {
    return this.#inDoubt.has(messageId);
  }

  /** The client knows that it is in the log, or an earlier session has told it; answers with what came of it meanwhile, once. */
  acknowledge(messageId: string, sequence: number): readonly LiveEvent[] {
    this.#recall(messageId);
    const message = this.#messages.get(messageId);
    if (message === undefined || message.sequence !== undefined) return [];
    message.sequence = sequence;
    return message.early.events;
  }

  /** It is final, or never came into the log. True if it was there. */
  remove(messageId: string): boolean {
    return this.#messages.delete(messageId);
  }

  /** It did not come into the log, or (in doubt) may not have; no effect when it is known to be there. */
  withdraw(messageId: string, isInDoubt = false): void {
    const message = this.#messages.get(messageId);
    if (message === undefined || message.sequence !== undefined) return;
    this.#messages.delete(messageId);
    if (!isInDoubt) return;
    this.#inDoubt.set(messageId, message);
    const [oldest] = this.#inDoubt.keys();
    if (this.#inDoubt.size > maxInDoubt && oldest !== undefined) this.#inDoubt.delete(oldest);
  }

  /** It was in the log all the time, so that what came of it is still to be told. */
  #recall(messageId: string): void {
    const message = this.#inDoubt.get(messageId);
    if (message === undefined) return;
    this.#inDoubt.delete(messageId);
    if (!this.#messages.has(messageId)) this.#messages.set(messageId, message);
  }

  /** Messages are unanswered in this conversation. */
  anyIn(conversationId: string): boolean {
    for (const message of this.#messages.values()) if (message.conversationId === conversationId) return true;
    return false;
  }

  /** Ids of the messages in this conversation that are in the log. */
  acknowledgedIn(conversationId: string): string[] {
    const here = [...this.#messages].filter(([, message]) => message.conversationId === conversationId);
    return here.flatMap(([id, { sequence }]) => (sequence === undefined ? [] : [id]));
  }

  /** Ids of messages in the log for which history is to be asked now, having been asked for none of them for so long. */
  takeOverdue(nowMs: number, everyMs: number): string[] {
    const ids: string[] = [];
    for (const [id, message] of this.#messages) {
      if (message.sequence === undefined || nowMs - message.askedMs <= everyMs) continue;
      message.askedMs = nowMs;
      ids.push(id);
    }
    return ids;
  }
}
