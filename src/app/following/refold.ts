import type { ConversationEvent } from '../../domain/conversation/events.ts';
import { evolve, initialPartition, pendingMessage } from '../../domain/conversation/partition-state.ts';
import type { Clock } from '../../ports/clock.ts';
import { ReadModelUnavailable } from '../../ports/read-model.ts';
import type { Journal } from '../journal.ts';
import { keptRefoldMs, keptRefolds, maxRefoldRecords } from './limits.ts';
import type { FollowedRecord } from './recent-records.ts';

/** Records read at once. */
const batchRecords = 1_000;

/** What the log holds of one conversation before an offset. */
export interface ConversationPast {
  /** '' when there is no such conversation. */
  readonly clientId: string;
  readonly isDeleted: boolean;
  /** Where each message was received first. */
  readonly said: ReadonlyMap<string, FollowedRecord>;
  /** What counts, in order; nothing of a conversation that was deleted. */
  readonly records: readonly FollowedRecord[];
}

interface Kept {
  readonly upTo: number;
  /** By the monotonic clock. */
  readonly sinceMs: number;
  readonly past: Promise<ConversationPast>;
}

/** Conversations as the log has them, for when history cannot say what they hold. */
export class Refolds {
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #kept = new Map<string, Kept>();

  constructor({ journal, clock }: { readonly journal: Journal; readonly clock: Clock }) {
    this.#journal = journal;
    this.#clock = clock;
  }

  /**
   * What the log holds of the conversation before this offset, and perhaps a little more. Rejects with LogUnavailable, or with ReadModelUnavailable
   * where that would take too long: history must be waited for.
   */
  past(partition: number, conversationId: string, upTo: number): Promise<ConversationPast> {
    const nowMs = this.#clock.monotonicMs();
    const kept = this.#kept.get(conversationId);
    // Whoever resumes a conversation asks whose it is, what was said in it and what was missed, one after the other.
    if (kept !== undefined && kept.upTo >= upTo && nowMs - kept.sinceMs < keptRefoldMs) return kept.past;
    if (upTo > maxRefoldRecords)
      return Promise.reject(
        new ReadModelUnavailable('history cannot be read now, and the log is too long to be folded'),
      );
    const past = refold(this.#journal, partition, conversationId, upTo);
    this.#kept.delete(conversationId);
    this.#kept.set(conversationId, { upTo, sinceMs: nowMs, past });
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > keptRefolds && oldest !== undefined) this.#kept.delete(oldest);
    past.catch(() => this.#kept.delete(conversationId));
    return past;
  }
}

/** Folds a partition from its first record up to the offset, for one conversation of it. Rejects with LogUnavailable or LogDamaged. */
export async function refold(
  journal: Journal,
  partition: number,
  conversationId: string,
  upTo: number,
): Promise<ConversationPast> {
  let state = initialPartition;
  let clientId = '';
  let isDeleted = false;
  const said = new Map<string, FollowedRecord>();
  let records: FollowedRecord[] = [];
  for (let next = 0; next < upTo; ) {
    const count = Math.min(batchRecords, upTo - next);
    const entries = await journal.read<ConversationEvent>(journal.topics.conversations, partition, next, count);
    for (const { offset, timeMs, decoded, trace } of entries) {
      if (decoded.kind !== 'event') continue;
      const { event } = decoded;
      const before = state;
      state = evolve(before, event, { offset, timeMs });
      if (!('conversationId' in event) || event.conversationId !== conversationId) continue;
      if ('clientId' in event) clientId ||= event.clientId;
      if (event.type === 'ConversationDeleted') {
        isDeleted = true;
        records = [];
      }
      if (state === before || isDeleted) continue;
      if (event.type !== 'MessageReceived' && event.type !== 'ReplyCompleted' && event.type !== 'ReplyFailed') continue;
      const message = pendingMessage(event.type === 'MessageReceived' ? state : before, event.messageId);
      if (message === undefined) continue;
      const record = { offset, timeMs, event, message, trace };
      records.push(record);
      if (event.type === 'MessageReceived') said.set(event.messageId, record);
    }
    const last = entries.at(-1);
    if (last === undefined) break;
    next = last.offset + 1;
  }
  return { clientId, isDeleted, said, records };
}
