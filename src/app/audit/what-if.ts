import type { AdmissionEvent } from '../../domain/admission/events.ts';
import { evolve as evolveAdmission } from '../../domain/admission/evolve.ts';
import { type AdmissionState, initialAdmission } from '../../domain/admission/state.ts';
import type { ConversationEvent } from '../../domain/conversation/events.ts';
import { toldUsage } from '../../domain/conversation/invariants.ts';
import {
  evolve as evolvePartition,
  initialPartition,
  pendingMessage,
} from '../../domain/conversation/partition-state.ts';
import { type Budget, startOfPeriod } from '../../domain/spending/budgets.ts';
import type { BudgetUnit, Spend, Spender } from '../../domain/spending/events.ts';
import { noSpend, plusSpend, spendOf } from '../../domain/spending/prices.ts';
import type { Journal } from '../journal.ts';
import { partitionUpTo } from './audit.ts';

/** Other limits than the log was written under. */
export interface OtherLimits {
  readonly maxClients?: number | undefined;
  readonly maxWaitingClients?: number | undefined;
  readonly budgets: readonly Budget[];
}

export interface WhatIfOptions {
  readonly journal: Journal;
  readonly limits: OtherLimits;
  /** Of what is counted, milliseconds since the epoch by the log's time: from this on, and before that. The fold is of all. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly onProgress?: (recordsDone: number, recordsInAll: number) => void;
}

/** What admission decided on the requests in a span of time. */
export interface SessionFigures {
  readonly maxClients: number;
  readonly opened: number;
  readonly refused: number;
  readonly mostOpen: number;
  readonly mostWaiting: number;
}

/** By how much of its unit what was said goes over a budget, had it been the only one. What replies used counts when their message came. */
export interface BudgetFigures {
  readonly budget: Budget;
  readonly over: number;
  /** Clients who had a part in that. */
  readonly clients: number;
  /** Of its periods, those in which it was used up; of one for each client, each by itself. */
  readonly usedUp: number;
}

/** What the log says, and what it would under other limits. */
export interface WhatIfReport {
  readonly records: number;
  readonly were: SessionFigures;
  /** Everybody asks and leaves as they did. A session that was never there ends when its client has been silent for too long. */
  readonly wouldBe: SessionFigures;
  /** Accepted, repeats not counted. */
  readonly messages: number;
  /** By the replies to them. */
  readonly used: Spend;
  readonly budgets: readonly BudgetFigures[];
}

/** Folds the log once more, up to the ends that it has now, as it is and under other limits. Rejects with LogDamaged or LogUnavailable. */
export async function whatIf({ journal, limits, fromMs, toMs, onProgress }: WhatIfOptions): Promise<WhatIfReport> {
  const { log, topics } = journal;
  const partitions = Array.from({ length: log.partitions(topics.conversations) }, (_, partition) => partition);
  const connectionsEnd = await log.endOffset(topics.connections, 0);
  const ends = await Promise.all(partitions.map((partition) => log.endOffset(topics.conversations, partition)));
  const inAll = ends.reduce((sum, end) => sum + end, connectionsEnd);
  let records = 0;
  const done = (count: number) => {
    records += count;
    onProgress?.(records, inAll);
  };
  const isCounted = (timeMs: number) => timeMs >= fromMs && timeMs < toMs;
  const [were, wouldBe] = [new Sessions({}), new Sessions(limits)];
  for await (const batch of partitionUpTo<AdmissionEvent>(journal, topics.connections, 0, connectionsEnd)) {
    for (const { decoded, timeMs } of batch) {
      if (decoded.kind !== 'event') continue;
      for (const sessions of [were, wouldBe]) sessions.add(decoded.event, timeMs, isCounted(timeMs));
    }
    done(batch.length);
  }
  const uses = new Uses(limits.budgets);
  for (const [partition, end] of ends.entries()) {
    let state = initialPartition;
    for await (const batch of partitionUpTo<ConversationEvent>(journal, topics.conversations, partition, end)) {
      for (const entry of batch) {
        if (entry.decoded.kind !== 'event') continue;
        const { event } = entry.decoded;
        const before = state;
        state = evolvePartition(state, event, entry);
        if (event.type === 'MessageReceived' && state !== before && isCounted(entry.timeMs))
          uses.message(event, entry.timeMs);
        const told = toldUsage(before, event, state);
        const asked = told && pendingMessage(before, told.messageId);
        if (told !== undefined && asked !== undefined && isCounted(asked.receivedAtMs))
          uses.reply(asked, asked.receivedAtMs, spendOf(told.usages));
      }
      done(batch.length);
    }
  }
  return {
    records,
    were: were.figures,
    wouldBe: wouldBe.figures,
    messages: uses.messages,
    used: uses.used,
    budgets: uses.figures,
  };
}

/** Admission under some limits. */
class Sessions {
  readonly #limits: Partial<OtherLimits>;
  #state: AdmissionState = initialAdmission;
  #opened = 0;
  #refused = 0;
  #mostOpen = 0;
  #mostWaiting = 0;

  constructor(limits: Partial<OtherLimits>) {
    this.#limits = limits;
  }

  add(event: AdmissionEvent, timeMs: number, isCounted: boolean): void {
    const { state, outcomes } = evolveAdmission(this.#state, this.#under(event), timeMs);
    this.#state = state;
    if (!isCounted) return;
    for (const outcome of outcomes) {
      if (outcome.type === 'opened') this.#opened += 1;
      if (outcome.type === 'refused' && outcome.reason === 'TOO_MANY_CLIENTS') this.#refused += 1;
    }
    this.#mostOpen = Math.max(this.#mostOpen, state.open.size);
    this.#mostWaiting = Math.max(this.#mostWaiting, state.waiting.length);
  }

  /** Limits are facts that gateways bring with their start. */
  #under(event: AdmissionEvent): AdmissionEvent {
    if (event.type !== 'GatewayStarted') return event;
    const { maxClients = event.limits.maxClients, maxWaitingClients = event.limits.maxWaitingClients } = this.#limits;
    return { ...event, limits: { ...event.limits, maxClients, maxWaitingClients } };
  }

  get figures(): SessionFigures {
    return {
      maxClients: this.#state.limits.maxClients,
      opened: this.#opened,
      refused: this.#refused,
      mostOpen: this.#mostOpen,
      mostWaiting: this.#mostWaiting,
    };
  }
}

/** What was said, and what replies used, by the periods of budgets. */
class Uses {
  readonly #budgets: readonly { readonly budget: Budget; readonly counts: Map<string, Map<string, number>> }[];
  messages = 0;
  used = noSpend;

  constructor(budgets: readonly Budget[]) {
    this.#budgets = budgets.map((budget) => ({ budget, counts: new Map() }));
  }

  message(spender: Spender, timeMs: number): void {
    this.messages += 1;
    this.#count(spender, timeMs, { messages: 1, ...noSpend });
  }

  /** To a message of this time. */
  reply(spender: Spender, timeMs: number, used: Spend): void {
    this.used = plusSpend(this.used, used);
    this.#count(spender, timeMs, { messages: 0, ...used });
  }

  #count({ clientId, group }: Spender, timeMs: number, amounts: Readonly<Record<BudgetUnit, number>>): void {
    for (const { budget, counts } of this.#budgets) {
      const { scope, period, unit } = budget;
      if (scope.kind === 'client' && scope.clientId !== clientId) continue;
      if (scope.kind === 'group' && scope.group !== group) continue;
      const whose = scope.kind === 'each' ? clientId : '';
      const key = `${startOfPeriod(period, timeMs)} ${whose}`;
      const byClient = counts.get(key) ?? new Map<string, number>();
      counts.set(key, byClient);
      byClient.set(clientId, (byClient.get(clientId) ?? 0) + amounts[unit]);
    }
  }

  get figures(): readonly BudgetFigures[] {
    return this.#budgets.map(({ budget, counts }) => {
      let over = 0;
      let usedUp = 0;
      const clients = new Set<string>();
      for (const byClient of counts.values()) {
        const sum = [...byClient.values()].reduce((all, one) => all + one, 0);
        if (sum <= budget.amount) continue;
        over += sum - budget.amount;
        usedUp += 1;
        for (const clientId of byClient.keys()) clients.add(clientId);
      }
      return { budget, over, clients: clients.size, usedUp };
    });
  }
}
