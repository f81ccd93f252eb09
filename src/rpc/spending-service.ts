import type { BudgetKeeper, BudgetNow } from '../app/spending/budgets.ts';
import type { Prices } from '../app/spending/prices.ts';
import { invalidField } from '../domain/errors/catalogue.ts';
import * as domain from '../domain/spending/events.ts';
import { type PriceList, unitsAs } from '../domain/spending/prices.ts';
import {
  type Budget,
  BudgetPeriod,
  BudgetScope,
  BudgetUnit,
  type PriceList as ListOnWire,
  type ModelPrices as PricesOnWire,
  type SetBudgetRequest,
  type SpendingServiceServer,
} from '../gen/chat/v1/spending_service.ts';
import { type Calls, unary } from './calls.ts';

function pricesFromWire({ provider, model, ...units }: PricesOnWire): domain.ModelPrices {
  const cachedInputPerMillion = units.cachedInputPerMillion ?? units.inputPerMillion;
  return { provider, model, prices: unitsAs({ ...units, cachedInputPerMillion }, Number) };
}

function pricesToWire({ provider, model, prices }: domain.ModelPrices): PricesOnWire {
  return { provider, model, ...unitsAs(prices, BigInt) };
}

function listToWire({ version, timeMs, setBy, currency, prices }: PriceList): ListOnWire {
  return { version, setTime: new Date(timeMs), setBy, currency, prices: prices.map(pricesToWire) };
}

const scopesToWire = {
  all: BudgetScope.ALL,
  each: BudgetScope.EACH,
  client: BudgetScope.CLIENT,
  group: BudgetScope.GROUP,
} as const satisfies Record<domain.BudgetScope['kind'], BudgetScope>;

const periodsToWire = {
  minute: BudgetPeriod.MINUTE,
  hour: BudgetPeriod.HOUR,
  day: BudgetPeriod.DAY,
  month: BudgetPeriod.MONTH,
} as const satisfies Record<domain.BudgetPeriod, BudgetPeriod>;

const unitsToWire = {
  messages: BudgetUnit.MESSAGES,
  tokens: BudgetUnit.TOKENS,
  cost: BudgetUnit.COST,
} as const satisfies Record<domain.BudgetUnit, BudgetUnit>;

/** Throws FRAME_INVALID. */
function scopeFromWire({ scope, clientId, group }: SetBudgetRequest): domain.BudgetScope {
  if (scope === BudgetScope.GROUP && clientId === '') return { kind: 'group', group };
  if (group !== '') throw invalidField('group', 'empty, unless the scope is a group');
  if (scope === BudgetScope.CLIENT) return { kind: 'client', clientId };
  if (clientId !== '') throw invalidField('client_id', 'empty, unless the scope is one client');
  if (scope === BudgetScope.ALL) return { kind: 'all' };
  if (scope === BudgetScope.EACH) return { kind: 'each' };
  throw invalidField('scope', 'all, each, client or group');
}

/** Throws FRAME_INVALID. */
function periodFromWire(period: BudgetPeriod): domain.BudgetPeriod {
  const found = domain.budgetPeriods.find((each) => periodsToWire[each] === period);
  if (found === undefined) throw invalidField('period', domain.budgetPeriods.join(', '));
  return found;
}

/** Throws FRAME_INVALID. */
function unitFromWire(unit: BudgetUnit): domain.BudgetUnit {
  if (unit === BudgetUnit.UNSPECIFIED) return 'messages';
  const found = domain.budgetUnits.find((each) => unitsToWire[each] === unit);
  if (found === undefined) throw invalidField('unit', domain.budgetUnits.join(', '));
  return found;
}

function budgetToWire({ scope, period, unit, amount, left, resetMs, currency }: BudgetNow): Budget {
  return {
    scope: scopesToWire[scope.kind],
    clientId: scope.kind === 'client' ? scope.clientId : '',
    group: scope.kind === 'group' ? scope.group : '',
    period: periodsToWire[period],
    unit: unitsToWire[unit],
    messages: unit === 'messages' ? BigInt(amount) : 0n,
    amount: BigInt(amount),
    left: left === undefined ? undefined : BigInt(left),
    resetTime: new Date(resetMs),
    currency,
  };
}

/** SpendingService over the log. */
export function spendingService(prices: Prices, budgets: BudgetKeeper, calls: Calls): SpendingServiceServer {
  return {
    setPriceList: unary(calls, async ({ currency, prices: asked }, caller) => ({
      priceList: listToWire(await prices.set(caller, currency, asked.map(pricesFromWire))),
    })),
    getPriceList: unary(calls, async ({ version }, caller) => ({
      priceList: listToWire(prices.get(caller, version)),
    })),
    setBudget: unary(calls, async (request, caller) => {
      const { messages, amount = messages } = request;
      if (messages !== undefined && (request.amount !== undefined || request.unit > BudgetUnit.MESSAGES))
        throw invalidField('messages', 'unset, where amount or another unit is given');
      const [scope, period, unit] = [
        scopeFromWire(request),
        periodFromWire(request.period),
        unitFromWire(request.unit),
      ];
      await budgets.set(caller, { scope, period, unit }, amount === undefined ? undefined : Number(amount));
      return {};
    }),
    listBudgets: unary(calls, async (page, caller) => {
      const { items, nextPageToken } = budgets.list(caller, page);
      return { budgets: items.map(budgetToWire), nextPageToken };
    }),
    getBudget: unary(calls, async ({ clientId }, caller) => ({
      budgets: budgets.of(caller, clientId).map(budgetToWire),
    })),
  };
}
