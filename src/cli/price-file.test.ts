import { expect, test } from '@jest/globals';
import { priceListOf } from './price-file.ts';
import { Trouble } from './trouble.ts';

const model = (more: string) => `currency: EUR\nprices:\n  - provider: openai\n    model: gpt-5\n${more}`;

test('amounts are decimals, as numbers or in quotes; what is not named is free', () => {
  const text = model('    input: 1.25\n    cached_input: "0.125"\n    output: 10\n    picture_out: 0.04\n');
  expect(priceListOf(text)).toEqual({
    currency: 'EUR',
    prices: [
      {
        provider: 'openai',
        model: 'gpt-5',
        inputPerMillion: 1_250_000n,
        cachedInputPerMillion: 125_000n,
        outputPerMillion: 10_000_000n,
        pictureOut: 40_000n,
      },
    ],
  });
  expect(priceListOf('currency: EUR\nprices: []\n')).toEqual({ currency: 'EUR', prices: [] });
});

test.each([
  ['', /^the file: a mapping of currency, prices$/],
  ['- a\n', /^the file: a mapping/],
  ['currency: [EUR\n', /^Flow sequence .* at line 2, column 1/s],
  ['currency: EUR\n', /^prices: a list of models$/],
  ['prices: []\n', /^currency: three letters/],
  ['currency: EUR\nprices: []\ndiscount: 5\n', /^the file: there is no discount, only currency, prices$/],
  ['currency: EUR\nprices:\n  - gpt-5\n', /^prices\[0\]: a mapping of provider, model, input,/],
  [
    'currency: EUR\nprices:\n  - {provider: openai, model: 4, input: 1, output: 1}\n',
    /^prices\[0\]\.model: .* in quotes/,
  ],
  [model('    input: 1\n'), /^prices\[0\]\.output: the price of a million tokens$/],
  [model('    input: -1\n    output: 1\n'), /^prices\[0\]\.input: an amount of 0 or more, with six decimals at most$/],
  [model('    input: 0.0000001\n    output: 1\n'), /^prices\[0\]\.input: an amount/],
  [model('    input: 1 EUR\n    output: 1\n'), /^prices\[0\]\.input: an amount/],
  [
    model('    input: 1\n    output: 1\n    inptu: 2\n'),
    /^prices\[0\]: there is no inptu, only provider, model, input,/,
  ],
  [model('    input: 1\n    input: 2\n    output: 1\n'), /^Map keys must be unique at line 6, column 5/],
  ['a: &a [1]\nb: *a\n', /^Alias resolution is disabled$/],
])('%j is refused, and what is wrong is named', (text, what) => {
  expect(() => priceListOf(text)).toThrow(Trouble);
  expect(() => priceListOf(text)).toThrow(what);
});
