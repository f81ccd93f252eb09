import type { AttemptUsage, ConversationEvent, MessageReceived, ModelCall } from '../conversation/events.ts';
import { newlyTold, type PartitionState, pendingMessage } from '../conversation/partition-state.ts';
import { type Budget, type Budgets, budgetsOf, countedOf, nameOfScope, noBudgets, startOfPeriod } from './budgets.ts';
import type { CallPrices, Cost, MessageBudgeted, MessageSettled, Spend, Spender, SpendingEvent } from './events.ts';
import { areSamePrices, costOf, minusSpend, noSpend, type PriceLists, plusSpend, pricesOf, spendOf } from './prices.ts';

/**
 * Whether what an event that counts says of prices and costs is what the lists make of it. `before`: the state before it. A sentence on the
 * difference, or null.
 */
export function checkCosts(lists: PriceLists, before: PartitionState, event: ConversationEvent): string | null {
  if (event.type !== 'ReplyStarted' && event.type !== 'ReplyCompleted' && event.type !== 'ReplyFailed') return null;
  const message = pendingMessage(before, event.messageId);
  if (message === undefined) return null;
  for (const usage of newlyTold(message, event)) {
    const call = usage.attempt === message.attempt ? message.call : undefined;
    const wrong = checkCost(lists, usage, call);
    if (wrong !== null) return `attempt ${usage.attempt} at ${event.messageId} ${wrong}`;
  }
  const { call } = event.type === 'ReplyStarted' ? event : {};
  if (call?.prices === undefined || isOfList(lists, call, call.prices)) return null;
  return `attempt ${event.attempt} at ${event.messageId} has prices that are not those of list ${call.prices.version}`;
}

/** `call`: what the log has of its start; undefined: nothing. */
function checkCost(lists: PriceLists, usage: AttemptUsage, call: ModelCall | undefined): string | null {
  const { cost, ...used } = usage;
  const version = cost?.priceVersion ?? 0;
  if (call !== undefined && version !== (call.prices?.version ?? 0))
    return `costs by price list ${version}, and began by ${call.prices?.version ?? 0}`;
  if (cost === undefined) return null;
  const prices = pricesOf(lists.slice(0, version), usage.provider, usage.model);
  const should: Cost | undefined = prices?.version === version ? costOf(used, prices) : undefined;
  if (should === undefined) return `costs by price list ${version}, which has no price of ${usage.model}`;
  return cost.microUnits === should.microUnits ? null : `costs ${cost.microUnits}, should cost ${should.microUnits}`;
}

function isOfList(lists: PriceLists, { provider, model }: ModelCall, { version, prices }: CallPrices): boolean {
  const listed = pricesOf(lists.slice(0, version), provider, model);
  return listed?.version === version && areSamePrices(prices, listed.prices);
}

/** The end of a message for which something was reserved, and what all its attempts used. */
export interface SpendingEnd {
  readonly messageId: string;
  readonly used: Spend;
}

/** undefined: the event, which counts, is not such an end. `before`: the state before it. */
export function spendingEnd(before: PartitionState, event: ConversationEvent): SpendingEnd | undefined {
  if (event.type !== 'ReplyCompleted' && event.type !== 'ReplyFailed') return undefined;
  const message = pendingMessage(before, event.messageId);
  if (!message?.hasReservation) return undefined;
  return { messageId: message.messageId, used: plusSpend(message.spent, spendOf(newlyTold(message, event))) };
}

/** What replies used of one budget, in one of its periods; of one of `each`, those to one client. */
interface Share {
  readonly budget: Budget;
  readonly name: string;
  used: number;
}

/** A message that was granted, what its replies used so far by the log, and of which budgets. */
interface Granted {
  readonly shares: readonly Share[];
  readonly used: Spend;
  /** It has its end. */
  readonly isOver: boolean;
}

/**
 * What the topic `spending` said at each of its offsets, beside what the messages were: gateways decide by what they have read of it, and workers by what is
 * reserved. The topics may be told one after the other, or each record as it comes.
 */
export class BudgetHistory {
  /** From an offset on. */
  readonly #changes: { readonly fromOffset: number; readonly budgets: Budgets }[] = [];
  readonly #granted = new Map<string, Granted>();
  /** From which offset on each message was granted, or was not any more. */
  readonly #grants = new Map<string, readonly { readonly fromOffset: number; readonly isGranted: boolean }[]>();
  readonly #settled = new Map<string, Spend>();
  readonly #shares = new Map<Budget, Map<string, Share>>();
  /** Messages that budgets granted and did not grant. */
  granted = 0;
  refused = 0;
  /** Messages whose replies used more than what was reserved: their model did not keep to what it was asked for. */
  overrun = 0;
  /** The closest that any budget came to its end, as a share of it; undefined: none counted anything. */
  closest: { readonly budget: Budget; readonly counted: number } | undefined;

  /** One more record of the topic, and what the fold made of it. A sentence on what is wrong, or null. */
  add(
    event: SpendingEvent,
    at: { readonly offset: number; readonly timeMs: number },
    { before, after }: { readonly before: Budgets; readonly after: Budgets },
  ): string | null {
    switch (event.type) {
      case 'BudgetSet':
        this.#changes.push({ fromOffset: at.offset + 1, budgets: after });
        return null;
      case 'MessageBudgeted':
        this.#ask(event, at, before, after);
        return null;
      case 'MessageSettled':
        return this.#settle(event, before, after);
      case 'ReservationReleased':
        if (before !== after) this.#noteGrant(event.messageId, at.offset + 1, false);
        return null;
      default:
        return null;
    }
  }

  #ask(
    asked: MessageBudgeted,
    { offset, timeMs }: { readonly offset: number; readonly timeMs: number },
    before: Budgets,
    after: Budgets,
  ): void {
    const { messageId } = asked;
    if (before === after) {
      if (!after.messages.has(messageId)) this.refused += 1;
      return;
    }
    const former = this.#granted.get(messageId);
    const { used = noSpend, isOver = false } = former ?? {};
    if (former === undefined) this.granted += 1;
    else count(former.shares, minusSpend(noSpend, used));
    const budgets = budgetsOf(after, asked);
    const shares = budgets.map((budget) => this.#shareOf(budget, asked, timeMs));
    count(shares, used);
    this.#granted.set(messageId, { shares, used, isOver });
    this.#noteGrant(messageId, offset + 1, true);
    for (const budget of budgets) this.#look(budget, countedOf(after, budget, asked, timeMs));
  }

  #noteGrant(messageId: string, fromOffset: number, isGranted: boolean): void {
    this.#grants.set(messageId, [...(this.#grants.get(messageId) ?? []), { fromOffset, isGranted }]);
  }

  #shareOf(budget: Budget, { clientId }: Spender, timeMs: number): Share {
    const { scope, period } = budget;
    const shares = this.#shares.get(budget) ?? new Map<string, Share>();
    this.#shares.set(budget, shares);
    const whose = scope.kind === 'each' ? clientId : nameOfScope(scope);
    const name = `${whose} ${new Date(startOfPeriod(period, timeMs)).toISOString()}`;
    const share = shares.get(name) ?? { budget, name, used: 0 };
    shares.set(name, share);
    return share;
  }

  #settle({ messageId, used }: MessageSettled, before: Budgets, after: Budgets): string | null {
    const held = before.reservations.get(messageId);
    if (held === undefined) return null;
    this.#settled.set(messageId, used);
    if (used.tokens > held.granted.tokens || used.cost > held.granted.cost) this.overrun += 1;
    for (const budget of budgetsOf(after, held)) this.#look(budget, countedOf(after, budget, held, held.timeMs));
    const granted = this.#granted.get(messageId);
    return granted?.isOver ? checkSettled(messageId, granted.used, used) : null;
  }

  #look(budget: Budget, counted: number): void {
    const { closest } = this;
    if (closest === undefined || counted / budget.amount > closest.counted / closest.budget.amount)
      this.closest = { budget, counted };
  }

  /**
   * Whether a message that counts had its grant, as far as its gateway had read; whether what its attempts used keeps the budgets of its grant; and whether it
   * was settled as that. A sentence on it, or null. `before`: the state before the event.
   */
  check(before: PartitionState, event: ConversationEvent): string | null {
    if (event.type === 'MessageReceived') return this.#checkGrant(event);
    if (event.type !== 'ReplyStarted' && event.type !== 'ReplyCompleted' && event.type !== 'ReplyFailed') return null;
    const message = pendingMessage(before, event.messageId);
    const granted = message?.hasReservation ? this.#granted.get(message.messageId) : undefined;
    if (message === undefined || granted === undefined) return null;
    const told = spendOf(newlyTold(message, event));
    const used = plusSpend(granted.used, told);
    const isOver = event.type !== 'ReplyStarted';
    this.#granted.set(event.messageId, { ...granted, used, isOver });
    const settled = isOver ? this.#settled.get(event.messageId) : undefined;
    return count(granted.shares, told) ?? (settled === undefined ? null : checkSettled(event.messageId, used, settled));
  }

  #checkGrant(message: MessageReceived): string | null {
    const { messageId, clientId, spendingOffset = 0 } = message;
    const inForce = this.#changes.findLast(({ fromOffset }) => fromOffset <= spendingOffset)?.budgets ?? noBudgets;
    if (budgetsOf(inForce, message).length === 0) return null;
    const known = this.#grants.get(messageId)?.findLast(({ fromOffset }) => fromOffset <= spendingOffset);
    return known?.isGranted ? null : `message ${messageId} was accepted without a grant of the budgets of ${clientId}`;
  }
}

/** Counts what was used; a sentence on the budget that has less, or null. */
function count(shares: readonly Share[], spend: Spend): string | null {
  let broken: string | null = null;
  for (const share of shares) {
    const { budget, name } = share;
    if (budget.unit === 'messages') continue;
    share.used += spend[budget.unit];
    if (share.used > budget.amount)
      broken = `replies used ${share.used} of ${budget.amount} ${budget.unit} of the ${budget.period} (${name})`;
  }
  return broken;
}

function checkSettled(messageId: string, used: Spend, settled: Spend): string | null {
  return settled.tokens === used.tokens && settled.cost === used.cost
    ? null
    : `message ${messageId} used ${spendText(used)}, and was settled as ${spendText(settled)}`;
}

function spendText({ tokens, cost }: Spend): string {
  return `${tokens} tokens and ${cost} micro-units`;
}
