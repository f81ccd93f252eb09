import { invalidField, Refused } from '../../domain/errors/catalogue.ts';
import { type Budget, budgetsOf, endOfPeriod, grantedOf } from '../../domain/spending/budgets.ts';
import type { BudgetPeriod, BudgetScope } from '../../domain/spending/events.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Ids } from '../../ports/ids.ts';
import { actingClient, type Caller, requireOperator } from '../caller.ts';
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
  /** Messages; undefined: that would tell of others. */
  readonly left: number | undefined;
  /** When it begins anew, in milliseconds since the epoch. */
  readonly resetMs: number;
}

/** More than any budget is. */
const maxMessages = 1_000_000_000_000;
/** Budgets in force, those of single clients included. */
const maxBudgets = 10_000;

/** Budgets of messages: set by operators, seen by clients. */
export class BudgetKeeper {
  readonly #deps: BudgetsDeps;

  constructor(deps: BudgetsDeps) {
    this.#deps = deps;
  }

  /**
   * Sets a budget in place of the one of this scope and period, or removes it (undefined). What is so already is not written again. Throws OPERATOR_REQUIRED,
   * FRAME_INVALID, CLIENT_ID_INVALID; rejects with LogUnavailable.
   */
  async set(caller: Caller, scope: BudgetScope, period: BudgetPeriod, messages: number | undefined): Promise<void> {
    requireOperator(caller);
    if (scope.kind === 'client' && !isChosenId(scope.clientId)) throw new Refused('CLIENT_ID_INVALID');
    if (messages !== undefined && !(messages >= 0 && messages <= maxMessages))
      throw invalidField('messages', `0 to ${maxMessages}, or unset`);
    const { book, security } = this.#deps;
    const { inForce } = book.budgets;
    const before = inForce.find((budget) => idOf(budget) === idOf({ scope, period }));
    if (before?.messages === messages) return;
    if (before === undefined && inForce.length >= maxBudgets)
      throw invalidField('scope', `${maxBudgets} budgets are set: remove some first`);
    const setBy = caller.kind === 'client' ? caller.clientId : '';
    await book.setBudget({ type: 'BudgetSet', setBy, scope, period, ...(messages !== undefined && { messages }) });
    const clientId = scope.kind === 'client' ? scope.clientId : '';
    const detail = `${scope.kind}, ${messages === undefined ? 'none' : `${messages} messages`} a ${period}`;
    await security.record({ kind: 'budget_set', clientId, ...operatorOf(caller), detail });
  }

  /** All budgets, in the order of scope, client and period. Throws OPERATOR_REQUIRED, PAGE_TOKEN_INVALID. */
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

  /** What binds a client. Of the budget of all it is not told what is left. Throws NOT_YOURS, CLIENT_ID_INVALID. */
  of(caller: Caller, namedClientId: string): readonly BudgetNow[] {
    const clientId =
      caller.kind === 'client' && caller.isOperator
        ? namedClientId || caller.clientId
        : actingClient(caller, namedClientId);
    return budgetsOf(this.#deps.book.budgets, clientId).map((budget) => {
      const now = this.#now(budget, clientId);
      return budget.scope.kind === 'all' ? { ...now, left: undefined } : now;
    });
  }

  /** `clientId`: whose part of it; undefined: of one of each client nothing is told. */
  #now(budget: Budget, clientId: string | undefined): BudgetNow {
    const { book, clock } = this.#deps;
    const nowMs = clock.nowMs();
    const isKnown = budget.scope.kind === 'all' || clientId !== undefined;
    const granted = grantedOf(book.budgets, budget, clientId ?? '', nowMs);
    return {
      ...budget,
      left: isKnown ? Math.max(0, budget.messages - granted) : undefined,
      resetMs: endOfPeriod(budget.period, nowMs),
    };
  }
}

function idOf({ scope, period }: Pick<Budget, 'scope' | 'period'>): string {
  return `${scope.kind}\0${scope.kind === 'client' ? scope.clientId : ''}\0${period}`;
}
