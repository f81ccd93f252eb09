import type { BinaryWriter } from '@bufbuild/protobuf/wire';
import * as domain from '../domain/spending/events.ts';
import { unitsAs } from '../domain/spending/prices.ts';
import * as wire from '../gen/chat_events/v1/spending.ts';

/** Throws RangeError where there are none. */
function unitsFromWire(prices: wire.UnitPrices | undefined): domain.UnitPrices {
  if (prices === undefined) throw new RangeError('no prices');
  return unitsAs(prices, Number);
}

/** The prices of a call, as the log stores them. */
export function callPricesToWire({ version, prices }: domain.CallPrices): wire.CallPrices {
  return { version, prices: unitsAs(prices, BigInt) };
}

/** The prices of a call, as the domain reads them. Throws RangeError where there are none. */
export function callPricesFromWire({ version, prices }: wire.CallPrices): domain.CallPrices {
  return { version, prices: unitsFromWire(prices) };
}

const scopesToWire = {
  all: wire.BudgetScope.ALL,
  each: wire.BudgetScope.EACH,
  client: wire.BudgetScope.CLIENT,
} as const satisfies Record<domain.BudgetScope['kind'], wire.BudgetScope>;

const periodsToWire = {
  minute: wire.BudgetPeriod.MINUTE,
  hour: wire.BudgetPeriod.HOUR,
  day: wire.BudgetPeriod.DAY,
  month: wire.BudgetPeriod.MONTH,
} as const satisfies Record<domain.BudgetPeriod, wire.BudgetPeriod>;

/** Throws RangeError for one of a later release. */
function scopeFromWire(scope: wire.BudgetScope, clientId: string): domain.BudgetScope {
  if (scope === wire.BudgetScope.ALL) return { kind: 'all' };
  if (scope === wire.BudgetScope.EACH) return { kind: 'each' };
  if (scope === wire.BudgetScope.CLIENT) return { kind: 'client', clientId };
  throw new RangeError(`scope ${scope}`);
}

/** Throws RangeError for one of a later release. */
function periodFromWire(period: wire.BudgetPeriod): domain.BudgetPeriod {
  const found = domain.budgetPeriods.find((each) => periodsToWire[each] === period);
  if (found === undefined) throw new RangeError(`period ${period}`);
  return found;
}

function encodePrices({ prices, ...list }: domain.PriceListSet, writer: BinaryWriter): BinaryWriter {
  const onWire = prices.map((model) => ({ ...model, prices: unitsAs(model.prices, BigInt) }));
  return wire.PriceListSet.encode({ ...list, prices: onWire }, writer);
}

function encodeBudget({ setBy, scope, period, messages }: domain.BudgetSet, writer: BinaryWriter): BinaryWriter {
  const budget = {
    setBy,
    scope: scopesToWire[scope.kind],
    clientId: scope.kind === 'client' ? scope.clientId : '',
    period: periodsToWire[period],
    messages: messages === undefined ? undefined : BigInt(messages),
  };
  return wire.BudgetSet.encode(budget, writer);
}

/** Writes an event of the `spending` topic. */
export function encodeSpendingEvent(event: domain.SpendingEvent, writer: BinaryWriter): BinaryWriter {
  switch (event.type) {
    case 'PriceListSet':
      return encodePrices(event, writer);
    case 'BudgetSet':
      return encodeBudget(event, writer);
    case 'MessageBudgeted':
      return wire.MessageBudgeted.encode(event, writer);
    default:
      return event satisfies never;
  }
}

function priceListSet(bytes: Uint8Array): domain.PriceListSet {
  const { prices, ...list } = wire.PriceListSet.decode(bytes);
  return {
    type: 'PriceListSet',
    ...list,
    prices: prices.map((model) => ({ ...model, prices: unitsFromWire(model.prices) })),
  };
}

function budgetSet(bytes: Uint8Array): domain.BudgetSet {
  const { setBy, scope, clientId, period, messages } = wire.BudgetSet.decode(bytes);
  return {
    type: 'BudgetSet',
    setBy,
    scope: scopeFromWire(scope, clientId),
    period: periodFromWire(period),
    ...(messages !== undefined && { messages: Number(messages) }),
  };
}

/** How each event of the `spending` topic is read; decoders throw on what they cannot read. */
export const spendingDecoders: Readonly<
  Record<domain.SpendingEvent['type'], (bytes: Uint8Array) => domain.SpendingEvent>
> = {
  PriceListSet: priceListSet,
  BudgetSet: budgetSet,
  MessageBudgeted: (bytes) => ({ type: 'MessageBudgeted', ...wire.MessageBudgeted.decode(bytes) }),
};
