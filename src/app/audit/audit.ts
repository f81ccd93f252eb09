import type { AdmissionEvent } from '../../domain/admission/events.ts';
import { evolve as evolveAdmission } from '../../domain/admission/evolve.ts';
import { checkAdmission } from '../../domain/admission/invariants.ts';
import { initialAdmission } from '../../domain/admission/state.ts';
import type { ConversationEvent } from '../../domain/conversation/events.ts';
import {
  checkCounters,
  checkDraft,
  checkPartition,
  checkUsage,
  toldUsage,
} from '../../domain/conversation/invariants.ts';
import {
  evolve as evolvePartition,
  initialPartition,
  type PartitionState,
} from '../../domain/conversation/partition-state.ts';
import { nothingUsed, type UsageSums, withAttempt } from '../../domain/conversation/usage-sums.ts';
import type { SpendingEvent } from '../../domain/spending/events.ts';
import { evolve as evolveSpending, nothingSpent } from '../../domain/spending/evolve.ts';
import { BudgetHistory, checkCosts } from '../../domain/spending/invariants.ts';
import { currencyOf, type PriceLists } from '../../domain/spending/prices.ts';
import type { ParleyEvent } from '../../ports/event-codec.ts';
import type { Journal, JournalEntry } from '../journal.ts';

/** Records read at once. */
const readBatch = 1_000;

/** A place in the log where a limit was broken, or where a record could not be read. */
export interface Finding {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly what: string;
}

/** What the log says when it is folded once more from its first record. */
export interface AuditReport {
  readonly records: number;
  readonly connections: {
    readonly opened: number;
    readonly refused: Readonly<Record<string, number>>;
    readonly closed: Readonly<Record<string, number>>;
    readonly mostOpen: number;
    readonly mostWaiting: number;
    readonly openNow: number;
    readonly cap: number;
  };
  readonly messages: {
    readonly accepted: number;
    readonly repeats: number;
    readonly completed: number;
    readonly stopped: number;
    readonly failed: Readonly<Record<string, number>>;
    readonly pending: number;
    /** Calls to the provider that the log knows of. */
    readonly attempts: number;
    /** Attempts whose worker was lost, or said only behind the next claim that it was not. */
    readonly lostAttempts: number;
    /** Attempts that their worker gave up in order. */
    readonly releasedAttempts: number;
    /** The most in processing at once in any one partition. */
    readonly mostInPartition: number;
    readonly claims: number;
  };
  /** What attempts used, as far as the log says. */
  readonly usage: UsageSums;
  readonly prices: {
    /** How many lists were in force, one after another. */
    readonly lists: number;
    /** ISO 4217, of all costs; '': prices were never set. */
    readonly currency: string;
  };
  readonly budgets: {
    /** Messages that budgets granted, and did not grant. */
    readonly granted: number;
    readonly refused: number;
    /** Messages whose replies used more than was reserved for them. */
    readonly overrun: number;
    /** The closest that any budget came to its end; null: none counted a message. */
    readonly closest: BudgetHistory['closest'] | null;
  };
  /** Limits broken. Empty: in every prefix of the log they held. */
  readonly breaches: readonly Finding[];
  /** Records that this release cannot decode. */
  readonly undecodable: readonly Finding[];
  readonly unknown: number;
}

export interface AuditOptions {
  readonly journal: Journal;
  readonly onProgress?: (recordsDone: number, recordsInAll: number) => void;
}

/** Every finding beyond this is only counted by its kind: one is enough to know. */
const maxFindings = 100;

class Findings {
  readonly breaches: Finding[] = [];
  readonly undecodable: Finding[] = [];
  unknown = 0;

  breach(finding: Finding): void {
    if (this.breaches.length < maxFindings) this.breaches.push(finding);
  }

  /** The event of a record, if it has one that this release knows. */
  eventOf<E extends ParleyEvent>(entry: JournalEntry<E>, topic: string, partition: number): E | undefined {
    const { decoded, offset } = entry;
    if (decoded.kind === 'event') return decoded.event;
    if (decoded.kind === 'unknown') this.unknown += 1;
    else if (this.undecodable.length < maxFindings)
      this.undecodable.push({ topic, partition, offset, what: decoded.reason });
    return undefined;
  }
}

function count(counts: Record<string, number>, reason: string): void {
  counts[reason] = (counts[reason] ?? 0) + 1;
}

/**
 * Folds the whole log up to the ends that it has now, checking every prefix against the limits; it may be written to meanwhile. Rejects with
 * LogDamaged at a damaged record, LogUnavailable.
 */
export async function auditLog({ journal, onProgress }: AuditOptions): Promise<AuditReport> {
  const { connections, conversations, spending } = journal.topics;
  const places = [
    { topic: connections, partition: 0 },
    ...Array.from({ length: journal.log.partitions(conversations) }, (_, partition) => ({
      topic: conversations,
      partition,
    })),
  ];
  const ends = await Promise.all(places.map(({ topic, partition }) => journal.log.endOffset(topic, partition)));
  // After the others, so that it has the prices of every call up to there. Logs of releases until 0.3 have none.
  const spendingEnd = journal.log.partitions(spending) === 0 ? 0 : await journal.log.endOffset(spending, 0);
  const inAll = ends.reduce((sum, end) => sum + end, spendingEnd);
  const findings = new Findings();
  let records = 0;
  const done = (batch: number) => {
    records += batch;
    onProgress?.(records, inAll);
  };
  const [connectionsEnd = 0, ...partitionEnds] = ends;
  const connectionFigures = await auditConnections(journal, connectionsEnd, findings, done);
  const { prices, budgets } = await foldSpending(journal, spendingEnd, findings, done);
  const messages = new MessageFigures();
  for (const [partition, end] of partitionEnds.entries()) {
    await auditPartition(journal, { partition, end, prices, budgets }, messages, findings, done);
  }
  const { breaches, undecodable, unknown } = findings;
  return {
    records,
    connections: connectionFigures,
    messages: messages.report(),
    usage: messages.usage,
    prices: { lists: prices.length, currency: currencyOf(prices) ?? '' },
    budgets: {
      granted: budgets.granted,
      refused: budgets.refused,
      overrun: budgets.overrun,
      closest: budgets.closest ?? null,
    },
    breaches,
    undecodable,
    unknown,
  };
}

/** A partition's records up to this offset, in batches. Throws LogDamaged, LogUnavailable. */
export async function* partitionUpTo<E extends ParleyEvent>(
  journal: Journal,
  topic: string,
  partition: number,
  end: number,
) {
  for (let offset = 0; offset < end; ) {
    const batch = await journal.read<E>(topic, partition, offset, Math.min(readBatch, end - offset));
    const last = batch.at(-1);
    if (last === undefined) throw new Error(`${topic}/${partition} ends at ${offset}, not at ${end}`);
    yield batch;
    offset = last.offset + 1;
  }
}

async function auditConnections(
  journal: Journal,
  end: number,
  findings: Findings,
  done: (records: number) => void,
): Promise<AuditReport['connections']> {
  const topic = journal.topics.connections;
  const refused: Record<string, number> = {};
  const closed: Record<string, number> = {};
  const figures = { opened: 0, mostOpen: 0, mostWaiting: 0 };
  let state = initialAdmission;
  for await (const batch of partitionUpTo<AdmissionEvent>(journal, topic, 0, end)) {
    for (const entry of batch) {
      const event = findings.eventOf(entry, topic, 0);
      if (event === undefined) continue;
      const evolved = evolveAdmission(state, event, entry.timeMs);
      state = evolved.state;
      for (const outcome of evolved.outcomes) {
        if (outcome.type === 'opened') figures.opened += 1;
        if (outcome.type === 'refused') count(refused, outcome.reason);
        if (outcome.type === 'closed') count(closed, outcome.reason);
      }
      figures.mostOpen = Math.max(figures.mostOpen, state.open.size);
      figures.mostWaiting = Math.max(figures.mostWaiting, state.waiting.length);
      const breach = checkAdmission(state);
      if (breach !== null) findings.breach({ topic, partition: 0, offset: entry.offset, what: breach });
    }
    done(batch.length);
  }
  return { ...figures, refused, closed, openNow: state.open.size, cap: state.limits.maxClients };
}

/** Counts over all partitions. */
class MessageFigures {
  readonly #failed: Record<string, number> = {};
  usage: UsageSums = nothingUsed;
  #accepted = 0;
  #repeats = 0;
  #completed = 0;
  #stopped = 0;
  #attempts = 0;
  #lostAttempts = 0;
  #releasedAttempts = 0;
  #mostInPartition = 0;
  #claims = 0;
  #pending = 0;

  /** One more event, and the states before and after it: whether it counted is what the fold made of it. */
  add(event: ConversationEvent, before: PartitionState, after: PartitionState): void {
    const counted = before !== after;
    this.#mostInPartition = Math.max(this.#mostInPartition, after.processing);
    if (event.type === 'MessageReceived') {
      if (counted) this.#accepted += 1;
      else this.#repeats += 1;
    }
    if (!counted) return;
    this.usage = (toldUsage(before, event, after)?.usages ?? []).reduce(withAttempt, this.usage);
    if (event.type === 'ReplyStarted') this.#attempts += 1;
    if (event.type === 'ReplyCompleted' && event.outcome === 'completed') this.#completed += 1;
    if (event.type === 'ReplyCompleted' && event.outcome === 'stopped') this.#stopped += 1;
    if (event.type === 'ReplyFailed') count(this.#failed, event.reason);
    if (event.type === 'WorkerClaimed') {
      this.#claims += 1;
      for (const { processing, released } of before.pending) {
        if (processing && released) this.#releasedAttempts += 1;
        else if (processing) this.#lostAttempts += 1;
      }
    }
  }

  end(state: PartitionState): void {
    this.#pending += state.pending.size;
  }

  report(): AuditReport['messages'] {
    return {
      accepted: this.#accepted,
      repeats: this.#repeats,
      completed: this.#completed,
      stopped: this.#stopped,
      failed: this.#failed,
      pending: this.#pending,
      attempts: this.#attempts,
      lostAttempts: this.#lostAttempts,
      releasedAttempts: this.#releasedAttempts,
      mostInPartition: this.#mostInPartition,
      claims: this.#claims,
    };
  }
}

async function foldSpending(
  journal: Journal,
  end: number,
  findings: Findings,
  done: (records: number) => void,
): Promise<{ readonly prices: PriceLists; readonly budgets: BudgetHistory }> {
  const topic = journal.topics.spending;
  const budgets = new BudgetHistory();
  let state = nothingSpent;
  for await (const batch of partitionUpTo<SpendingEvent>(journal, topic, 0, end)) {
    for (const entry of batch) {
      const event = findings.eventOf(entry, topic, 0);
      if (event === undefined) continue;
      const before = state;
      state = evolveSpending(before, event, entry);
      const breach = budgets.add(event, entry, { before: before.budgets, after: state.budgets });
      if (breach !== null) findings.breach({ topic, partition: 0, offset: entry.offset, what: breach });
    }
    done(batch.length);
  }
  return { prices: state.prices, budgets };
}

interface PartitionAudit {
  readonly partition: number;
  readonly end: number;
  readonly prices: PriceLists;
  readonly budgets: BudgetHistory;
}

async function auditPartition(
  journal: Journal,
  { partition, end, prices, budgets }: PartitionAudit,
  figures: MessageFigures,
  findings: Findings,
  done: (records: number) => void,
): Promise<void> {
  const topic = journal.topics.conversations;
  let state = initialPartition;
  for await (const batch of partitionUpTo<ConversationEvent>(journal, topic, partition, end)) {
    for (const entry of batch) {
      const event = findings.eventOf(entry, topic, partition);
      if (event === undefined) continue;
      const before = state;
      state = evolvePartition(state, event, entry);
      figures.add(event, before, state);
      const ofEvent =
        state === before
          ? null
          : (checkDraft(before, event) ??
            checkUsage(before, event) ??
            checkCosts(prices, before, event) ??
            budgets.check(before, event));
      const breach = checkPartition(state) ?? ofEvent;
      if (breach !== null) findings.breach({ topic, partition, offset: entry.offset, what: breach });
    }
    const wrong = checkCounters(state);
    if (wrong !== null) findings.breach({ topic, partition, offset: batch.at(-1)?.offset ?? 0, what: wrong });
    done(batch.length);
  }
  figures.end(state);
}
