import { type Budgets, noBudgets, withBudget, withMessage, withReleased, withSettled } from './budgets.ts';
import type { SpendingEvent } from './events.ts';
import { noPrices, type PriceLists, withPriceList } from './prices.ts';

/** What the `spending` topic says. */
export interface Spending {
  readonly prices: PriceLists;
  readonly budgets: Budgets;
}

export const nothingSpent: Spending = { prices: noPrices, budgets: noBudgets };

/** The state after a record. Verdicts follow from it alone, so every reader comes to the same. */
export function evolve(
  spending: Spending,
  event: SpendingEvent,
  at: { readonly offset: number; readonly timeMs: number },
): Spending {
  switch (event.type) {
    case 'PriceListSet':
      return { ...spending, prices: withPriceList(spending.prices, event, at.timeMs) };
    case 'BudgetSet':
      return { ...spending, budgets: withBudget(spending.budgets, event) };
    case 'MessageBudgeted':
      return { ...spending, budgets: withMessage(spending.budgets, event, at) };
    case 'MessageSettled':
      return { ...spending, budgets: withSettled(spending.budgets, event, at.offset) };
    case 'ReservationReleased':
      return { ...spending, budgets: withReleased(spending.budgets, event) };
    default:
      return event satisfies never;
  }
}
