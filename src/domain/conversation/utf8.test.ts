import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assertProperty } from '../../testing/property.ts';
import { utf8Length, utf8Slice } from './utf8.ts';

const anyText = fc.string({
  unit: fc.oneof(fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }), fc.constantFrom('\ud83d', '\ude00')),
});

test('the length is that of the encoded form, lone surrogates included', () => {
  assertProperty(
    fc.property(anyText, (text) => {
      expect(utf8Length(text)).toBe(Buffer.byteLength(text));
    }),
    { numRuns: 2_000 },
  );
});

test('a slice at a character border is the rest of the encoded form', () => {
  assertProperty(
    fc.property(fc.string({ unit: 'binary' }), fc.nat({ max: 20 }), (text, characters) => {
      const head = Array.from(text).slice(0, characters).join('');
      expect(utf8Slice(text, utf8Length(head))).toBe(text.slice(head.length));
    }),
    { numRuns: 1_000 },
  );
});
