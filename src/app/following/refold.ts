import type { ConversationEvent } from '../../domain/conversation/events.ts';
import { evolve, initialPartition } from '../../domain/conversation/partition-state.ts';
import { historyWaitMs } from '../../domain/limits.ts';
import type { Clock } from '../../ports/clock.ts';
import { ReadModelUnavailable } from '../../ports/read-model.ts';
import type { Journal, JournalEntry } from '../journal.ts';
import { SharedRuns } from '../shared-runs.ts';
import { keptRefoldMs, keptRefolds, maxRefoldRecords, missingHistoryWaitMs } from './limits.ts';
import {
  type FollowedRecord,
  followedRecord,
  isAboutMessage,
  isUnderWay,
  type MessageRecord,
  withoutDraft,
} from './recent-records.ts';

/** Records read at once. */
const batchRecords = 1_000;

/** What the log holds of one conversation before an offset. */
export interface ConversationPast {
  /** '' when there is no such conversation. */
  readonly clientId: string;
  readonly isDeleted: boolean;
  /** Where each message was received first. */
  readonly said: ReadonlyMap<string, MessageRecord>;
  /** What counts, in order; nothing of a conversation that was deleted. */
  readonly records: readonly FollowedRecord[];
}

/** Conversations as the log has them, for when history cannot say what they hold. */
export class Refolds {
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #partitions = new Map<number, PartitionRefold>();

  constructor({ journal, clock }: { readonly journal: Journal; readonly clock: Clock }) {
    this.#journal = journal;
    this.#clock = clock;
  }

  /**
   * What the log holds of the conversation before this offset, and perhaps a little more. Rejects with LogUnavailable, or with ReadModelUnavailable
   * where that would take too long: history must be waited for.
   */
  async past(partition: number, conversationId: string, upTo: number): Promise<ConversationPast> {
    if (upTo > maxRefoldRecords)
      throw new ReadModelUnavailable('history cannot be read now, and the log is too long to be folded');
    const nowMs = this.#clock.monotonicMs();
    this.#forgetUnused(nowMs);
    const known = this.#partitions.get(partition) ?? new PartitionRefold(this.#journal, partition);
    this.#partitions.set(partition, known);
    known.usedAtMs = nowMs;
    return known.past(conversationId, upTo);
  }

  /** How long history is waited for before the partition is folded: a moment only where it was waited for in vain, and the fold is kept. */
  historyWaitMs(partition: number): number {
    this.#forgetUnused(this.#clock.monotonicMs());
    return this.#partitions.has(partition) ? missingHistoryWaitMs : historyWaitMs;
  }

  #forgetUnused(nowMs: number): void {
    for (const [partition, { usedAtMs }] of this.#partitions)
      if (nowMs - usedAtMs >= keptRefoldMs) this.#partitions.delete(partition);
  }
}

/**
 * One partition, folded from its first record for some of its conversations: requests that arrive during a pass share the next one, and conversations
 * requested before are continued from the end of the last one.
 */
class PartitionRefold {
  /** By the monotonic clock. */
  usedAtMs = 0;
  readonly #journal: Journal;
  readonly #partition: number;
  #fold = new Fold([]);
  /** By the next pass: conversations, and up to where. */
  #wanted = new Map<string, number>();
  readonly #passes = new SharedRuns(() => this.#pass());

  constructor(journal: Journal, partition: number) {
    this.#journal = journal;
    this.#partition = partition;
  }

  async past(conversationId: string, upTo: number): Promise<ConversationPast> {
    const isKnown = this.#fold.next >= upTo && this.#fold.pasts.has(conversationId);
    if (!isKnown) this.#wanted.set(conversationId, Math.max(upTo, this.#wanted.get(conversationId) ?? 0));
    const { pasts } = isKnown ? this.#fold : await this.#passes.next();
    const { records, ...past } = pasts.get(conversationId) ?? new Past();
    // The fold advances while its result is being read.
    return { ...past, records: [...records] };
  }

  async #pass(): Promise<Fold> {
    const wanted = this.#wanted;
    this.#wanted = new Map();
    const { pasts } = this.#fold;
    const isNew = [...wanted.keys()].some((conversationId) => !pasts.has(conversationId));
    // The most recently used stay.
    const kept = [...pasts.keys()].filter((conversationId) => !wanted.has(conversationId)).slice(-keptRefolds);
    const fold = isNew ? new Fold([...kept, ...wanted.keys()]) : this.#fold;
    await fold.foldTo(Math.max(...wanted.values()), this.#journal, this.#partition);
    this.#fold = fold;
    return fold;
  }
}

/** What was met of a conversation. */
class Past implements ConversationPast {
  clientId = '';
  isDeleted = false;
  readonly said = new Map<string, MessageRecord>();
  records: FollowedRecord[] = [];
}

/** A partition up to some offset, and what it holds of some conversations. */
class Fold {
  readonly pasts: ReadonlyMap<string, Past>;
  next = 0;
  #state = initialPartition;

  constructor(conversationIds: readonly string[]) {
    this.pasts = new Map(conversationIds.map((conversationId) => [conversationId, new Past()]));
  }

  /** Rejects with LogUnavailable or LogDamaged, and may then be called again. */
  async foldTo(upTo: number, journal: Journal, partition: number): Promise<void> {
    while (this.next < upTo) {
      const count = Math.min(batchRecords, upTo - this.next);
      const entries = await journal.read<ConversationEvent>(journal.topics.conversations, partition, this.next, count);
      for (const entry of entries) this.#take(entry);
      if (entries.length === 0) return;
    }
  }

  #take({ offset, timeMs, decoded, trace }: JournalEntry<ConversationEvent>): void {
    this.next = offset + 1;
    if (decoded.kind !== 'event') return;
    const { event } = decoded;
    const before = this.#state;
    this.#state = evolve(before, event, { offset, timeMs });
    const past = 'conversationId' in event ? this.pasts.get(event.conversationId) : undefined;
    if (past === undefined) return;
    if ('clientId' in event) past.clientId ||= event.clientId;
    if (event.type === 'ConversationDeleted') {
      past.isDeleted = true;
      past.records = [];
    }
    if (past.isDeleted) return;
    const known = followedRecord({ offset, timeMs, trace }, event, before, this.#state);
    if (known === undefined || isUnderWay(known)) return;
    const record = withoutDraft(known);
    past.records.push(record);
    if (event.type === 'MessageReceived' && isAboutMessage(record)) past.said.set(event.messageId, record);
  }
}
