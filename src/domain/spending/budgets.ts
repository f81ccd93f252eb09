import { KnownIds } from '../conversation/known-ids.ts';
import { startOf, startOfNext } from '../conversation/usage-periods.ts';
import { PersistentMap } from '../persistent-map.ts';
import {
  type BudgetPeriod,
  type BudgetScope,
  type BudgetSet,
  type BudgetUnit,
  budgetPeriods,
  type MessageBudgeted,
  type MessageSettled,
  type ReservationReleased,
  type ReservationWish,
  type Spend,
  type Spender,
} from './events.ts';

/** A budget that is in force. */
export interface Budget {
  readonly scope: BudgetScope;
  readonly period: BudgetPeriod;
  readonly unit: BudgetUnit;
  readonly amount: number;
}

type Amounts = Readonly<Record<BudgetUnit, number>>;

/** What counts in one minute, hour, day or month: messages that were granted, and what of the rest was settled or is reserved. */
interface Counted {
  /** Milliseconds since the epoch. */
  readonly startMs: number;
  readonly all: Amounts;
  readonly byClient: PersistentMap<Amounts>;
  readonly byGroup: PersistentMap<Amounts>;
}

/** What the replies to a message may use, until it has its end. Counts in the period in which it was granted. */
export interface Reservation extends Spender, Pick<ReservationWish, 'partition' | 'fromOffset'> {
  readonly messageId: string;
  readonly granted: Spend;
  /** Where the grant stands, and its time by the log. */
  readonly offset: number;
  readonly timeMs: number;
  /** When it was granted first: as a message it counts then. */
  readonly firstMs: number;
}

/** What the `spending` topic says of budgets. */
export interface Budgets {
  readonly inForce: readonly Budget[];
  /** By period, the latest that was counted in first. */
  readonly counted: Readonly<Record<BudgetPeriod, readonly Counted[]>>;
  /** Messages that were granted without a reservation or are settled, and at which offset: what is asked for again is not counted again. */
  readonly messages: KnownIds;
  /** Open ones by message. */
  readonly reservations: PersistentMap<Reservation>;
}

export const noBudgets: Budgets = {
  inForce: [],
  counted: { minute: [], hour: [], day: [], month: [] },
  messages: KnownIds.none,
  reservations: PersistentMap.of(),
};

/** Of one period, those that are kept: the log's clock may step back over so many, and counts go on. */
const keptPeriods = 4;

/** Messages that are remembered at least: what is asked for again after more of them counts once more. */
const rememberedMessages = 100_000;

const minuteMs = 60_000;

const nothing: Amounts = { messages: 0, tokens: 0, cost: 0 };

/** After an operator has set a budget. */
export function withBudget(budgets: Budgets, { amount, ...kind }: BudgetSet): Budgets {
  const { scope, period, unit } = kind;
  const others = budgets.inForce.filter((budget) => !isSameBudget(budget, kind));
  const inForce = amount === undefined ? others : [...others, { scope, period, unit, amount }];
  return { ...budgets, inForce };
}

/**
 * After a message was asked for at this offset and time: granted, if all budgets of its client have what it needs at least. With a reservation it gets what
 * it wishes, or half of what they have left; one that it has already is replaced.
 */
export function withMessage(
  budgets: Budgets,
  asked: MessageBudgeted,
  { offset, timeMs }: { readonly offset: number; readonly timeMs: number },
): Budgets {
  const { messageId, clientId, group, reserve } = asked;
  if (budgets.messages.has(messageId)) return budgets;
  const held = budgets.reservations.get(messageId);
  const before = held === undefined ? budgets : changed(budgets, held, held.timeMs, minus(nothing, held.granted));
  const verdict = verdictOn(before, asked, timeMs, held !== undefined);
  if (verdict.type === 'refused') return budgets;
  const { granted } = verdict;
  const counted = withGrant(before.counted, asked, timeMs, { ...granted, messages: held === undefined ? 1 : 0 });
  if (reserve === undefined) return { ...before, counted, messages: withId(budgets.messages, messageId, offset) };
  const { partition, fromOffset } = reserve;
  const { firstMs = timeMs } = held ?? {};
  const reservation = { messageId, clientId, group, granted, offset, timeMs, firstMs, partition, fromOffset };
  return { ...before, counted, reservations: before.reservations.set(messageId, reservation) };
}

/** After the end of a message: what it did not use is free again. */
export function withSettled(budgets: Budgets, { messageId, used }: MessageSettled, offset: number): Budgets {
  const held = budgets.reservations.get(messageId);
  if (held === undefined) return budgets;
  const after = changed(budgets, held, held.timeMs, minus({ ...used, messages: 0 }, held.granted));
  return {
    ...after,
    reservations: budgets.reservations.delete(messageId),
    messages: withId(budgets.messages, messageId, offset),
  };
}

/** After it was found that a message never came: it does not count, and may be asked for again. */
export function withReleased(budgets: Budgets, { messageId, grantOffset }: ReservationReleased): Budgets {
  const held = budgets.reservations.get(messageId);
  if (held?.offset !== grantOffset) return budgets;
  const { timeMs, firstMs, granted } = held;
  const uncounted = changed(budgets, held, firstMs, { ...nothing, messages: -1 });
  const after = changed(uncounted, held, timeMs, minus(nothing, granted));
  return { ...after, reservations: budgets.reservations.delete(messageId) };
}

/** What is made of a message: it is granted so much of what it wishes, or one of its budgets has not left what it needs. */
export type Verdict =
  | { readonly type: 'granted'; readonly granted: Spend }
  | {
      readonly type: 'refused';
      /** Of several the one that begins anew last. */
      readonly budget: Budget;
      /** It has enough, once the messages that are being answered have used nothing of what is reserved for them. */
      readonly isHeld: boolean;
    };

/** Of what is short each message gets half, so that others may be answered beside it. */
function shareOf(free: number, least: number, most: number): number {
  return free >= most ? most : Math.max(least, Math.floor(free / 2));
}

/** Whether a message keeps its client's budgets at this time. `isCounted`: as a message it is already. One without a wish keeps no budget of tokens or cost. */
export function verdictOn(
  budgets: Budgets,
  asked: Spender & Pick<MessageBudgeted, 'reserve'>,
  timeMs: number,
  isCounted = false,
): Verdict {
  const { least, most } = asked.reserve ?? {
    least: { tokens: Infinity, cost: Infinity },
    most: { tokens: 0, cost: 0 },
  };
  const needed: Amounts = { ...least, messages: isCounted ? 0 : 1 };
  const left = { ...most };
  let short: Extract<Verdict, { type: 'refused' }> | undefined;
  for (const budget of budgetsOf(budgets, asked)) {
    const { unit, period } = budget;
    const free = leftOf(budgets, budget, asked, timeMs);
    if (unit !== 'messages') left[unit] = Math.min(left[unit], shareOf(free, least[unit], most[unit]));
    if (free >= needed[unit] || (short !== undefined && isLonger(short.budget.period, period))) continue;
    short = { type: 'refused', budget, isHeld: free + reservedOf(budgets, budget, asked, timeMs) >= needed[unit] };
  }
  return short ?? { type: 'granted', granted: left };
}

/** The budgets that a client's messages must keep. */
export function budgetsOf({ inForce }: Budgets, { clientId, group }: Spender): readonly Budget[] {
  if (inForce.length === 0) return inForce;
  const own = inForce.filter(({ scope }) => scope.kind === 'client' && scope.clientId === clientId);
  return inForce.filter(
    ({ scope, period, unit }) =>
      scope.kind === 'all' ||
      (scope.kind === 'group' && scope.group === group) ||
      (scope.kind === 'each' && !own.some((budget) => budget.period === period && budget.unit === unit)) ||
      (scope.kind === 'client' && scope.clientId === clientId),
  );
}

/** What counts of a budget in the period of this time; of one of `each`, this client's. What is reserved counts. */
export function countedOf(
  { counted }: Budgets,
  { scope, period, unit }: Budget,
  { clientId }: Spender,
  timeMs: number,
): number {
  const startMs = startOfPeriod(period, timeMs);
  const found = counted[period].find((each) => each.startMs === startMs);
  if (scope.kind === 'all') return found?.all[unit] ?? 0;
  const amounts = scope.kind === 'group' ? found?.byGroup.get(scope.group) : found?.byClient.get(clientId);
  return amounts?.[unit] ?? 0;
}

/** What is left of it; less than 0 after it was lowered, or a model used more than it was asked to. */
export function leftOf(budgets: Budgets, budget: Budget, spender: Spender, timeMs: number): number {
  return budget.amount - countedOf(budgets, budget, spender, timeMs);
}

/** What of a budget is reserved for messages without an end, in the period of this time. */
function reservedOf({ reservations }: Budgets, budget: Budget, spender: Spender, timeMs: number): number {
  const { period, unit } = budget;
  if (unit === 'messages') return 0;
  const startMs = startOfPeriod(period, timeMs);
  let sum = 0;
  for (const held of reservations.values())
    if (isOfBoth(budget, held, spender) && startOfPeriod(period, held.timeMs) === startMs) sum += held.granted[unit];
  return sum;
}

/** Whether a budget counts what one spends together with what the other does. */
function isOfBoth({ scope }: Budget, one: Spender, other: Spender): boolean {
  if (scope.kind === 'all') return true;
  return scope.kind === 'group' ? one.group === scope.group : one.clientId === other.clientId;
}

/** When the period of this time is over, in milliseconds since the epoch. */
export function endOfPeriod(period: BudgetPeriod, timeMs: number): number {
  return period === 'minute' ? startOfPeriod(period, timeMs) + minuteMs : startOfNext(period, timeMs);
}

/** When the period of this time began, in milliseconds since the epoch. */
export function startOfPeriod(period: BudgetPeriod, timeMs: number): number {
  return period === 'minute' ? Math.floor(timeMs / minuteMs) * minuteMs : startOf(period, timeMs);
}

/** Whether they are of one scope, period and unit: one of them replaces the other. */
export function isSameBudget(left: Omit<Budget, 'amount'>, right: Omit<Budget, 'amount'>): boolean {
  return left.period === right.period && left.unit === right.unit && isSameScope(left.scope, right.scope);
}

function isSameScope(left: BudgetScope, right: BudgetScope): boolean {
  return left.kind === right.kind && nameOfScope(left) === nameOfScope(right);
}

/** Whose client's or group's it is; '': of all, or of each. */
export function nameOfScope(scope: BudgetScope): string {
  if (scope.kind === 'client') return scope.clientId;
  return scope.kind === 'group' ? scope.group : '';
}

function isLonger(one: BudgetPeriod, other: BudgetPeriod): boolean {
  return budgetPeriods.indexOf(one) > budgetPeriods.indexOf(other);
}

function withId(messages: KnownIds, messageId: string, offset: number): KnownIds {
  return messages.add(messageId, offset).trim(rememberedMessages, Number.POSITIVE_INFINITY);
}

/** Counts a grant in the four periods of its time. */
function withGrant(
  counted: Budgets['counted'],
  spender: Spender,
  timeMs: number,
  amounts: Amounts,
): Budgets['counted'] {
  return byPeriod((period) => {
    const startMs = startOfPeriod(period, timeMs);
    const found = counted[period].find((each) => each.startMs === startMs);
    const others = counted[period].filter((each) => each !== found);
    const none = { startMs, all: nothing, byClient: PersistentMap.of<Amounts>(), byGroup: PersistentMap.of<Amounts>() };
    const grown = plus(found ?? none, spender, amounts);
    return [grown, ...others].slice(0, keptPeriods);
  });
}

/** Changes what was counted at this time, in its periods, as far as they are kept. */
function changed(budgets: Budgets, spender: Spender, timeMs: number, change: Amounts): Budgets {
  const counted = byPeriod((period) => {
    const startMs = startOfPeriod(period, timeMs);
    return budgets.counted[period].map((each) => (each.startMs === startMs ? plus(each, spender, change) : each));
  });
  return { ...budgets, counted };
}

function byPeriod(countedOf: (period: BudgetPeriod) => readonly Counted[]): Budgets['counted'] {
  return { minute: countedOf('minute'), hour: countedOf('hour'), day: countedOf('day'), month: countedOf('month') };
}

function plus({ startMs, all, byClient, byGroup }: Counted, { clientId, group }: Spender, change: Amounts): Counted {
  return {
    startMs,
    all: sum(all, change),
    byClient: byClient.set(clientId, sum(byClient.get(clientId) ?? nothing, change)),
    byGroup: group === undefined ? byGroup : byGroup.set(group, sum(byGroup.get(group) ?? nothing, change)),
  };
}

function sum(left: Amounts, right: Amounts): Amounts {
  return {
    messages: left.messages + right.messages,
    tokens: left.tokens + right.tokens,
    cost: left.cost + right.cost,
  };
}

function minus({ messages, tokens, cost }: Amounts, granted: Spend): Amounts {
  return { messages, tokens: tokens - granted.tokens, cost: cost - granted.cost };
}
