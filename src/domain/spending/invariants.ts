import type { AttemptUsage, ConversationEvent, ModelCall } from '../conversation/events.ts';
import { newlyTold } from '../conversation/invariants.ts';
import { type PartitionState, pendingMessage } from '../conversation/partition-state.ts';
import type { CallPrices, Cost } from './events.ts';
import { costOf, type PriceLists, pricesOf } from './prices.ts';

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
  const keys = Object.keys(prices) as (keyof typeof prices)[];
  return listed?.version === version && keys.every((key) => prices[key] === listed.prices[key]);
}
