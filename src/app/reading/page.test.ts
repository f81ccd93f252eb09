import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Refused } from '../../domain/errors/catalogue.ts';
import { defaultPageSize, maxPageSize } from '../../domain/limits.ts';
import { assertProperty } from '../../testing/property.ts';
import { effectivePageSize, pageToken, placeOfToken } from './page.ts';

describe('page sizes (AIP-158)', () => {
  test('0 is the default, more than the maximum is cut to it, a negative one is refused', () => {
    expect(effectivePageSize(0)).toBe(defaultPageSize);
    expect(effectivePageSize(7)).toBe(7);
    expect(effectivePageSize(maxPageSize + 1)).toBe(maxPageSize);
    expect(() => effectivePageSize(-1)).toThrow(Refused);
  });
});

describe('page tokens', () => {
  const place = fc.record({ order: fc.oneof(fc.nat(), fc.string()), id: fc.string({ unit: 'grapheme' }) });

  test('lead back to their place, in the list that gave them', () => {
    assertProperty(
      fc.property(fc.string({ unit: 'grapheme' }), place, (list, at) => {
        expect(placeOfToken(list, pageToken(list, at))).toMatchObject(at);
      }),
    );
  });

  test('of another list are refused', () => {
    const token = pageToken('messages/a/false', { order: 3, id: 'x' });
    expect(() => placeOfToken('messages/b/false', token)).toThrow(
      expect.objectContaining({ reason: 'PAGE_TOKEN_INVALID' }),
    );
  });

  test('that nobody gave are refused, whatever they hold', () => {
    assertProperty(
      fc.property(fc.string({ minLength: 1 }), (token) => {
        expect(() => placeOfToken('list', token)).toThrow(expect.objectContaining({ reason: 'PAGE_TOKEN_INVALID' }));
      }),
    );
  });

  test('no token is the first page, and the last page has none', () => {
    expect(placeOfToken('list', '')).toBeUndefined();
    expect(pageToken('list', null)).toBe('');
  });
});
