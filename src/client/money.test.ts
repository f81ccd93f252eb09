import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { microUnitsOf, moneyText } from './money.ts';

test.each([
  [0, '0.00'],
  [7, '0.000007'],
  [1_250_000, '1.25'],
  [1_200_000, '1.20'],
  [12_345_678, '12.345678'],
  [9_007_199_254_740_991, '9007199254.740991'],
])('%i micro-units are %s', (microUnits, text) => {
  expect(moneyText(microUnits)).toBe(text);
});

test('what is written is read as the same amount', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 18n }), (amount) => {
      expect(microUnitsOf(moneyText(amount))).toBe(amount);
    }),
  );
});

test.each(['', '-1', '1.', '.5', '1.0000001', '1e3', '1,5', ' 1', '0x1'])('%j is no amount', (text) => {
  expect(microUnitsOf(text)).toBeUndefined();
});
