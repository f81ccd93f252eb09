import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assertProperty } from '../testing/property.ts';
import { Drafts } from './drafts.ts';

describe('a draft', () => {
  test('grows piece by piece, by bytes and not by characters', () => {
    const drafts = new Drafts();
    expect(drafts.start('m', 'r', 1)).toEqual({ kind: 'begun' });
    expect(drafts.add('r', 1, 0, 'é')).toEqual({ kind: 'grown', text: 'é' });
    expect(drafts.add('r', 1, 2, '!')).toEqual({ kind: 'grown', text: '!' });
    expect(drafts.end('r', 'é!')).toEqual({ kind: 'extended', rest: '' });
  });

  test('begins again with a later attempt, and an earlier one is not heard any more', () => {
    const drafts = new Drafts();
    drafts.start('m', 'r', 1);
    drafts.add('r', 1, 0, 'old');
    expect(drafts.start('m', 'r', 2)).toEqual({ kind: 'begunAgain' });
    expect(drafts.start('m', 'r', 1)).toEqual({ kind: 'unchanged' });
    expect(drafts.add('r', 1, 3, 'er')).toEqual({ kind: 'unchanged' });
    expect(drafts.add('r', 2, 0, 'new')).toEqual({ kind: 'grown', text: 'new' });
  });

  test('that nobody saw does not begin again', () => {
    const drafts = new Drafts();
    drafts.start('m', 'r', 1);
    expect(drafts.start('m', 'r', 2)).toEqual({ kind: 'begun' });
  });

  test('stands still at a hole, until the reply is complete', () => {
    const drafts = new Drafts();
    drafts.start('m', 'r', 1);
    drafts.add('r', 1, 0, 'a');
    expect(drafts.add('r', 1, 2, 'c')).toEqual({ kind: 'hole' });
    expect(drafts.add('r', 1, 1, 'b')).toEqual({ kind: 'unchanged' });
    expect(drafts.end('r', 'abc')).toEqual({ kind: 'extended', rest: 'bc' });
  });

  test('of a reply that was stopped may be longer than the reply', () => {
    const drafts = new Drafts();
    drafts.start('m', 'r', 1);
    drafts.add('r', 1, 0, 'as far as');
    expect(drafts.end('r', 'as far')).toEqual({ kind: 'extended', rest: '' });
  });

  test('that the complete reply contradicts is replaced', () => {
    const drafts = new Drafts();
    drafts.start('m', 'r', 1);
    drafts.add('r', 1, 0, 'one');
    expect(drafts.end('r', 'two')).toEqual({ kind: 'replaced' });
  });

  test('of a message that was given up is forgotten', () => {
    const drafts = new Drafts();
    drafts.start('m', 'r', 1);
    drafts.add('r', 1, 0, 'one');
    drafts.giveUp('m');
    expect(drafts.start('m', 'r', 1)).toEqual({ kind: 'begun' });
  });

  test('whatever is repeated and however it is cut, shows each byte once', () => {
    const characters = fc.array(fc.constantFrom('a', 'ß', '東', '🍵', ' '), { minLength: 1, maxLength: 30 });
    // Each stream tells the reply from some earlier character on, and breaks somewhere.
    const streams = fc.array(fc.tuple(fc.nat(), fc.nat(), fc.integer({ min: 1, max: 5 })), { maxLength: 6 });
    assertProperty(
      fc.property(characters, streams, (all, tellings) => {
        const drafts = new Drafts();
        let shown = '';
        const tell = (from: number, to: number, step: number): void => {
          for (let at = from; at < to; at += step) {
            const change = drafts.add(
              'r',
              1,
              Buffer.byteLength(all.slice(0, at).join('')),
              all.slice(at, Math.min(to, at + step)).join(''),
            );
            if (change.kind === 'grown') shown += change.text;
          }
        };
        drafts.start('m', 'r', 1);
        for (const [start, length, step] of tellings) {
          const from = start % (Array.from(shown).length + 1);
          tell(from, Math.min(all.length, from + (length % 31)), step);
        }
        expect(all.join('').startsWith(shown)).toBe(true);
        const end = drafts.end('r', all.join(''));
        expect(shown + (end.kind === 'extended' ? end.rest : '')).toBe(all.join(''));
      }),
    );
  });
});
