import { openSqliteLog } from '../adapters/sqlite/event-log/sqlite-log.ts';
import { type ConversationEvent, type ReplyStarted, textOf } from '../domain/conversation/events.ts';
import type { EventLog, LogRecord } from '../ports/event-log.ts';
import { eventCodec } from './event-codec.ts';

const batch = 5_000;

/** An event of the conversations topic where it stands. */
export interface Entry<E extends ConversationEvent = ConversationEvent> {
  readonly partition: number;
  readonly offset: number;
  /** The log's own, milliseconds since the epoch. */
  readonly timeMs: number;
  readonly event: E;
}

/**
 * A record that clients of its conversation are sent: a message where it stands first, the end that counts of its reply, a title before the deletion, or the
 * first deletion.
 */
export interface Fact {
  readonly kind: 'message' | 'reply' | 'failure' | 'title' | 'deletion';
  readonly offset: number;
  /** The user message that it is or ends; '' when it is about none. */
  readonly messageId: string;
  /** Of the message or the reply; the title, '' once it is erased. */
  readonly text: string;
}

/** What the log alone says about processing. */
export interface Processing {
  readonly breaches: readonly string[];
  /** The most in processing at once, partition by partition. */
  readonly peaks: readonly number[];
  readonly messages: number;
  /** Of which have their final event. */
  readonly ended: number;
  readonly attempts: number;
  /** Attempts under way when their worker was lost. */
  readonly lostAttempts: number;
}

/** Every event of the conversations topic of a stopped server, partition by partition. */
export async function conversationEntries(dataDir: string, prefix = 'parley'): Promise<readonly Entry[][]> {
  await using log = await openSqliteLog({ mode: 'read', dataDir });
  return await entriesOfLog(log, `${prefix}.conversations`);
}

/** Every event of the topic as far as the log goes now, partition by partition. */
async function entriesOfLog(log: EventLog, topic: string): Promise<readonly Entry[][]> {
  const partitions: Entry[][] = [];
  for (let partition = 0; partition < log.partitions(topic); partition += 1)
    partitions.push(await entriesFrom(log, topic, partition, 0));
  return partitions;
}

/** Those of one partition from this offset on. */
export async function entriesFrom(
  log: EventLog,
  topic: string,
  partition: number,
  fromOffset: number,
): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (let offset = fromOffset; ; ) {
    const records = await log.read(topic, partition, offset, batch);
    if (records.length === 0) return entries;
    entries.push(...records.map(entryOf));
    offset = (records.at(-1)?.offset ?? 0) + 1;
  }
}

function entryOf(record: LogRecord): Entry {
  const decoded = eventCodec.decode(record);
  if (decoded.kind !== 'event')
    throw new Error(`${record.topic}/${record.partition} offset ${record.offset}: ${decoded.kind}`);
  const { partition, offset, timeMs } = record;
  return { partition, offset, timeMs, event: decoded.event as ConversationEvent };
}

/** Folds what counts of each partition, knowing only that events of an earlier claim do not, and checks O2, O5 and O7. */
export function processingOf(partitions: readonly (readonly Entry[])[]): Processing {
  const folds = foldsOf(partitions);
  const sum = (of: (fold: PartitionFold) => number) => folds.reduce((total, fold) => total + of(fold), 0);
  const totals = {
    messages: sum((fold) => fold.clientOf.size),
    ended: sum((fold) => fold.ended.size),
    attempts: sum((fold) => fold.attempts),
    lostAttempts: sum((fold) => fold.lost),
  };
  const breaches = folds.flatMap((fold) => fold.breaches);
  // Every provider call has its ReplyStarted; what is over one for each message must have been lost with a worker.
  if (totals.attempts > totals.messages + totals.lostAttempts)
    breaches.push(`${totals.attempts} attempts: ${JSON.stringify(totals)}`);
  return { breaches, peaks: folds.map((fold) => fold.peak), ...totals };
}

/** Ids of the messages that have their final event. */
export function endedIn(partitions: readonly (readonly Entry[])[]): ReadonlySet<string> {
  return new Set(foldsOf(partitions).flatMap((fold) => [...fold.ended]));
}

/** What each conversation's clients are to be sent, in the log's order. */
export function factsIn(partitions: readonly (readonly Entry[])[]): ReadonlyMap<string, readonly Fact[]> {
  const facts = new Map<string, Fact[]>();
  for (const { conversationId, ...fact } of foldsOf(partitions).flatMap((fold) => fold.facts)) {
    const known = facts.get(conversationId) ?? [];
    facts.set(conversationId, known);
    known.push(fact);
  }
  return facts;
}

function foldsOf(partitions: readonly (readonly Entry[])[]): readonly PartitionFold[] {
  return partitions.map((entries) => {
    const fold = new PartitionFold();
    for (const entry of entries) fold.take(entry);
    return fold;
  });
}

/** A claim and when it was read into the log. */
export interface ClaimEntry {
  readonly partition: number;
  readonly workerId: string;
  readonly timeMs: number;
}

/** The claims of all partitions, in the order of their times. */
export function claimsIn(partitions: readonly (readonly Entry[])[]): readonly ClaimEntry[] {
  const claims = partitions.flat().flatMap(({ partition, timeMs, event }) => {
    return event.type === 'WorkerClaimed' ? [{ partition, workerId: event.workerId, timeMs }] : [];
  });
  return claims.sort((one, other) => one.timeMs - other.timeMs);
}

/**
 * What was pending in partitions that were claimed anew between these times (of the log): how many milliseconds after the first of them, or
 * after its own arrival where that was later, each message was begun under the claim in force, or had its end.
 */
export function takenUpAfterMs(
  partitions: readonly (readonly Entry[])[],
  sinceMs: number,
  untilMs = Number.POSITIVE_INFINITY,
): readonly number[] {
  return partitions.flatMap((entries) => {
    const claimed = entries.findIndex(({ event, timeMs }) => event.type === 'WorkerClaimed' && timeMs >= sinceMs);
    const claim = entries[claimed];
    if (claim === undefined || claim.timeMs > untilMs) return [];
    return takenUpIn(entries, claimed, sinceMs);
  });
}

function takenUpIn(entries: readonly Entry[], claimed: number, sinceMs: number): number[] {
  const known = new Set<string>();
  const pending = new Map<string, number>();
  const afterMs: number[] = [];
  let claim = '';
  for (const [index, { event, timeMs }] of entries.entries()) {
    if (event.type === 'WorkerClaimed') claim = event.claimId;
    if (event.type === 'MessageReceived' && index < claimed && !known.has(event.messageId)) {
      known.add(event.messageId);
      pending.set(event.messageId, Math.max(timeMs, sinceMs));
    }
    const counts = 'claimId' in event && 'messageId' in event && event.claimId === claim;
    if (!counts || (index < claimed && event.type === 'ReplyStarted')) continue;
    const begunMs = pending.get(event.messageId);
    pending.delete(event.messageId);
    if (begunMs !== undefined && index > claimed) afterMs.push(timeMs - begunMs);
  }
  return [...afterMs, ...[...pending.values()].map(() => Number.POSITIVE_INFINITY)];
}

type FactEvent = Pick<ReplyStarted, 'conversationId'> & Partial<Pick<ReplyStarted, 'messageId'>>;

class PartitionFold {
  readonly breaches: string[] = [];
  /** Message ids to their clients; repeats count once. */
  readonly clientOf = new Map<string, string>();
  readonly ended = new Set<string>();
  readonly facts: (Fact & { readonly conversationId: string })[] = [];
  /** Messages in processing to their conversations. */
  readonly #processing = new Map<string, string>();
  readonly #deleted = new Set<string>();
  #claim = '';
  #limit = 0;
  peak = 0;
  attempts = 0;
  lost = 0;

  take({ partition, offset, event }: Entry): void {
    switch (event.type) {
      case 'MessageReceived':
        if (this.clientOf.has(event.messageId)) return;
        this.clientOf.set(event.messageId, event.clientId);
        this.#fact('message', offset, event, textOf(event.parts));
        return;
      case 'WorkerClaimed':
        this.lost += this.#processing.size;
        this.#processing.clear();
        this.#claim = event.claimId;
        this.#limit = event.maxProcessing;
        return;
      case 'ReplyStarted':
        if (event.claimId === this.#claim) this.#started(`${partition}/${offset}`, event);
        return;
      case 'ConversationRenamed':
        if (!this.#deleted.has(event.conversationId)) this.#fact('title', offset, event, event.title);
        return;
      case 'ConversationDeleted':
        if (!this.#deleted.has(event.conversationId)) this.#fact('deletion', offset, event, '');
        this.#deleted.add(event.conversationId);
        for (const [messageId, conversationId] of this.#processing)
          if (conversationId === event.conversationId) this.#processing.delete(messageId);
        return;
      case 'ReplyCompleted':
      case 'ReplyFailed': {
        if (event.claimId !== this.#claim) return;
        if (this.ended.has(event.messageId))
          this.breaches.push(`${partition}/${offset}: ${event.messageId} has two ends`);
        else if (event.type === 'ReplyFailed') this.#fact('failure', offset, event, '');
        else this.#fact('reply', offset, event, textOf(event.parts));
        this.ended.add(event.messageId);
        this.#processing.delete(event.messageId);
        return;
      }
      default:
    }
  }

  #fact(kind: Fact['kind'], offset: number, { messageId = '', conversationId }: FactEvent, text: string): void {
    this.facts.push({ kind, offset, messageId, conversationId, text });
  }

  #started(at: string, { messageId, conversationId }: ReplyStarted): void {
    this.attempts += 1;
    if (!this.clientOf.has(messageId)) this.breaches.push(`${at}: ${messageId} was begun but never said`);
    if (this.ended.has(messageId)) this.breaches.push(`${at}: ${messageId} was begun again after its end`);
    this.#processing.set(messageId, conversationId);
    this.peak = Math.max(this.peak, this.#processing.size);
    if (this.#processing.size > this.#limit)
      this.breaches.push(`${at}: ${this.#processing.size} in processing, ${this.#limit} allowed`);
  }
}
