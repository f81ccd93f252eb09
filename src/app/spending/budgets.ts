import { invalidField, Refused } from '../../domain/errors/catalogue.ts';
import {
  type Budget,
  budgetsOf,
  endOfPeriod,
  isSameBudget,
  leftOf,
  nameOfScope,
} from '../../domain/spending/budgets.ts';
import { currencyOf } from '../../domain/spending/prices.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Ids } from '../../ports/ids.ts';
import { actingClient, type Caller, checkGroup, requireOperator } from '../caller.ts';
import { isChosenId } from '../gateway/hello.ts';
import type { PageArguments, ReadPage } from '../reading/history-reads.ts';
import { effectivePageSize, pageToken, placeOfToken } from '../reading/page.ts';
import { operatorOf, type SecurityRecorder } from '../security/security-recorder.ts';
import type { SpendingBook } from './spending-book.ts';

export interface BudgetsDeps {
  readonly book: SpendingBook;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly ids: Pick<Ids, 'hash'>;
  readonly security: Pick<SecurityRecorder, 'record'>;
}

/** A budget, and what is left of it now. */
export interface BudgetNow extends Budget {
  /** undefined: that would tell of others. */
  readonly left: number | undefined;
  /** When it begins anew, in milliseconds since the epoch. */
  readonly resetMs: number;
  /** ISO 4217, of one of cost; '': it is of something else, or prices were never set. */
  readonly currency: string;
}

/** More than any budget is: a billion of the currency, in micro-units. */
const maxAmount = 1_000_000_000_000_000;
/** Budgets in force, those of single clients included. */
const maxBudgets = 10_000;

/** Budgets: set by operators, seen by clients. */
export class BudgetKeeper {
  readonly #deps: BudgetsDeps;

  constructor(deps: BudgetsDeps) {
    this.#deps = deps;
  }

  /**
   * Sets a budget in place of the one of this scope, period and unit, or removes it (no amount). What is so already is not written again. Throws
   * OPERATOR_REQUIRED, FRAME_INVALID, CLIENT_ID_INVALID; rejects with LogUnavailable.
   */
  async set(caller: Caller, kind: Omit<Budget, 'amount'>, amount: number | undefined): Promise<void> {
    requireOperator(caller);
    const { scope, period, unit } = kind;
    if (scope.kind === 'client' && !isChosenId(scope.clientId)) throw new Refused('CLIENT_ID_INVALID');
    if (scope.kind === 'group') checkGroup(scope.group);
    if (amount !== undefined && !(amount >= 0 && amount <= maxAmount))
      throw invalidField('amount', `0 to ${maxAmount}, or unset`);
    const { book, security } = this.#deps;
    const { inForce } = book.budgets;
    const before = inForce.find((budget) => isSameBudget(budget, kind));
    if (before?.amount === amount) return;
    if (before === undefined && inForce.length >= maxBudgets)
      throw invalidField('scope', `${maxBudgets} budgets are set: remove some first`);
    const setBy = caller.kind === 'client' ? caller.clientId : '';
    const set = { type: 'BudgetSet', setBy, scope, period, unit } as const;
    await book.setBudget(amount === undefined ? set : { ...set, amount });
    const clientId = scope.kind === 'client' ? scope.clientId : '';
    const whose = scope.kind === 'group' ? `group ${scope.group}` : scope.kind;
    const detail = `${whose}, ${amount === undefined ? `no budget of ${unit}` : `${amount} ${unit}`} a ${period}`;
    await security.record({ kind: 'budget_set', clientId, ...operatorOf(caller), detail });
  }

  /** All budgets, in the order of scope, client, period and unit. Throws OPERATOR_REQUIRED, PAGE_TOKEN_INVALID. */
  list(caller: Caller, page: PageArguments): ReadPage<BudgetNow> {
    requireOperator(caller);
    const list = 'budgets';
    const after = placeOfToken(list, page.pageToken);
    const all = this.#deps.book.budgets.inForce
      .map((budget) => ({ budget, id: idOf(budget) }))
      .filter(({ id }) => after === undefined || id > after.id)
      .sort((left, right) => (left.id < right.id ? -1 : 1));
    const shown = all.slice(0, effectivePageSize(page.pageSize));
    const last = all.length > shown.length ? shown.at(-1) : undefined;
    return {
      items: shown.map(({ budget }) =>
        this.#now(budget, budget.scope.kind === 'client' ? budget.scope.clientId : undefined),
      ),
      nextPageToken: pageToken(list, last === undefined ? null : { order: 0, id: last.id }),
    };
  }

  /** What binds a client; of others than the caller, without their group. Of budgets of all and of groups it is not told what is left. Throws NOT_YOURS, CLIENT_ID_INVALID. */
  of(caller: Caller, namedClientId: string): readonly BudgetNow[] {
    const clientId =
      caller.kind === 'client' && caller.isOperator
        ? namedClientId || caller.clientId
        : actingClient(caller, namedClientId);
    const group = caller.kind === 'client' && caller.clientId === clientId ? caller.group : undefined;
    return budgetsOf(this.#deps.book.budgets, { clientId, group }).map((budget) => {
      const now = this.#now(budget, clientId);
      return budget.scope.kind === 'all' || budget.scope.kind === 'group' ? { ...now, left: undefined } : now;
    });
  }

  /** `clientId`: whose part of it; undefined: of one of each client nothing is told. */
  #now(budget: Budget, clientId: string | undefined): BudgetNow {
    const { book, clock } = this.#deps;
    const nowMs = clock.nowMs();
    const isKnown = budget.scope.kind !== 'each' || clientId !== undefined;
    return {
      ...budget,
      left: isKnown ? Math.max(0, leftOf(book.budgets, budget, { clientId: clientId ?? '' }, nowMs)) : undefined,
      resetMs: endOfPeriod(budget.period, nowMs),
      currency: budget.unit === 'cost' ? (currencyOf(book.lists) ?? '') : '',
    };
  }
}

function idOf({ scope, period, unit }: Budget): string {
  return `${scope.kind}\0${nameOfScope(scope)}\0${period}\0${unit}`;
}
