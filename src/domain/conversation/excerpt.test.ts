import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assertProperty } from '../../testing/property.ts';
import { type Excerpt, excerptOf } from './excerpt.ts';
import { placesOf, wordsOf } from './search-words.ts';

function excerpt(text: string, ...words: readonly string[]): Excerpt {
  const places = [...placesOf(text)].filter(({ word }) => words.includes(word));
  return excerptOf(
    text,
    places.map(({ word, ...place }) => ({ ...place, asked: word })),
  );
}

const marked = (pieces: Excerpt) => pieces.map(({ text, isFound }) => (isFound ? `[${text}]` : text)).join('');

describe('an excerpt', () => {
  test('of a short text is the text, with everything marked that was found', () => {
    expect(marked(excerpt('Which  train?\nThe night train!', 'train', 'night'))).toBe(
      'Which [train]? The [night] [train]!',
    );
  });

  test('of a long text is cut at words, and says so', () => {
    const text = `${'before '.repeat(40)}the train ${'after '.repeat(60)}`;
    const found = marked(excerpt(text, 'train'));
    expect(found).toMatch(/^…(before )+the \[train\]( after)+…$/);
    expect(found.length).toBeLessThan(210);
  });

  test('is of where most of the words stand together, and there of the first place', () => {
    const far = ' and so on'.repeat(40);
    const text = `a train${far}a train at night${far}a night train`;
    expect(marked(excerpt(text, 'train', 'night'))).toContain('a [train] at [night]');
  });

  test('begins where the text does when nothing was found', () => {
    expect(marked(excerpt('word '.repeat(100)))).toMatch(/^word .*word…$/);
  });

  test('marks only what folds to a word that was found, and shows at least one', () => {
    const letters = fc.constantFrom(...Array.from('aabeßæŒ½東\u0301𝐓  \n'));
    const said = fc.string({ unit: letters, minLength: 1, maxLength: 800 });
    assertProperty(
      fc.property(said, fc.nat(), (text, chosen) => {
        const words = wordsOf(text).filter(({ length }) => length < 20);
        const word = words[chosen % words.length];
        fc.pre(word !== undefined);
        const pieces = excerpt(text, word ?? '');
        const found = pieces.filter(({ isFound }) => isFound);
        expect(found.length).toBeGreaterThan(0);
        // The end of the excerpt may cut the last one, of a text without spaces.
        for (const piece of pieces.at(-1)?.text === '…' ? found.slice(0, -1) : found)
          expect(wordsOf(piece.text)).toContain(word);
        expect(pieces.every(({ text: piece }) => piece.isWellFormed())).toBe(text.isWellFormed());
      }),
      { numRuns: 2_000 },
    );
  });
});
