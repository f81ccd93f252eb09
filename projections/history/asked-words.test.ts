import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { wordsOf } from '../../src/domain/conversation/search-words.ts';
import { assertProperty } from '../../src/testing/property.ts';
import { AskedWords } from './asked-words.ts';

const isFound = (asked: string, text: string) => new AskedWords(wordsOf(asked)).excerptOf(text) !== null;

// Forms of one word; each is looked for by each.
const forms = [
  'house houses housing',
  'city cities',
  'run runs running',
  'hope hopes hoped hoping',
  'stop stops stopped stopping',
  'carry carries carried carrying',
  'train trains trained training',
  'slow slows slowed slowing',
  'lighthouse lighthouses',
  'Haus Hauses Häuser Häusern',
  'Straße Straßen Strassen',
  'Buch Buches Bücher Büchern',
  'schnell schnelle schnelles schneller schnellen',
  'spielen spiele spielst',
  'Frage Fragen',
  'Zeitung Zeitungen',
  'Kind Kinder Kindern Kindes',
  'wohnen wohne wohnst',
];

describe('words that are looked for', () => {
  test.each(forms)('are found in each of %s', (line) => {
    const words = line.split(' ');
    for (const asked of words)
      for (const said of words) expect([asked, said, isFound(asked, said)]).toEqual([asked, said, true]);
  });

  test.each([
    ['lig', 'The lighthouse'],
    ['strass', 'In der Straße'],
    ['東', '東京へ'],
    ['to', 'from here to there'],
  ])('%s is found in %j', (asked, said) => {
    expect(isFound(asked, said)).toBe(true);
  });

  test.each([
    ['running', 'the runtime'],
    ['cities', 'a citizen'],
    ['li', 'a lighthouse'],
    ['house', 'a lighthouse'],
    ['night train', 'a day train'],
  ])('%s is not found in %j', (asked, said) => {
    expect(isFound(asked, said)).toBe(false);
  });

  // An index that is asked for the terms names every document that is found, or it would be missed.
  test('have terms that a text has in which they are found', () => {
    const letters = fc.constantFrom(...Array.from('abegilnrstuyßäö東7'));
    const endings = fc.constantFrom('', 's', 'es', 'ed', 'ing', 'en', 'er', 'ern', 'ies', 'y', 'ly', 'te');
    const stem = fc.string({ unit: letters, minLength: 1, maxLength: 6 });
    assertProperty(
      fc.property(stem, endings, endings, (same, ofAsked, ofSaid) => {
        const asked = new AskedWords(wordsOf(same + ofAsked));
        const said = wordsOf(same + ofSaid);
        fc.pre(asked.excerptOf(same + ofSaid) !== null);
        const { words, beginnings } = asked.terms;
        expect(words.every((word) => said.includes(word))).toBe(true);
        expect(beginnings.every((beginning) => said.some((word) => word.startsWith(beginning)))).toBe(true);
      }),
      { numRuns: 5_000 },
    );
  });

  test('are each marked place of what was found', () => {
    const words = forms.flatMap((line) => line.split(' '));
    const text = fc.array(fc.constantFrom(...words, 'and', '½', '—'), { maxLength: 40 }).map((said) => said.join(' '));
    assertProperty(
      fc.property(fc.subarray(words, { minLength: 1, maxLength: 3 }), text, (chosen, said) => {
        const asked = new AskedWords(wordsOf(chosen.join(' ')));
        const excerpt = asked.excerptOf(said);
        const found = (excerpt ?? []).filter((piece) => piece.isFound).flatMap((piece) => wordsOf(piece.text));
        for (const word of found) expect(asked.foundIn(word)).not.toEqual([]);
        const places = new Set(wordsOf(said).flatMap((word) => asked.foundIn(word)));
        expect(excerpt !== null).toBe(wordsOf(chosen.join(' ')).every((word) => places.has(word)));
      }),
      { numRuns: 1_000 },
    );
  });
});
