import type { Prices } from '../app/spending/prices.ts';
import type { ModelPrices } from '../domain/spending/events.ts';
import type { PriceList } from '../domain/spending/prices.ts';
import type {
  PriceList as ListOnWire,
  ModelPrices as PricesOnWire,
  SpendingServiceServer,
} from '../gen/chat/v1/spending_service.ts';
import { type Calls, unary } from './calls.ts';

function pricesFromWire({ provider, model, ...prices }: PricesOnWire): ModelPrices {
  return {
    provider,
    model,
    prices: {
      inputPerMillion: Number(prices.inputPerMillion),
      cachedInputPerMillion: Number(prices.cachedInputPerMillion ?? prices.inputPerMillion),
      outputPerMillion: Number(prices.outputPerMillion),
      soundInPerMinute: Number(prices.soundInPerMinute),
      soundOutPerMinute: Number(prices.soundOutPerMinute),
      pictureIn: Number(prices.pictureIn),
      pictureOut: Number(prices.pictureOut),
    },
  };
}

function pricesToWire({ provider, model, prices }: ModelPrices): PricesOnWire {
  return {
    provider,
    model,
    inputPerMillion: BigInt(prices.inputPerMillion),
    cachedInputPerMillion: BigInt(prices.cachedInputPerMillion),
    outputPerMillion: BigInt(prices.outputPerMillion),
    soundInPerMinute: BigInt(prices.soundInPerMinute),
    soundOutPerMinute: BigInt(prices.soundOutPerMinute),
    pictureIn: BigInt(prices.pictureIn),
    pictureOut: BigInt(prices.pictureOut),
  };
}

function listToWire({ version, timeMs, setBy, currency, prices }: PriceList): ListOnWire {
  return { version, setTime: new Date(timeMs), setBy, currency, prices: prices.map(pricesToWire) };
}

/** SpendingService over the log. */
export function spendingService(prices: Prices, calls: Calls): SpendingServiceServer {
  return {
    setPriceList: unary(calls, async ({ currency, prices: asked }, caller) => ({
      priceList: listToWire(await prices.set(caller, currency, asked.map(pricesFromWire))),
    })),
    getPriceList: unary(calls, async ({ version }, caller) => ({
      priceList: listToWire(prices.get(caller, version)),
    })),
  };
}
