import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assertProperty } from '../../../../../src/testing/property.ts';
import { charactersLeft } from './characters-left.ts';

test('is silent while there is room', () => {
  expect(charactersLeft('', 10)).toBeUndefined();
  expect(charactersLeft('a'.repeat(7), 10)).toBeUndefined();
});

test('tells what is left, in characters like those that were written', () => {
  expect(charactersLeft('a'.repeat(8), 10)).toBe(2);
  expect(charactersLeft('é'.repeat(8), 20)).toBe(2);
  expect(charactersLeft('a'.repeat(10), 10)).toBe(0);
  expect(charactersLeft('a'.repeat(13), 10)).toBe(-3);
});

test('is below zero exactly when there are too many bytes', () => {
  assertProperty(
    fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 60 }), (text, maxBytes) => {
      const isTooLong = new TextEncoder().encode(text).length > maxBytes;
      expect((charactersLeft(text, maxBytes) ?? 0) < 0).toBe(isTooLong);
    }),
  );
});
