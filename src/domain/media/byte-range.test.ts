import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assertProperty } from '../../testing/property.ts';
import { byteRange } from './byte-range.ts';

test.each([
  ['bytes=0-0', { start: 0, end: 1 }],
  ['bytes=0-', { start: 0, end: 100 }],
  ['bytes=99-', { start: 99, end: 100 }],
  ['bytes=10-19', { start: 10, end: 20 }],
  ['bytes=10-99999999999999999999', { start: 10, end: 100 }],
  ['bytes=-1', { start: 99, end: 100 }],
  ['bytes=-100', { start: 0, end: 100 }],
  ['bytes=-999', { start: 0, end: 100 }],
  ['Bytes=1-2 ', { start: 1, end: 3 }],
  ['bytes=100-', 'unsatisfiable'],
  ['bytes=100-200', 'unsatisfiable'],
  [`bytes=${'9'.repeat(400)}-`, 'unsatisfiable'],
  ['bytes=-0', 'unsatisfiable'],
  [undefined, undefined],
  ['', undefined],
  ['bytes=', undefined],
  ['bytes=-', undefined],
  ['bytes=20-10', undefined],
  ['bytes=0-1,5-6', undefined],
  ['bytes=a-b', undefined],
  ['bytes=1.5-2', undefined],
  ['bytes=0x1-2', undefined],
  ['bytes=--1', undefined],
  ['items=0-1', undefined],
  ['0-1', undefined],
])('%s of 100 bytes', (header, range) => {
  expect(byteRange(header, 100)).toEqual(range);
});

test('whatever is asked for, no range begins or ends outside the object, or is empty', () => {
  const numbers = fc.oneof(fc.nat().map(String), fc.constantFrom('', '0', '00', '9'.repeat(20), '-1', '1e3'));
  assertProperty(
    fc.property(numbers, numbers, fc.integer({ min: 1, max: 1_000 }), (first, last, sizeBytes) => {
      const range = byteRange(`bytes=${first}-${last}`, sizeBytes);
      if (range === undefined || range === 'unsatisfiable') return;
      expect(range.start).toBeGreaterThanOrEqual(0);
      expect(range.end).toBeGreaterThan(range.start);
      expect(range.end).toBeLessThanOrEqual(sizeBytes);
    }),
  );
});
