import type { ConversationEvent, MessageReceived } from '../../domain/conversation/events.ts';
import { KnownIds } from '../../domain/conversation/known-ids.ts';
import {
  evolve,
  forgetRepeat,
  initialPartition,
  type PartitionState,
  trimKnown,
} from '../../domain/conversation/partition-state.ts';
import type { Clock } from '../../ports/clock.ts';
import { LogTruncated, LogUnavailable } from '../../ports/event-log.ts';
import type { Logger } from '../../ports/telemetry.ts';
import type { TraceContext } from '../../ports/tracing.ts';
import { aborted, retriedWithLog } from '../back-off.ts';
import type { Journal, JournalEntry } from '../journal.ts';
import { OffsetWaits } from '../offset-waits.ts';
import { ConversationIndex } from './conversation-index.ts';
import { followRetryInitialDelayMs, followRetryMaxDelayMs, maxIndexedConversations, maxRecentBytes } from './limits.ts';
import { lookBack } from './look-back.ts';
import { PendingTraces } from './pending-traces.ts';
import {
  type FollowedRecord,
  followedRecord,
  isUnderWay,
  type MessageRecord,
  RecentRecords,
  withoutDraft,
} from './recent-records.ts';

export interface FollowerDeps {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly logger: Logger;
  /** 0 ≤ x < 1, for the spread of waits. */
  readonly random: () => number;
  /** The consumer group of the workers, from whose positions it begins. */
  readonly group: string;
  /** The group whose positions say how far workers had read when they committed theirs. */
  readonly readGroup: string;
  /** Records before the committed position that are looked at. */
  readonly lookBackRecords: number;
  /** Message ids that are remembered at least. */
  readonly windowIds: number;
}

/** Gets each record, in log order, once it is folded. */
export interface PartitionListener {
  /** An event has changed the fold. `before`: the state before it. */
  counted(event: ConversationEvent, timeMs: number, before: PartitionState): void;
  /** A record about a message or a conversation counts. */
  followed(record: FollowedRecord): void;
  /** A message was appended that the fold knew already. */
  repeated(event: MessageReceived): void;
  /** The log has lost its end, from this offset on: what follows is another log. */
  shortened(partition: number, endOffset: number): void;
  /** A record of another release, or a damaged one, was passed over. */
  unreadable(kind: 'unknown' | 'undecodable'): void;
  /** All that was read at once is told. */
  read(): void;
}

/**
 * One partition of `conversations` as a process follows it, for its sessions and its worker: the fold, and the recent records. It starts at the workers'
 * committed offset, before which every message is final, and looks back a little further to detect repeats.
 */
export class PartitionFollower {
  readonly #deps: FollowerDeps;
  readonly #partition: number;
  readonly #listeners = new Set<Partial<PartitionListener>>();
  readonly #traces = new PendingTraces();
  #state: PartitionState = initialPartition;
  #knownSince = 0;
  /** Conversations that began since, and where. */
  #conversations = KnownIds.none;
  #index = new ConversationIndex(0, maxIndexedConversations);
  #recent = new RecentRecords(0, maxRecentBytes);
  /** The offset of the next record. */
  #next = 0;
  readonly #waits = new OffsetWaits();
  readonly #begun = Promise.withResolvers<void>();
  #isRunning = false;
  #isOver = false;

  constructor(deps: FollowerDeps, partition: number) {
    this.#deps = deps;
    this.#partition = partition;
  }

  /** Subscribes to further records. Returns the unsubscribe function. */
  listen(listener: Partial<PartitionListener>): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  get state(): PartitionState {
    return this.#state;
  }

  /** The offset of the next record that it will read. */
  get next(): number {
    return this.#next;
  }

  get recent(): RecentRecords {
    return this.#recent;
  }

  get index(): ConversationIndex {
    return this.#index;
  }

  /** Resolves when it knows where it begins: it will read whatever is appended from then on. */
  get begun(): Promise<void> {
    return this.#begun.promise;
  }

  /** In which step a pending message came; undefined: not traced, or not known any more. */
  traceOf(messageId: string): TraceContext | undefined {
    return this.#traces.get(messageId);
  }

  /** The message was a repeat from before what the fold knows: it is not pending. */
  forgetRepeat(messageId: string): void {
    this.#state = forgetRepeat(this.#state, messageId);
    this.#traces.remove(messageId);
  }

  /** From this offset on the fold knows every message. */
  get knownFrom(): number {
    return Math.max(this.#knownSince, this.#state.known.completeFrom);
  }

  /** No message of the conversation is older than the fold's window: one lookup in memory, and none where the fold has the whole log. */
  beganSinceKnown(conversationId: string): boolean {
    return this.knownFrom === 0 || (this.#conversations.offsetOf(conversationId) ?? -1) >= this.knownFrom;
  }

  /** The conversation's records after this offset; undefined when some may have been dropped. */
  saidAfter(conversationId: string, offset: number): readonly FollowedRecord[] | undefined {
    if (this.#index.isQuietAfter(conversationId, offset)) return [];
    const began = this.#conversations.offsetOf(conversationId) ?? -1;
    const isWhole = began >= this.#recent.completeFrom;
    return this.#recent.after(conversationId, isWhole ? Math.max(offset, began) : offset);
  }

  /** Resolves when everything before the offset is part of the fold. Rejects with LogUnavailable when it may never be. */
  folded(offset: number): Promise<void> {
    if (this.#next >= offset) return Promise.resolve();
    if (this.#isOver) return Promise.reject(new LogUnavailable('the partition is not followed any more', 'unknown'));
    return this.#waits.until(offset);
  }

  /** Follows until the signal aborts; if the partition is followed already, only waits for that. Rejects with LogDamaged. */
  async run(signal: AbortSignal): Promise<void> {
    if (this.#isRunning) return aborted(signal);
    this.#isRunning = true;
    try {
      await this.#retried(signal, () => this.#begin());
      this.#begun.resolve();
      while (!signal.aborted) await this.#retried(signal, () => this.#follow(signal));
    } finally {
      this.#isOver = true;
      this.#rejectWaiting('the partition is not followed any more');
    }
  }

  async #begin(): Promise<void> {
    const { journal, group, readGroup, lookBackRecords } = this.#deps;
    const { log, topics } = journal;
    const committed = await log.committed(group, topics.conversations, this.#partition);
    const known = await log.committed(readGroup, topics.conversations, this.#partition);
    const end = await log.endOffset(topics.conversations, this.#partition);
    const read = Math.max(committed, known);
    if (read > end) return this.#beginAnew(new LogTruncated(topics.conversations, this.#partition, read, end));
    const index = new ConversationIndex(Math.max(0, committed - lookBackRecords), maxIndexedConversations);
    const past = await lookBack(journal, this.#partition, committed, lookBackRecords, (event, offset) =>
      note(index, event, offset),
    );
    this.#index = index;
    // Messages before the committed position have their ends by now, and those that stand behind it mean nothing to the fold.
    this.#recent = new RecentRecords(committed === 0 ? 0 : end, maxRecentBytes);
    this.#next = committed;
    this.#knownSince = past.knownFrom;
    this.#state = past.state;
    this.#conversations = past.conversations;
    this.#waits.reached(this.#next);
  }

  /** A log that has lost its end may have lost those of messages before the committed position. */
  #beginAnew({ offset, endOffset }: LogTruncated): void {
    const about = { partition: this.#partition, offset, endOffset };
    this.#deps.logger.error(about, 'the log is shorter than what was read of it; following it from its beginning');
    this.#state = initialPartition;
    this.#knownSince = 0;
    this.#conversations = KnownIds.none;
    this.#index = new ConversationIndex(0, maxIndexedConversations);
    this.#recent = new RecentRecords(0, maxRecentBytes);
    this.#next = 0;
    this.#rejectWaiting('the log has become shorter');
    for (const listener of this.#listeners) listener.shortened?.(this.#partition, endOffset);
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { journal, windowIds } = this.#deps;
    const { conversations: topic } = journal.topics;
    try {
      for await (const batch of journal.tail<ConversationEvent>(topic, this.#partition, this.#next, signal)) {
        for (const entry of batch) this.#fold(entry);
        this.#state = trimKnown(this.#state, windowIds);
        this.#conversations = this.#conversations.trim(windowIds, Number.POSITIVE_INFINITY);
        this.#waits.reached(this.#next);
        for (const listener of this.#listeners) listener.read?.();
      }
    } catch (error) {
      if (!(error instanceof LogTruncated)) throw error;
      this.#beginAnew(error);
    }
  }

  #fold({ offset, timeMs, decoded, trace }: JournalEntry<ConversationEvent>): void {
    this.#next = offset + 1;
    if (decoded.kind !== 'event') {
      // The projections park it with its reason; here it is only passed over.
      for (const listener of this.#listeners) listener.unreadable?.(decoded.kind);
      return;
    }
    const { event } = decoded;
    const before = this.#state;
    this.#state = evolve(before, event, { offset, timeMs });
    note(this.#index, event, offset);
    if (event.type === 'ConversationStarted' && !this.#conversations.has(event.conversationId))
      this.#conversations = this.#conversations.add(event.conversationId, offset);
    // A repeat of the deletion leaves the first one, and what came after it, where they are.
    if (event.type === 'ConversationDeleted' && this.#state !== before) this.#recent.forget(event.conversationId);
    const at = { offset, timeMs, trace };
    if (this.#state !== before) this.#traceCounted(event, at);
    else if (event.type === 'MessageReceived') for (const listener of this.#listeners) listener.repeated?.(event);
    this.#tell(event, before, at);
  }

  #tell(
    event: ConversationEvent,
    before: PartitionState,
    at: Pick<MessageRecord, 'offset' | 'timeMs' | 'trace'>,
  ): void {
    const record = followedRecord(at, event, before, this.#state);
    if (record !== undefined && !isUnderWay(record)) this.#recent.add(withoutDraft(record));
    for (const listener of this.#listeners) {
      if (this.#state !== before) listener.counted?.(event, at.timeMs, before);
      if (record !== undefined) listener.followed?.(record);
    }
  }

  #traceCounted(event: ConversationEvent, { trace }: Pick<MessageRecord, 'trace'>): void {
    if (event.type === 'MessageReceived' && trace !== undefined) this.#traces.add(event.messageId, trace);
    if (event.type === 'ReplyCompleted' || event.type === 'ReplyFailed') this.#traces.remove(event.messageId);
  }

  #rejectWaiting(why: string): void {
    this.#waits.rejectAll(new LogUnavailable(why, 'unknown'));
  }

  /** Tries again, with growing waits, while the log is unavailable and the signal has not aborted. */
  #retried(signal: AbortSignal, attempt: () => Promise<void>): Promise<void> {
    const { clock, random, logger } = this.#deps;
    const onFailure = (err: LogUnavailable) =>
      logger.warn({ partition: this.#partition, err }, 'the log cannot be followed; trying again');
    const waits = { initialMs: followRetryInitialDelayMs, maxMs: followRetryMaxDelayMs };
    return retriedWithLog(signal, { clock, random, ...waits, position: () => this.#next, onFailure }, attempt);
  }
}

function note(index: ConversationIndex, event: ConversationEvent, offset: number): void {
  if ('conversationId' in event) index.note(event.conversationId, 'clientId' in event ? event.clientId : '', offset);
}
