import type { AttemptUsage } from '../conversation/events.ts';
import type { CallPrices, Cost, ModelPrices, PriceListSet, Spend, UnitPrices } from './events.ts';

/** Prices that were in force from a place in the log on, and may be still. */
export interface PriceList {
  /** 1, 2, … in the order of the log. */
  readonly version: number;
  readonly listId: string;
  readonly setBy: string;
  /** Milliseconds since the epoch, by the log's clock. */
  readonly timeMs: number;
  readonly currency: string;
  readonly prices: readonly ModelPrices[];
}

/** All there were, the oldest first. */
export type PriceLists = readonly PriceList[];

export const noPrices: PriceLists = [];

/** The lists after one more was set: all are of one currency, so one of another changes nothing. A list that was set already is a repeat. */
export function withPriceList(lists: PriceLists, event: PriceListSet, timeMs: number): PriceLists {
  const { listId, setBy, currency, prices } = event;
  const isRepeat = lists.some((list) => list.listId === listId);
  if (isRepeat || currency !== (currencyOf(lists) ?? currency)) return lists;
  return [...lists, { version: lists.length + 1, timeMs, listId, setBy, currency, prices }];
}

/** That of all costs; undefined: nobody has set a price yet. */
export function currencyOf(lists: PriceLists): string | undefined {
  return lists[0]?.currency;
}

/** What a call to the model costs from now on; undefined: it has no price. */
export function pricesOf(lists: PriceLists, provider: string, model: string): CallPrices | undefined {
  const list = lists.at(-1);
  const found = list?.prices.find((of) => of.provider === provider && of.model === model);
  return list && found && { version: list.version, prices: found.prices };
}

const units = Object.keys({
  inputPerMillion: true,
  cachedInputPerMillion: true,
  outputPerMillion: true,
  soundInPerMinute: true,
  soundOutPerMinute: true,
  pictureIn: true,
  pictureOut: true,
} satisfies Record<keyof UnitPrices, true>) as readonly (keyof UnitPrices)[];

/** What a model takes, each amount in another form: contracts have 64-bit numbers. */
export function unitsAs<From, To>(
  prices: Readonly<Record<keyof UnitPrices, From>>,
  to: (amount: From) => To,
): Record<keyof UnitPrices, To> {
  return Object.fromEntries(units.map((unit) => [unit, to(prices[unit])])) as Record<keyof UnitPrices, To>;
}

/** Whether a model takes the same by both. */
export function areSamePrices(left: UnitPrices, right: UnitPrices): boolean {
  return units.every((unit) => left[unit] === right[unit]);
}

/** A common multiple of a million tokens and a minute's milliseconds, so that the sum is exact until it is rounded. */
const parts = 3_000_000n;
const perMillion = parts / 1_000_000n;
const perMinute = parts / 60_000n;

/** The dearest attempt that can be told of. */
const mostMicroUnits = BigInt(Number.MAX_SAFE_INTEGER);

/** What of an attempt's usage has a price. */
export type PricedUnits = Pick<
  AttemptUsage,
  'inputTokens' | 'cachedInputTokens' | 'outputTokens' | 'soundInMs' | 'soundOutMs' | 'picturesIn' | 'picturesOut'
>;

/** What the attempt costs: exactly, rounded up once. */
export function costOf(usage: PricedUnits, { version: priceVersion, prices }: CallPrices): Cost {
  const { inputTokens, cachedInputTokens, outputTokens, soundInMs, soundOutMs, picturesIn, picturesOut } = usage;
  // Providers have said that more was cached than sent.
  const cached = Math.min(cachedInputTokens, inputTokens);
  const sum =
    perMillion *
      (product(inputTokens - cached, prices.inputPerMillion) +
        product(cached, prices.cachedInputPerMillion) +
        product(outputTokens, prices.outputPerMillion)) +
    perMinute * (product(soundInMs, prices.soundInPerMinute) + product(soundOutMs, prices.soundOutPerMinute)) +
    parts * (product(picturesIn, prices.pictureIn) + product(picturesOut, prices.pictureOut));
  const microUnits = (sum + parts - 1n) / parts;
  return { microUnits: Number(microUnits < mostMicroUnits ? microUnits : mostMicroUnits), priceVersion };
}

export const noSpend: Spend = { tokens: 0, cost: 0 };

/** What attempts count in budgets. */
export function spendOf(usages: readonly Pick<AttemptUsage, 'inputTokens' | 'outputTokens' | 'cost'>[]): Spend {
  return usages.reduce(
    (sum, { inputTokens, outputTokens, cost }) =>
      plusSpend(sum, { tokens: inputTokens + outputTokens, cost: cost?.microUnits ?? 0 }),
    noSpend,
  );
}

export function plusSpend(left: Spend, right: Spend): Spend {
  return { tokens: left.tokens + right.tokens, cost: left.cost + right.cost };
}

export function minusSpend(left: Spend, right: Spend): Spend {
  return { tokens: left.tokens - right.tokens, cost: left.cost - right.cost };
}

function product(units: number, price: number): bigint {
  return BigInt(units) * BigInt(price);
}
