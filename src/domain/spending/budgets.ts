import { KnownIds } from '../conversation/known-ids.ts';
import { startOf, startOfNext } from '../conversation/usage-periods.ts';
import { PersistentMap } from '../persistent-map.ts';
import { type BudgetPeriod, type BudgetScope, type BudgetSet, budgetPeriods, type MessageBudgeted } from './events.ts';

/** A budget that is in force. */
export interface Budget {
  readonly scope: BudgetScope;
  readonly period: BudgetPeriod;
  readonly messages: number;
}

/** Messages that were granted in one minute, hour, day or month. */
interface Granted {
  /** Milliseconds since the epoch. */
  readonly startMs: number;
  readonly all: number;
  readonly byClient: PersistentMap<number>;
}

/** What the `spending` topic says of budgets. */
export interface Budgets {
  readonly inForce: readonly Budget[];
  /** By period, the latest that was counted in first. */
  readonly granted: Readonly<Record<BudgetPeriod, readonly Granted[]>>;
  /** Messages that were granted, and at which offset: what is asked for again is not counted again. */
  readonly messages: KnownIds;
}

export const noBudgets: Budgets = {
  inForce: [],
  granted: { minute: [], hour: [], day: [], month: [] },
  messages: KnownIds.none,
};

/** Of one period, those that are kept: the log's clock may step back over so many, and counts go on. */
const keptPeriods = 4;

/** Messages that are remembered at least: what is asked for again after more of them counts once more. */
const rememberedMessages = 100_000;

const minuteMs = 60_000;

/** After an operator has set a budget. */
export function withBudget(budgets: Budgets, { scope, period, messages }: BudgetSet): Budgets {
  const others = budgets.inForce.filter((budget) => budget.period !== period || !isSameScope(budget.scope, scope));
  const inForce = messages === undefined ? others : [...others, { scope, period, messages }];
  return { ...budgets, inForce };
}

/** After a gateway has asked for a message at this offset and time: it is granted if no budget of its client is used up. */
export function withMessage(
  budgets: Budgets,
  { messageId, clientId }: MessageBudgeted,
  { offset, timeMs }: { readonly offset: number; readonly timeMs: number },
): Budgets {
  if (budgets.messages.has(messageId) || usedUp(budgets, clientId, timeMs) !== undefined) return budgets;
  const granted = Object.fromEntries(
    budgetPeriods.map((period) => [period, withOne(budgets.granted[period], startOfPeriod(period, timeMs), clientId)]),
  ) as Record<BudgetPeriod, readonly Granted[]>;
  const messages = budgets.messages.add(messageId, offset).trim(rememberedMessages, Number.POSITIVE_INFINITY);
  return { ...budgets, granted, messages };
}

function withOne(periods: readonly Granted[], startMs: number, clientId: string): readonly Granted[] {
  const before = periods.find((each) => each.startMs === startMs) ?? { startMs, all: 0, byClient: PersistentMap.of() };
  const byClient = before.byClient.set(clientId, (before.byClient.get(clientId) ?? 0) + 1);
  const others = periods.filter((each) => each.startMs !== startMs);
  return [{ startMs, all: before.all + 1, byClient }, ...others].slice(0, keptPeriods);
}

/** The budgets that a client's messages must keep. */
export function budgetsOf({ inForce }: Budgets, clientId: string): readonly Budget[] {
  if (inForce.length === 0) return inForce;
  const own = inForce.filter(({ scope }) => scope.kind === 'client' && scope.clientId === clientId);
  return inForce.filter(
    ({ scope, period }) =>
      scope.kind === 'all' ||
      (scope.kind === 'each' && !own.some((budget) => budget.period === period)) ||
      (scope.kind === 'client' && scope.clientId === clientId),
  );
}

/** Messages of a budget that were granted in the period of this time; of one of `each`, those of this client. */
export function grantedOf({ granted }: Budgets, { scope, period }: Budget, clientId: string, timeMs: number): number {
  const startMs = startOfPeriod(period, timeMs);
  const counted = granted[period].find((each) => each.startMs === startMs);
  if (counted === undefined) return 0;
  return scope.kind === 'all' ? counted.all : (counted.byClient.get(clientId) ?? 0);
}

/** The client's budget that is used up at this time, and of several the one that opens last; undefined: none is. */
export function usedUp(budgets: Budgets, clientId: string, timeMs: number): Budget | undefined {
  return budgetsOf(budgets, clientId)
    .filter((budget) => grantedOf(budgets, budget, clientId, timeMs) >= budget.messages)
    .toSorted((left, right) => budgetPeriods.indexOf(right.period) - budgetPeriods.indexOf(left.period))[0];
}

/** When the period of this time is over, in milliseconds since the epoch. */
export function endOfPeriod(period: BudgetPeriod, timeMs: number): number {
  return period === 'minute' ? startOfPeriod(period, timeMs) + minuteMs : startOfNext(period, timeMs);
}

/** When the period of this time began, in milliseconds since the epoch. */
export function startOfPeriod(period: BudgetPeriod, timeMs: number): number {
  return period === 'minute' ? Math.floor(timeMs / minuteMs) * minuteMs : startOf(period, timeMs);
}

function isSameScope(left: BudgetScope, right: BudgetScope): boolean {
  return (
    left.kind === right.kind && (left.kind !== 'client' || right.kind !== 'client' || left.clientId === right.clientId)
  );
}
