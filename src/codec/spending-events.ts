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
  group: wire.BudgetScope.GROUP,
} as const satisfies Record<domain.BudgetScope['kind'], wire.BudgetScope>;

const periodsToWire = {
  minute: wire.BudgetPeriod.MINUTE,
  hour: wire.BudgetPeriod.HOUR,
  day: wire.BudgetPeriod.DAY,
  month: wire.BudgetPeriod.MONTH,
} as const satisfies Record<domain.BudgetPeriod, wire.BudgetPeriod>;

/** Throws RangeError for one of a later release. */
function scopeFromWire({ scope, clientId, group }: wire.BudgetSet): domain.BudgetScope {
  if (scope === wire.BudgetScope.ALL) return { kind: 'all' };
  if (scope === wire.BudgetScope.EACH) return { kind: 'each' };
  if (scope === wire.BudgetScope.CLIENT) return { kind: 'client', clientId };
  if (scope === wire.BudgetScope.GROUP) return { kind: 'group', group };
  throw new RangeError(`scope ${scope}`);
}

/** Throws RangeError for one of a later release. */
function periodFromWire(period: wire.BudgetPeriod): domain.BudgetPeriod {
  const found = domain.budgetPeriods.find((each) => periodsToWire[each] === period);
  if (found === undefined) throw new RangeError(`period ${period}`);
  return found;
}

const unitsToWire = {
  messages: wire.BudgetUnit.UNSPECIFIED,
  tokens: wire.BudgetUnit.TOKENS,
  cost: wire.BudgetUnit.COST,
} as const satisfies Record<domain.BudgetUnit, wire.BudgetUnit>;

/** Throws RangeError for one of a later release. */
function unitFromWire(unit: wire.BudgetUnit): domain.BudgetUnit {
  const found = domain.budgetUnits.find((each) => unitsToWire[each] === unit);
  if (found === undefined) throw new RangeError(`unit ${unit}`);
  return found;
}

function spendToWire({ tokens, cost }: domain.Spend): wire.Spend {
  return { tokens: BigInt(tokens), cost: BigInt(cost) };
}

/** Throws RangeError where there is none. */
function spendFromWire(spend: wire.Spend | undefined): domain.Spend {
  if (spend === undefined) throw new RangeError('no spend');
  return { tokens: Number(spend.tokens), cost: Number(spend.cost) };
}

function encodePrices({ prices, ...list }: domain.PriceListSet, writer: BinaryWriter): BinaryWriter {
  const onWire = prices.map((model) => ({ ...model, prices: unitsAs(model.prices, BigInt) }));
  return wire.PriceListSet.encode({ ...list, prices: onWire }, writer);
}

function encodeBudget({ setBy, scope, period, unit, amount }: domain.BudgetSet, writer: BinaryWriter): BinaryWriter {
  const budget = {
    setBy,
    scope: scopesToWire[scope.kind],
    clientId: scope.kind === 'client' ? scope.clientId : '',
    group: scope.kind === 'group' ? scope.group : '',
    period: periodsToWire[period],
    unit: unitsToWire[unit],
    messages: undefined,
    amount: undefined,
    ...(amount !== undefined && { [unit === 'messages' ? 'messages' : 'amount']: BigInt(amount) }),
  };
  return wire.BudgetSet.encode(budget, writer);
}

function encodeBudgeted(
  { reserve, group = '', ...message }: domain.MessageBudgeted,
  writer: BinaryWriter,
): BinaryWriter {
  const wish = reserve && {
    least: spendToWire(reserve.least),
    most: spendToWire(reserve.most),
    partition: reserve.partition,
    fromOffset: BigInt(reserve.fromOffset),
  };
  return wire.MessageBudgeted.encode({ ...message, group, reserve: wish }, writer);
}

/** Writes an event of the `spending` topic. */
export function encodeSpendingEvent(event: domain.SpendingEvent, writer: BinaryWriter): BinaryWriter {
  switch (event.type) {
    case 'PriceListSet':
      return encodePrices(event, writer);
    case 'BudgetSet':
      return encodeBudget(event, writer);
    case 'MessageBudgeted':
      return encodeBudgeted(event, writer);
    case 'MessageSettled':
      return wire.MessageSettled.encode({ messageId: event.messageId, used: spendToWire(event.used) }, writer);
    case 'ReservationReleased':
      return wire.ReservationReleased.encode(
        { messageId: event.messageId, grantOffset: BigInt(event.grantOffset) },
        writer,
      );
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
  const set = wire.BudgetSet.decode(bytes);
  const { setBy, period, unit, messages, amount = messages } = set;
  return {
    type: 'BudgetSet',
    setBy,
    scope: scopeFromWire(set),
    period: periodFromWire(period),
    unit: unitFromWire(unit),
    ...(amount !== undefined && { amount: Number(amount) }),
  };
}

function messageBudgeted(bytes: Uint8Array): domain.MessageBudgeted {
  const { reserve, group, ...message } = wire.MessageBudgeted.decode(bytes);
  const wish = reserve && {
    least: spendFromWire(reserve.least),
    most: spendFromWire(reserve.most),
    partition: reserve.partition,
    fromOffset: Number(reserve.fromOffset),
  };
  return {
    type: 'MessageBudgeted',
    ...message,
    ...(group !== '' && { group }),
    ...(wish && { reserve: wish }),
  };
}

function messageSettled(bytes: Uint8Array): domain.MessageSettled {
  const { messageId, used } = wire.MessageSettled.decode(bytes);
  return { type: 'MessageSettled', messageId, used: spendFromWire(used) };
}

function reservationReleased(bytes: Uint8Array): domain.ReservationReleased {
  const { messageId, grantOffset } = wire.ReservationReleased.decode(bytes);
  return { type: 'ReservationReleased', messageId, grantOffset: Number(grantOffset) };
}

/** How each event of the `spending` topic is read; decoders throw on what they cannot read. */
export const spendingDecoders: Readonly<
  Record<domain.SpendingEvent['type'], (bytes: Uint8Array) => domain.SpendingEvent>
> = {
  PriceListSet: priceListSet,
  BudgetSet: budgetSet,
  MessageBudgeted: messageBudgeted,
  MessageSettled: messageSettled,
  ReservationReleased: reservationReleased,
};
