import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assertProperty } from '../../testing/property.ts';
import { stretches, utf8Beginning, utf8Length, utf8Slice } from './utf8.ts';

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

test('beginning and slice at the same byte make up the text', () => {
  assertProperty(
    fc.property(anyText, fc.nat({ max: 40 }), (text, at) => {
      const beginning = utf8Beginning(text, at);
      expect(beginning + utf8Slice(text, at)).toBe(text);
      expect(utf8Length(beginning)).toBeGreaterThanOrEqual(Math.min(at, utf8Length(text)));
    }),
    { numRuns: 1_000 },
  );
});

test('stretches follow each other without hole, none is too long, and none cuts a character', () => {
  assertProperty(
    fc.property(anyText, fc.integer({ min: 4, max: 30 }), fc.nat(1_000), (any, maxBytes, from) => {
      const text = any.toWellFormed();
      let offsetBytes = from;
      let joined = '';
      for (const stretch of stretches(text, from, maxBytes)) {
        expect(stretch.offsetBytes).toBe(offsetBytes);
        expect(stretch.text.isWellFormed()).toBe(true);
        const bytes = Buffer.byteLength(stretch.text);
        expect(bytes > 0 && bytes <= maxBytes).toBe(true);
        offsetBytes += bytes;
        joined += stretch.text;
      }
      expect(joined).toBe(text);
    }),
    { numRuns: 1_000 },
  );
});
