import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assertProperty } from '../../testing/property.ts';
import { usageFilter } from './usage-filter.ts';

test.each([
  ['', {}],
  ['  ', {}],
  ['client = "ada"', { client: 'ada' }],
  ['client=ada', { client: 'ada' }],
  [
    'model = "gpt-5" AND provider = openai AND client = "a d\\"a\\\\"',
    { model: 'gpt-5', provider: 'openai', client: 'a d"a\\' },
  ],
  ['model = "AND client = x"', { model: 'AND client = x' }],
  ['model = ""', { model: '' }],
])('%s', (filter, expected) => {
  expect(usageFilter(filter)).toEqual(expected);
});

test.each([
  'ada',
  'client',
  'client = ',
  'client == ada',
  'client != ada',
  'who = ada',
  'client = "ada',
  'client = "ada" OR client = "bob"',
  'client = "ada" AND',
  'client = "ada" AND AND model = x',
  'client = "ada" client = "bob"',
  'client = "ada" AND client = "ada"',
  '__proto__ = x',
  'client = ada and model = x',
  'x'.repeat(4_001),
])('%s is refused', (filter) => {
  expect(() => usageFilter(filter)).toThrow(expect.objectContaining({ reason: 'FRAME_INVALID' }));
});

test('any values are found again as they were quoted', () => {
  assertProperty(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), (client, model) => {
      const quoted = (value: string) => `"${value.replaceAll(/["\\]/g, '\\$&')}"`;
      expect(usageFilter(`client = ${quoted(client)} AND model = ${quoted(model)}`)).toEqual({ client, model });
    }),
  );
});
