import { Journal } from '../../app/journal.ts';
import { createEventCodec } from '../../codec/event-codec.ts';
import type { AdmissionEvent } from '../../domain/admission/events.ts';
import { evolve as evolveAdmission } from '../../domain/admission/evolve.ts';
import { checkAdmission } from '../../domain/admission/invariants.ts';
import { type AdmissionState, initialAdmission } from '../../domain/admission/state.ts';
import {
  type ConversationEvent,
  type MessageReceived,
  mediaOf,
  type ReplyCompleted,
  type ReplyFailed,
} from '../../domain/conversation/events.ts';
import {
  checkDraft,
  checkPartition,
  checkUsage,
  type ToldUsage,
  toldUsage,
} from '../../domain/conversation/invariants.ts';
import {
  evolve as evolvePartition,
  initialPartition,
  type PartitionState,
  pendingMessage,
} from '../../domain/conversation/partition-state.ts';
import { nothingUsed, type UsageSums, withAttempt, withSums } from '../../domain/conversation/usage-sums.ts';
import type { Budget } from '../../domain/spending/budgets.ts';
import type { SpendingEvent } from '../../domain/spending/events.ts';
import { evolve as evolveSpending, nothingSpent, type Spending } from '../../domain/spending/evolve.ts';
import { BudgetHistory, checkCosts } from '../../domain/spending/invariants.ts';
import type { ParleyEvent } from '../../ports/event-codec.ts';
import type { LogRecord } from '../../ports/event-log.ts';
import { contentTypeOf } from '../network/inspector.ts';
import type { World } from '../world/world.ts';
import { prefix, topics } from '../world/world-names.ts';

/** A message as the log has it. */
export interface TrueMessage {
  readonly event: MessageReceived;
  readonly partition: number;
  readonly sequence: number;
  /** The event that ended it, and where it stands. */
  end: { readonly event: ReplyCompleted | ReplyFailed; readonly sequence: number } | undefined;
}

/** A title that counts, or (undefined) the deletion, and where it stands. */
export interface TrueChange {
  readonly sequence: number;
  readonly title: string | undefined;
}

/** So long after faults have ended there are several records. */
const leastElapsedMs = 10_000;

/** How a session ended in the log. */
export interface TrueEnd {
  readonly reason: string;
  readonly offset: number;
}

/** What the log says, folded from its first record as it is written: what everybody else must come to. */
export class Truth {
  admission: AdmissionState = initialAdmission;
  #spending: Spending = nothingSpent;
  readonly budgets = new BudgetHistory();
  readonly partitions: PartitionState[];
  readonly messages = new Map<string, TrueMessage>();
  readonly ownerOf = new Map<string, string>();
  readonly deleted = new Set<string>();
  /** What was done to each conversation as a whole, in order. */
  readonly #changes = new Map<string, TrueChange[]>();
  readonly ends = new Map<string, TrueEnd>();
  /** Offsets of the claims of each partition. */
  readonly claims: number[][];
  /** What attempts of each client used, by partition. */
  readonly #usage: Map<string, UsageSums>[];
  /** Told of each session that the start of a process of its gateway's id has ended. */
  onRestarted: (gatewayId: string, sessionId: string) => void = () => {};
  /** Messages that were in the log, and were lost with its end. */
  readonly lost = new Set<string>();
  /** How often each partition has lost its end. */
  readonly losses = new Map<number, number>();
  /** Messages that somebody asked to stop. */
  readonly askedToStop = new Set<string>();
  /** Of every conversation that the log ever held. */
  readonly #partitionOf = new Map<string, number>();
  /** Which worker made each claim. */
  readonly #workerOf = new Map<string, string>();
  /** The claim in force of each partition. */
  readonly #claimIds = new Map<number, string>();
  /** The time of admission at the first record after faults have ended, and when that was. */
  #peace: { readonly clockMs: number; readonly nowMs: number } | undefined;
  /** When the last record of admission was written. */
  #latestMs = 0;
  readonly #world: World;
  readonly #journal: Journal;

  constructor(world: World) {
    this.#world = world;
    const { partitions } = world.scenario.config.limits;
    this.partitions = Array.from({ length: partitions }, () => initialPartition);
    this.claims = Array.from({ length: partitions }, () => []);
    this.#usage = Array.from({ length: partitions }, () => new Map());
    this.#journal = new Journal(world.log.handle(), createEventCodec(world.ids), prefix);
    world.log.onAppend((records) => {
      for (const record of records) this.#take(record);
    });
  }

  #take(record: LogRecord): void {
    const decoded = this.#journal.decode(record);
    const at = `${record.topic.slice(prefix.length + 1)}${record.topic === topics.conversations ? `/${record.partition}` : ''}@${record.offset}`;
    if (decoded.kind !== 'event') return this.#world.trace.note('log', `${at} ${decoded.kind}`);
    this.#world.trace.note('log', `${at} ${summaryOf(decoded.event)}`);
    if (record.topic === topics.connections) this.#takeAdmission(decoded.event as AdmissionEvent, record);
    else if (record.topic === topics.spending) this.#takeSpending(decoded.event as SpendingEvent, record);
    else this.#takeConversation(decoded.event as ConversationEvent, record);
  }

  get budgetsInForce(): readonly Budget[] {
    return this.#spending.budgets.inForce;
  }

  /** Messages that have their end, and for which something is reserved all the same. */
  get unsettled(): readonly string[] {
    const open = [...this.#spending.budgets.reservations.keys()];
    return open.filter((messageId) => this.messages.get(messageId)?.end !== undefined);
  }

  #takeSpending(event: SpendingEvent, record: LogRecord): void {
    const before = this.#spending;
    this.#spending = evolveSpending(before, event, record);
    const wrong = this.budgets.add(event, record, { before: before.budgets, after: this.#spending.budgets });
    if (wrong !== null) this.#world.find('budget-broken', wrong);
  }

  #takeAdmission(event: AdmissionEvent, { timeMs, offset }: LogRecord): void {
    const before = this.admission;
    const { state, outcomes } = evolveAdmission(before, event, timeMs);
    this.admission = state;
    const { faults, scheduler } = this.#world;
    this.#latestMs = scheduler.nowMs;
    if (!faults.isActive) this.#peace ??= { clockMs: state.clockMs, nowMs: scheduler.nowMs };
    for (const outcome of outcomes) {
      if (outcome.type !== 'closed') continue;
      this.ends.set(outcome.sessionId, { reason: outcome.reason, offset });
      if (outcome.reason === 'SESSION_TAKEN_OVER') this.#checkTakenOver(before, outcome.sessionId, event);
    }
    if (event.type === 'GatewayStarted')
      for (const { type, sessionId } of outcomes) if (type === 'closed') this.onRestarted(event.gatewayId, sessionId);
    const breach = checkAdmission(state);
    if (breach !== null) this.#world.find('limit-broken', `connections@${offset}: ${breach}`);
  }

  /** What the log has of the conversation's titles and deletion, in order: titles before the deletion, and the first deletion. */
  changesOf(conversationId: string): readonly TrueChange[] {
    return this.#changes.get(conversationId) ?? [];
  }

  /** The topic of connections has lost its end: what it holds is folded anew. */
  connectionsShortened(): void {
    this.admission = initialAdmission;
    this.ends.clear();
    const { onRestarted } = this;
    this.onRestarted = () => {};
    for (const { event, record } of this.#held(topics.connections, 0))
      this.#takeAdmission(event as AdmissionEvent, record);
    this.onRestarted = onRestarted;
  }

  /** The partition has lost its end: what it holds is folded anew. Returns the conversations that it held. */
  shortened(partition: number): ReadonlySet<string> {
    const held = new Set([...this.#partitionOf].flatMap(([id, at]) => (at === partition ? [id] : [])));
    const former = [...this.messages].filter(([, message]) => message.partition === partition);
    for (const [messageId] of former) this.messages.delete(messageId);
    for (const conversationId of held) {
      this.ownerOf.delete(conversationId);
      this.#changes.delete(conversationId);
    }
    this.partitions[partition] = initialPartition;
    this.claims[partition] = [];
    this.#usage[partition] = new Map();
    this.#claimIds.delete(partition);
    this.losses.set(partition, (this.losses.get(partition) ?? 0) + 1);
    for (const { event, record } of this.#held(topics.conversations, partition))
      this.#takeConversation(event as ConversationEvent, record);
    for (const [messageId] of former) if (!this.messages.has(messageId)) this.lost.add(messageId);
    return held;
  }

  /** The events that a partition holds now. */
  #held(topic: string, partition: number) {
    return this.#world.log.records(topic, partition).flatMap((record) => {
      const decoded = this.#journal.decode(record);
      return decoded.kind === 'event' ? [{ event: decoded.event, record }] : [];
    });
  }

  /** Leases and deadlines run by the time of the fold. */
  checkTime(): void {
    // A log that clamps its records' times stands still until its clock has come that far again.
    if (this.#peace === undefined) return;
    const elapsedMs = this.#latestMs - this.#peace.nowMs;
    if (elapsedMs > leastElapsedMs && this.admission.clockMs === this.#peace.clockMs)
      this.#world.find('progress/time', `the time of admission stands, ${elapsedMs} ms after faults have ended`);
  }

  /** What is there of what it names is its client's, and is what it claims. What is not there is found in the end. */
  #checkMedia({ messageId, clientId, parts }: MessageReceived): void {
    for (const { mediaId, contentType } of mediaOf(parts)) {
      const found = this.#world.media.find(mediaId);
      if (found === undefined) continue;
      if (found.media.ownerId !== clientId || contentTypeOf(found.bytes) !== contentType)
        this.#world.find('media-of-others', `${messageId} of ${clientId} names ${mediaId} as ${contentType}`);
    }
  }

  #checkTakenOver({ open, waiting }: AdmissionState, sessionId: string, by: AdmissionEvent): void {
    const held = open.get(sessionId);
    const inLine = waiting.find(({ request }) => request.sessionId === sessionId)?.request;
    const tokens = [held?.tokenHash, held?.formerTokenHash, inLine?.tokenHash];
    if (by.type !== 'ConnectionRequested' || !tokens.includes(by.resumeTokenHash))
      this.#world.find('session-stolen', `${sessionId} was taken over without its token`);
  }

  /** Workers that live say that they gave their claim up, as soon as the log can be written. */
  #checkPoison(before: PartitionState, messageId: string): void {
    const lost = pendingMessage(before, messageId)?.lostClaims ?? [];
    const workers = lost.map((claimId) => this.#workerOf.get(claimId) ?? '');
    // A worker is called after its process, and a number.
    const isInterrupted = (worker: string) => this.#world.interrupted.has(worker.slice(0, worker.lastIndexOf('-')));
    const uninterrupted = workers.filter((worker) => !isInterrupted(worker));
    // One of them may not have been able to write it yet.
    if (uninterrupted.length > 1)
      this.#world.find('poison-unlost', `${messageId} was given up, and ${uninterrupted.join(', ')} live`);
  }

  #checkDraft(before: PartitionState, event: ConversationEvent): void {
    const broken = checkDraft(before, event);
    if (broken !== null) this.#world.find('draft-broken', broken);
    if (event.type !== 'ReplyStarted' || !this.#world.model.continues) return;
    const message = pendingMessage(before, event.messageId);
    // Without its words it is folded again after it was erased, and its draft was erased with it.
    if (message === undefined || message.processing || message.parts.length === 0) return;
    // Whoever goes on in vain begins anew: an attempt whose start was never written may have gone on.
    const isNext = event.attempt === message.attempt + 1;
    if (event.continuedBytes !== message.draft.bytes && (isNext || event.continuedBytes !== 0))
      this.#world.find(
        'draft-lost',
        `${event.messageId} #${event.attempt} goes on from ${event.continuedBytes} of ${message.draft.bytes} bytes`,
      );
  }

  #noteUsage(told: ToldUsage | undefined, partition: number): void {
    const used = this.#usage[partition];
    if (told === undefined || used === undefined || told.usages.length === 0) return;
    used.set(told.clientId, told.usages.reduce(withAttempt, used.get(told.clientId) ?? nothingUsed));
  }

  /** What attempts of each client used. */
  usageByClient(): ReadonlyMap<string, UsageSums> {
    const sums = new Map<string, UsageSums>();
    for (const used of this.#usage)
      for (const [clientId, ofIt] of used) sums.set(clientId, withSums(sums.get(clientId) ?? nothingUsed, ofIt));
    return sums;
  }

  #noteChange(event: ConversationEvent, sequence: number, { deleted }: PartitionState): void {
    if (event.type !== 'ConversationRenamed' && event.type !== 'ConversationDeleted') return;
    const { conversationId } = event;
    if (deleted.has(conversationId)) return;
    const title = event.type === 'ConversationRenamed' ? event.title : undefined;
    this.#changes.set(conversationId, [...this.changesOf(conversationId), { sequence, title }]);
  }

  #takeConversation(event: ConversationEvent, { partition, offset, timeMs }: LogRecord): void {
    const before = this.partitions[partition] ?? initialPartition;
    const state = evolvePartition(before, event, { offset, timeMs });
    this.partitions[partition] = state;
    const breach = checkPartition(state);
    if (breach !== null) this.#world.find('limit-broken', `conversations/${partition}@${offset}: ${breach}`);
    if ('conversationId' in event) this.#partitionOf.set(event.conversationId, partition);
    if (event.type === 'ConversationStarted' && !this.ownerOf.has(event.conversationId))
      this.ownerOf.set(event.conversationId, event.clientId);
    this.#noteChange(event, offset, before);
    if (state === before) return;
    this.#checkDraft(before, event);
    const untold = checkUsage(before, event);
    if (untold !== null) this.#world.find('usage-untold', untold);
    const wrong = checkCosts(this.#spending.prices, before, event);
    if (wrong !== null) this.#world.find('cost-wrong', wrong);
    const unkept = this.budgets.check(before, event);
    if (unkept !== null) this.#world.find('budget-broken', unkept);
    this.#noteUsage(toldUsage(before, event, state), partition);
    if ('attempt' in event && event.claimId !== this.#claimIds.get(partition))
      this.#world.find(
        'superseded-counts',
        `conversations/${partition}@${offset}: ${event.type} of ${event.messageId}`,
      );
    switch (event.type) {
      case 'MessageReceived':
        this.#checkMedia(event);
        this.messages.set(event.messageId, { event, partition, sequence: offset, end: undefined });
        return;
      case 'WorkerClaimed':
        this.claims[partition]?.push(offset);
        this.#workerOf.set(event.claimId, event.workerId);
        this.#claimIds.set(partition, event.claimId);
        return;
      case 'ConversationDeleted':
        this.deleted.add(event.conversationId);
        return;
      case 'ReplyCompleted':
      case 'ReplyFailed': {
        const message = this.messages.get(event.messageId);
        if (message !== undefined) message.end = { event, sequence: offset };
        if (event.type === 'ReplyFailed' && event.reason === 'POISON') this.#checkPoison(before, event.messageId);
        return;
      }
      default:
        return;
    }
  }
}

/** An event in a line: ids and what counts, without contents. */
function summaryOf(event: ParleyEvent): string {
  const fields = Object.entries(event).flatMap(([name, value]) => {
    if (name === 'type' || name === 'limits' || name === 'parts' || name === 'text' || name.endsWith('Hash')) return [];
    if (Array.isArray(value)) return value.length === 0 ? [] : [`${name}=${value.length}`];
    return value === '' ? [] : [`${name}=${typeof value === 'object' ? JSON.stringify(value) : String(value)}`];
  });
  return [event.type, ...fields].join(' ');
}
