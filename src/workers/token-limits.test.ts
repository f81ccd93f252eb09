import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { UnitPrices } from '../domain/spending/events.ts';
import { costOf } from '../domain/spending/prices.ts';
import type { UsedUnits } from '../ports/provider.ts';
import { assertProperty } from '../testing/property.ts';
import { limitsWithin } from './token-limits.ts';

const media = { cachedInputTokens: 0, reasoningTokens: 0, soundInMs: 0, soundOutMs: 0, picturesIn: 1, picturesOut: 0 };
const units = (inputTokens: number, outputTokens: number): UsedUnits => ({ ...media, inputTokens, outputTokens });

function spendBy(prices: Pick<UnitPrices, 'inputPerMillion' | 'outputPerMillion' | 'pictureIn'>) {
  const all = { cachedInputPerMillion: 0, soundInPerMinute: 0, soundOutPerMinute: 0, pictureOut: 0, ...prices };
  return (used: UsedUnits) => ({
    tokens: used.inputTokens + used.outputTokens,
    cost: costOf(used, { version: 1, prices: all }).microUnits,
  });
}

const cheap = spendBy({ inputPerMillion: 1_000_000, outputPerMillion: 4_000_000, pictureIn: 100 });
const bounds = { least: units(10, 5), most: units(200, 50) };

test.each([
  ['all there may be', { tokens: 250, cost: 500 }, { inputTokens: 200, outputTokens: 50 }],
  ['a whole reply before more of the conversation', { tokens: 80, cost: 500 }, { inputTokens: 30, outputTokens: 50 }],
  ['what is left of a reply', { tokens: 30, cost: 500 }, { inputTokens: 10, outputTokens: 20 }],
  ['what it costs at most', { tokens: 250, cost: 150 }, { inputTokens: 10, outputTokens: 10 }],
  ['the least', { tokens: 15, cost: 130 }, { inputTokens: 10, outputTokens: 5 }],
  ['nothing where tokens are short', { tokens: 14, cost: 500 }, undefined],
  ['nothing where money is short', { tokens: 250, cost: 129 }, undefined],
])('a request gets %s', (_, left, expected) => {
  expect(limitsWithin(left, bounds, cheap)).toEqual(expected);
});

test('whatever is left, what a request gets keeps to it, and a token more would not', () => {
  const count = fc.nat(3_000);
  const price = fc.nat(20_000_000);
  const arbitrary = fc.record({
    least: fc.tuple(count, count),
    more: fc.tuple(count, count),
    left: fc.record({ tokens: fc.nat(9_000), cost: fc.nat(60_000) }),
    prices: fc.record({ inputPerMillion: price, outputPerMillion: price, pictureIn: count }),
  });
  assertProperty(
    fc.property(arbitrary, ({ least: [input, output], more, left, prices }) => {
      const [least, most] = [units(input, output), units(input + more[0], output + more[1])];
      const spendOf = spendBy(prices);
      const fits = (used: UsedUnits) => spendOf(used).tokens <= left.tokens && spendOf(used).cost <= left.cost;
      const limits = limitsWithin(left, { least, most }, spendOf);
      expect(limits !== undefined).toBe(fits(least));
      if (limits === undefined) return;
      const { inputTokens, outputTokens } = limits;
      expect(fits(units(inputTokens, outputTokens))).toBe(true);
      expect(outputTokens === most.outputTokens || !fits(units(input, outputTokens + 1))).toBe(true);
      expect(inputTokens === most.inputTokens || !fits(units(inputTokens + 1, outputTokens))).toBe(true);
    }),
  );
});
