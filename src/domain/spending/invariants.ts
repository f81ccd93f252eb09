import type { AttemptUsage, ConversationEvent, ModelCall } from '../conversation/events.ts';
import { newlyTold } from '../conversation/invariants.ts';
import { type PartitionState, pendingMessage } from '../conversation/partition-state.ts';
import { type Budget, type Budgets, budgetsOf, grantedOf, noBudgets } from './budgets.ts';
import type { CallPrices, Cost, SpendingEvent } from './events.ts';
import { areSamePrices, costOf, type PriceLists, pricesOf } from './prices.ts';

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

/** What the topic of budgets said at each of its offsets: gateways decide by what they have read of it. */
export class BudgetHistory {
  /** From an offset on. */
  readonly #changes: { readonly fromOffset: number; readonly budgets: Budgets }[] = [];
  readonly #grantedAt = new Map<string, number>();
  /** Messages that budgets granted and did not grant. */
  granted = 0;
  refused = 0;
  /** The closest that any budget came to its end, as a share of it; undefined: none counted anything. */
  closest: { readonly budget: Budget; readonly granted: number } | undefined;

  /** One more record of the topic, and what the fold made of it. */
  add(
    event: SpendingEvent,
    { offset, timeMs }: { readonly offset: number; readonly timeMs: number },
    after: Budgets,
  ): void {
    if (event.type === 'BudgetSet') this.#changes.push({ fromOffset: offset + 1, budgets: after });
    if (event.type !== 'MessageBudgeted') return;
    const { messageId, clientId } = event;
    if (!after.messages.has(messageId)) this.refused += 1;
    else if (!this.#grantedAt.has(messageId)) {
      this.granted += 1;
      this.#grantedAt.set(messageId, offset);
      for (const budget of budgetsOf(after, clientId)) this.#look(budget, grantedOf(after, budget, clientId, timeMs));
    }
  }

  #look(budget: Budget, granted: number): void {
    const { closest } = this;
    if (closest === undefined || granted / budget.messages > closest.granted / closest.budget.messages)
      this.closest = { budget, granted };
  }

  /** Whether a message that counts had its grant, as far as its gateway had read. A sentence on it, or null. */
  check(event: ConversationEvent): string | null {
    if (event.type !== 'MessageReceived') return null;
    const { messageId, clientId, spendingOffset = 0 } = event;
    const inForce = this.#changes.findLast(({ fromOffset }) => fromOffset <= spendingOffset)?.budgets ?? noBudgets;
    if (budgetsOf(inForce, clientId).length === 0) return null;
    const grantedAt = this.#grantedAt.get(messageId);
    return grantedAt !== undefined && grantedAt < spendingOffset
      ? null
      : `message ${messageId} was accepted without a grant of the budgets of ${clientId}`;
  }
}
