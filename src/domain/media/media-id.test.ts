import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assertProperty } from '../../testing/property.ts';
import { maxIdLength } from '../limits.ts';
import { isDay, mediaDay, newMediaId } from './media-id.ts';

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-';
const uniques = fc.string({ unit: fc.constantFrom(...alphabet.split('')), minLength: 1, maxLength: maxIdLength - 9 });

describe('a media id', () => {
  test('names its day, by UTC, to the last millisecond', () => {
    expect(newMediaId('a-B_9', Date.UTC(2026, 10, 22))).toBe('20261122-a-B_9');
    expect(newMediaId('x', Date.UTC(2026, 10, 23) - 1)).toBe('20261122-x');
    expect(mediaDay('20261122-a-B_9')).toBe('2026-11-22');
    expect(mediaDay('20240229--')).toBe('2024-02-29');
  });

  test('of any moment and any unique part gives that moment’s day', () => {
    const moments = fc.date({ min: new Date('0000-01-01'), max: new Date('9999-12-31'), noInvalidDate: true });
    assertProperty(
      fc.property(uniques, moments, (unique, moment) => {
        expect(mediaDay(newMediaId(unique, moment.getTime()))).toBe(moment.toISOString().slice(0, 10));
      }),
    );
  });

  test.each([
    ['nothing', ''],
    ['no unique part', '20261122-'],
    ['no day', 'abc'],
    ['a day that is not in the calendar', '20261131-x'],
    ['29 February of a common year', '20260229-x'],
    ['month 13', '20261301-x'],
    ['day 0', '20261100-x'],
    ['month 0', '20260022-x'],
    ['a path', '20261122-../../etc/passwd'],
    ['a file name with an ending', '20261122-x.json'],
    ['a line end after it', '20261122-x\n'],
    ['a line end before it', '\n20261122-x'],
    ['NUL', '20261122-x\0'],
    ['letters that are not ASCII', '20261122-é'],
    ['digits that are not ASCII', '２０２６１１２２-x'],
    ['a space', '20261122-x y'],
    ['one character too many', `20261122-${'x'.repeat(maxIdLength - 8)}`],
  ])('is not %s', (_what, text) => {
    expect(mediaDay(text)).toBeUndefined();
  });

  test('is nothing with a character that means something in a path', () => {
    assertProperty(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
        const day = mediaDay(`20261122-${text}`);
        expect(day === undefined).toBe(
          text === '' || Array.from(text).some((character) => !alphabet.includes(character)),
        );
      }),
    );
  });

  test('is not made of what cannot be one', () => {
    for (const unique of ['', '../x', 'a/b', 'x'.repeat(maxIdLength)])
      expect(() => newMediaId(unique, 0)).toThrow(RangeError);
  });
});

test('a day is written yyyy-mm-dd and is in the calendar', () => {
  expect(['2026-11-22', '2024-02-29', '0001-01-01'].map(isDay)).toEqual([true, true, true]);
  expect(['2026-11-31', '2025-02-29', '2026-1-1', '20261122', 'partial', '', '2026-11-22T00:00Z'].map(isDay)).toEqual(
    Array.from({ length: 7 }, () => false),
  );
});
