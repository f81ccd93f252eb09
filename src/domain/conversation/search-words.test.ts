import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assertProperty } from '../../testing/property.ts';
import { wordsOf } from './search-words.ts';

describe('the words of a text', () => {
  test.each([
    ['What time is it in Zürich?', ['what', 'time', 'is', 'it', 'in', 'zurich']],
    ['Time, time and TIME again', ['time', 'and', 'again']],
    ['ﬁle n°42, 3½ kg', ['file', 'n', '42', '31', '2', 'kg']],
    ['東京へ行く', ['東', '京', 'へ', '行', 'く']],
    ['mail@example.org', ['mail', 'example', 'org']],
    ['İstanbul', ['istanbul']],
    ['…  —  !', []],
    ['', []],
  ])('of %j', (text, words) => {
    expect(wordsOf(text)).toEqual(words);
  });

  test('do not depend on what else is in it', () => {
    const plain = fc.string({
      unit: fc.oneof(
        fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 1 }),
        fc.integer({ min: 0x2010, max: 0x205e }).map((code) => String.fromCharCode(code)),
      ),
      maxLength: 200,
    });
    assertProperty(
      fc.property(plain, (text) => {
        // A letter that only the general rule knows.
        expect(wordsOf(`${text} ж`)).toEqual([...wordsOf(text), 'ж']);
      }),
      { numRuns: 5_000 },
    );
  });

  test('are words of themselves, whatever the text', () => {
    assertProperty(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        for (const word of wordsOf(text)) expect(wordsOf(word)).toEqual([word]);
      }),
      { numRuns: 2_000 },
    );
  });
});
