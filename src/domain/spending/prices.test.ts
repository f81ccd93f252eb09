import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assertProperty } from '../../testing/property.ts';
import type { PriceListSet, UnitPrices } from './events.ts';
import { costOf, currencyOf, noPrices, type PriceLists, pricesOf, withPriceList } from './prices.ts';

const units: readonly (keyof UnitPrices)[] = [
  'inputPerMillion',
  'cachedInputPerMillion',
  'outputPerMillion',
  'soundInPerMinute',
  'soundOutPerMinute',
  'pictureIn',
  'pictureOut',
];
const free = Object.fromEntries(units.map((unit) => [unit, 0])) as unknown as UnitPrices;
const nothing = {
  attempt: 1,
  end: 'completed',
  provider: 'p',
  model: 'm',
  inputTokens: 0,
  cachedInputTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  soundInMs: 0,
  soundOutMs: 0,
  picturesIn: 0,
  picturesOut: 0,
  durationMs: 0,
  estimated: false,
} as const;

function priced(prices: Partial<UnitPrices>, used: Partial<typeof nothing | Record<keyof typeof nothing, number>>) {
  return costOf({ ...nothing, ...(used as typeof nothing) }, { version: 3, prices: { ...free, ...prices } });
}

describe('what an attempt costs', () => {
  test.each([
    ['nothing, where all is free', {}, { inputTokens: 10, picturesOut: 2 }, 0],
    ['a millionth of the price a token', { inputPerMillion: 2_000_000 }, { inputTokens: 30 }, 60],
    ['a whole micro-unit at least', { outputPerMillion: 1 }, { outputTokens: 1 }, 1],
    [
      'less for tokens of the cache',
      { inputPerMillion: 10_000_000, cachedInputPerMillion: 1_000_000 },
      { inputTokens: 30, cachedInputTokens: 20 },
      120,
    ],
    [
      'no more for tokens of the cache than were sent',
      { cachedInputPerMillion: 1_000_000 },
      { inputTokens: 5, cachedInputTokens: 9 },
      5,
    ],
    [
      'by the millisecond of sound',
      { soundInPerMinute: 60_000, soundOutPerMinute: 120_000 },
      { soundInMs: 7, soundOutMs: 2 },
      11,
    ],
    ['by the picture', { pictureIn: 3, pictureOut: 40_000 }, { picturesIn: 2, picturesOut: 1 }, 40_006],
    ['no more than can be counted', { pictureOut: 1e12 }, { picturesOut: 2 ** 31 - 1 }, Number.MAX_SAFE_INTEGER],
  ])('is %s', (_, prices, used, microUnits) => {
    expect(priced(prices, used)).toEqual({ microUnits, priceVersion: 3 });
  });

  test('is exact, and rounded up once for all that it used', () => {
    const count = fc.nat({ max: 100_000 });
    const price = fc.nat({ max: 10_000_000 });
    const prices = fc.record(Object.fromEntries(units.map((unit) => [unit, price])));
    const used = fc.record({
      inputTokens: count,
      outputTokens: count,
      soundInMs: count,
      soundOutMs: count,
      picturesIn: fc.nat(20),
      picturesOut: fc.nat(20),
    });
    assertProperty(
      fc.property(prices, used, fc.double({ min: 0, max: 1, noNaN: true }), (all, some, cachedShare) => {
        const of = all as unknown as UnitPrices;
        const cachedInputTokens = Math.floor(some.inputTokens * cachedShare);
        const { microUnits } = priced(of, { ...some, cachedInputTokens });
        // In parts of 1/60,000,000 micro-unit, each unit by itself.
        const exact =
          60n * BigInt(some.inputTokens - cachedInputTokens) * BigInt(of.inputPerMillion) +
          60n * BigInt(cachedInputTokens) * BigInt(of.cachedInputPerMillion) +
          60n * BigInt(some.outputTokens) * BigInt(of.outputPerMillion) +
          1_000n * BigInt(some.soundInMs) * BigInt(of.soundInPerMinute) +
          1_000n * BigInt(some.soundOutMs) * BigInt(of.soundOutPerMinute) +
          60_000_000n * BigInt(some.picturesIn) * BigInt(of.pictureIn) +
          60_000_000n * BigInt(some.picturesOut) * BigInt(of.pictureOut);
        expect(BigInt(microUnits) * 60_000_000n - exact).toBeGreaterThanOrEqual(0n);
        expect(BigInt(microUnits) * 60_000_000n - exact).toBeLessThan(60_000_000n);
      }),
    );
  });
});

describe('price lists', () => {
  const list = (listId: string, currency: string, ...models: readonly string[]): PriceListSet => ({
    type: 'PriceListSet',
    listId,
    setBy: 'olga',
    currency,
    prices: models.map((model, index) => ({ provider: 'p', model, prices: { ...free, pictureIn: index } })),
  });
  const folded = (...lists: readonly PriceListSet[]): PriceLists =>
    lists.reduce((before, event, index) => withPriceList(before, event, 1_000 + index), noPrices);

  test('have versions in the order of the log, and the last one is in force', () => {
    const lists = folded(list('a', 'EUR', 'm', 'n'), list('b', 'EUR', 'n', 'm'));
    expect(lists.map(({ version, timeMs }) => [version, timeMs])).toEqual([
      [1, 1_000],
      [2, 1_001],
    ]);
    expect(pricesOf(lists, 'p', 'm')).toEqual({ version: 2, prices: { ...free, pictureIn: 1 } });
    expect(pricesOf(lists, 'p', 'other')).toBeUndefined();
    expect(pricesOf(lists, 'other', 'm')).toBeUndefined();
    expect(pricesOf(noPrices, 'p', 'm')).toBeUndefined();
  });

  test('take a price away from what they do not name', () => {
    expect(pricesOf(folded(list('a', 'EUR', 'm'), list('b', 'EUR')), 'p', 'm')).toBeUndefined();
  });

  test('are all of the currency of the first one, and repeats change nothing', () => {
    const lists = folded(list('a', 'EUR', 'm'), list('b', 'USD', 'm'), list('a', 'EUR', 'n'), list('c', 'EUR', 'm'));
    expect(lists.map(({ listId, version }) => `${listId} ${version}`)).toEqual(['a 1', 'c 2']);
    expect(currencyOf(lists)).toBe('EUR');
    expect(currencyOf(noPrices)).toBeUndefined();
  });
});
