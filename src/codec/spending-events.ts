import type { BinaryWriter } from '@bufbuild/protobuf/wire';
import type * as domain from '../domain/spending/events.ts';
import * as wire from '../gen/chat_events/v1/spending.ts';

function unitsToWire(prices: domain.UnitPrices): wire.UnitPrices {
  return {
    inputPerMillion: BigInt(prices.inputPerMillion),
    cachedInputPerMillion: BigInt(prices.cachedInputPerMillion),
    outputPerMillion: BigInt(prices.outputPerMillion),
    soundInPerMinute: BigInt(prices.soundInPerMinute),
    soundOutPerMinute: BigInt(prices.soundOutPerMinute),
    pictureIn: BigInt(prices.pictureIn),
    pictureOut: BigInt(prices.pictureOut),
  };
}

/** Throws RangeError where there are none. */
function unitsFromWire(prices: wire.UnitPrices | undefined): domain.UnitPrices {
  if (prices === undefined) throw new RangeError('no prices');
  return {
    inputPerMillion: Number(prices.inputPerMillion),
    cachedInputPerMillion: Number(prices.cachedInputPerMillion),
    outputPerMillion: Number(prices.outputPerMillion),
    soundInPerMinute: Number(prices.soundInPerMinute),
    soundOutPerMinute: Number(prices.soundOutPerMinute),
    pictureIn: Number(prices.pictureIn),
    pictureOut: Number(prices.pictureOut),
  };
}

/** The prices of a call, as the log stores them. */
export function callPricesToWire({ version, prices }: domain.CallPrices): wire.CallPrices {
  return { version, prices: unitsToWire(prices) };
}

/** The prices of a call, as the domain reads them. Throws RangeError where there are none. */
export function callPricesFromWire({ version, prices }: wire.CallPrices): domain.CallPrices {
  return { version, prices: unitsFromWire(prices) };
}

/** Writes an event of the `spending` topic. */
export function encodeSpendingEvent({ prices, ...list }: domain.SpendingEvent, writer: BinaryWriter): BinaryWriter {
  const onWire = prices.map((model) => ({ ...model, prices: unitsToWire(model.prices) }));
  return wire.PriceListSet.encode({ ...list, prices: onWire }, writer);
}

function priceListSet(bytes: Uint8Array): domain.PriceListSet {
  const { prices, ...list } = wire.PriceListSet.decode(bytes);
  return {
    type: 'PriceListSet',
    ...list,
    prices: prices.map((model) => ({ ...model, prices: unitsFromWire(model.prices) })),
  };
}

/** How each event of the `spending` topic is read; decoders throw on what they cannot read. */
export const spendingDecoders: Readonly<
  Record<domain.SpendingEvent['type'], (bytes: Uint8Array) => domain.SpendingEvent>
> = { PriceListSet: priceListSet };
