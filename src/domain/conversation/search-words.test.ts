import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assertProperty } from '../../testing/property.ts';
import { placesOf, wordsOf } from './search-words.ts';

describe('the words of a text', () => {
  test.each([
    ['What time is it in Zürich?', ['what', 'time', 'is', 'it', 'in', 'zurich']],
    ['Time, time and TIME again', ['time', 'and', 'again']],
    ['ﬁle n°42, 3½ kg', ['file', 'n', '42', '31', '2', 'kg']],
    ['東京へ行く', ['東', '京', 'へ', '行', 'く']],
    ['mail@example.org', ['mail', 'example', 'org']],
    ['İstanbul', ['istanbul']],
    ['Straße STRASSE STRAẞE', ['strasse']],
    ['Æther, Œuvre, Łódź, smørrebrød, Đà Nẵng', ['aether', 'oeuvre', 'lodz', 'smorrebrod', 'da', 'nang']],
    ['þing ðat ħut diyarbakır', ['thing', 'dat', 'hut', 'diyarbakir']],
    ['ΟΔΟΣ οδός', ['οδοσ']],
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

describe('the places of words', () => {
  const wordsAt = (text: string) =>
    [...placesOf(text)].map(({ word, start, end }) => [word, text.slice(start, end)] as const);

  test.each([
    [
      'Die Straße',
      [
        ['die', 'Die'],
        ['strasse', 'Straße'],
      ],
    ],
    [
      'cafe\u0301 bar',
      [
        ['cafe', 'cafe\u0301'],
        ['bar', 'bar'],
      ],
    ],
    [
      '3½ ﬁne',
      [
        ['31', '3½'],
        ['2', '½'],
        ['fine', 'ﬁne'],
      ],
    ],
    [
      '東京 𝐓rain',
      [
        ['東', '東'],
        ['京', '京'],
        ['train', '𝐓rain'],
      ],
    ],
  ])('of %j', (text, places) => {
    expect(wordsAt(text)).toEqual(places);
  });

  test('are all of its words, and each place folds to its word', () => {
    const letters = fc.constantFrom(...Array.from('aÄßæŒøİıΣς½ﬁⅷ東か한\u0301\u0327𝐓 .-\n'));
    const text = fc.oneof(fc.string({ unit: letters, maxLength: 40 }), fc.string({ unit: 'binary', maxLength: 40 }));
    assertProperty(
      fc.property(text, (said) => {
        expect([...new Set([...placesOf(said)].map(({ word }) => word))]).toEqual(wordsOf(said));
        for (const [word, place] of wordsAt(said)) expect(wordsOf(place)).toContain(word);
      }),
      { numRuns: 5_000 },
    );
  });
});
