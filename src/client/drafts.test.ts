import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assertProperty } from '../testing/property.ts';
import { Drafts } from './drafts.ts';

describe('a draft', () => {
  test('grows piece by piece, by bytes and not by characters', () => {
    const drafts = new Drafts();
    expect(drafts.start('m', 'r', 1, 0)).toEqual({ kind: 'begun' });
    expect(drafts.add('r', 1, 0, 'é')).toEqual({ kind: 'grown', text: 'é' });
    expect(drafts.add('r', 1, 2, '!')).toEqual({ kind: 'grown', text: '!' });
    expect(drafts.end('r', 'é!', false)).toEqual({ kind: 'extended', rest: '' });
  });

  test('begins again with a later attempt, and an earlier one is not heard any more', () => {
    const drafts = new Drafts();
    drafts.start('m', 'r', 1, 0);
    drafts.add('r', 1, 0, 'old');
    expect(drafts.start('m', 'r', 2, 0)).toEqual({ kind: 'begunAgain' });
    expect(drafts.start('m', 'r', 1, 0)).toEqual({ kind: 'unchanged' });
    expect(drafts.add('r', 1, 3, 'er')).toEqual({ kind: 'unchanged' });
    expect(drafts.add('r', 2, 0, 'new')).toEqual({ kind: 'grown', text: 'new' });
  });

  test('that nobody saw does not begin again', () => {
    const drafts = new Drafts();
    drafts.start('m', 'r', 1, 0);
    expect(drafts.start('m', 'r', 2, 0)).toEqual({ kind: 'begun' });
  });

  test('stands still at a hole, until the reply is complete', () => {
    const drafts = new Drafts();
    drafts.start('m', 'r', 1, 0);
    drafts.add('r', 1, 0, 'a');
    expect(drafts.add('r', 1, 2, 'c')).toEqual({ kind: 'hole' });
    expect(drafts.add('r', 1, 1, 'b')).toEqual({ kind: 'unchanged' });
    expect(drafts.end('r', 'abc', false)).toEqual({ kind: 'extended', rest: 'bc' });
  });

  test('of a reply that was stopped may be longer than the reply', () => {
    const drafts = new Drafts();
    drafts.start('m', 'r', 1, 0);
    drafts.add('r', 1, 0, 'as far as');
    expect(drafts.end('r', 'as far', true)).toEqual({ kind: 'extended', rest: '' });
  });

  test('that the complete reply contradicts is replaced', () => {
    const drafts = new Drafts();
    drafts.start('m', 'r', 1, 0);
    drafts.add('r', 1, 0, 'one');
    expect(drafts.end('r', 'two', false)).toEqual({ kind: 'replaced' });
  });

  test('of a message that was given up is forgotten', () => {
    const drafts = new Drafts();
    drafts.start('m', 'r', 1, 0);
    drafts.add('r', 1, 0, 'one');
    drafts.giveUp('m');
    expect(drafts.start('m', 'r', 1, 0)).toEqual({ kind: 'begun' });
  });

  test('that another attempt goes on with stands, and grows once what comes again is longer', () => {
    const drafts = new Drafts();
    drafts.start('m', 'r', 1, 0);
    drafts.add('r', 1, 0, 'Grüße, W');
    expect(drafts.start('m', 'r', 2, 7)).toEqual({ kind: 'unchanged' });
    expect(drafts.add('r', 1, 9, 'lost')).toEqual({ kind: 'unchanged' });
    expect(drafts.add('r', 2, 0, 'Grü')).toEqual({ kind: 'unchanged' });
    expect(drafts.add('r', 2, 4, 'ße, We')).toEqual({ kind: 'grown', text: 'e' });
    expect(drafts.add('r', 2, 11, 'lt')).toEqual({ kind: 'grown', text: 'lt' });
    expect(drafts.end('r', 'Grüße, Welt', false)).toEqual({ kind: 'extended', rest: '' });
  });

  test('that an attempt goes on with in another way is replaced where the two part', () => {
    const drafts = new Drafts();
    drafts.start('m', 'r', 1, 0);
    drafts.add('r', 1, 0, 'Grüße, Welt');
    drafts.start('m', 'r', 2, 7);
    expect(drafts.add('r', 2, 0, 'Grüße')).toEqual({ kind: 'unchanged' });
    expect(drafts.add('r', 2, 7, ', du')).toEqual({ kind: 'replaced', text: 'Grüße, du' });
    expect(drafts.add('r', 2, 11, '!')).toEqual({ kind: 'grown', text: '!' });
    expect(drafts.end('r', 'Grüße, du!', false)).toEqual({ kind: 'extended', rest: '' });
  });

  test('of an attempt that went on with another one, which was not seen, is compared like any', () => {
    const drafts = new Drafts();
    drafts.start('m', 'r', 1, 0);
    drafts.add('r', 1, 0, 'old');
    expect(drafts.start('m', 'r', 3, 2)).toEqual({ kind: 'unchanged' });
    expect(drafts.add('r', 3, 0, 'new')).toEqual({ kind: 'replaced', text: 'new' });
  });

  test('that nobody saw anything of does not stand for one that goes on', () => {
    const drafts = new Drafts();
    drafts.start('m', 'r', 1, 0);
    expect(drafts.start('m', 'r', 2, 3)).toEqual({ kind: 'begun' });
  });

  test('with a hole goes on when all of it comes again', () => {
    const drafts = new Drafts();
    for (const attempt of [1, 1, 2]) {
      drafts.start('m', 'r', attempt, 1);
      drafts.add('r', attempt, 0, 'a');
      expect(drafts.add('r', attempt, 8, 'z')).toEqual({ kind: 'hole' });
    }
    drafts.start('m', 'r', 3, 1);
    expect(drafts.add('r', 3, 0, 'abc')).toEqual({ kind: 'grown', text: 'bc' });
  });

  test('that goes beyond the end of a reply which was not stopped is replaced', () => {
    const drafts = new Drafts();
    drafts.start('m', 'r', 1, 0);
    drafts.add('r', 1, 0, 'as far as');
    drafts.start('m', 'r', 2, 6);
    expect(drafts.add('r', 2, 0, 'as far')).toEqual({ kind: 'unchanged' });
    expect(drafts.end('r', 'as far', false)).toEqual({ kind: 'replaced' });
  });

  test('whatever is repeated and however it is cut, shows each byte once', () => {
    const characters = fc.array(fc.constantFrom('a', 'ß', '東', '🍵', ' '), { minLength: 1, maxLength: 30 });
    // Each stream tells the reply from some earlier character on, and breaks somewhere; it may be of a worker that goes on.
    const streams = fc.array(fc.tuple(fc.nat(), fc.nat(), fc.integer({ min: 1, max: 5 }), fc.boolean()), {
      maxLength: 6,
    });
    assertProperty(
      fc.property(characters, streams, (all, tellings) => {
        const drafts = new Drafts();
        let shown = '';
        let attempt = 1;
        const tell = (from: number, to: number, step: number): void => {
          for (let at = from; at < to; at += step) {
            const change = drafts.add(
              'r',
              attempt,
              Buffer.byteLength(all.slice(0, at).join('')),
              all.slice(at, Math.min(to, at + step)).join(''),
            );
            expect(['grown', 'unchanged']).toContain(change.kind);
            if (change.kind === 'grown') shown += change.text;
          }
        };
        drafts.start('m', 'r', attempt, 0);
        for (const [start, length, step, goesOn] of tellings) {
          if (goesOn && shown !== '') {
            attempt += 1;
            expect(drafts.start('m', 'r', attempt, 1)).toEqual({ kind: 'unchanged' });
          }
          const from = start % (Array.from(shown).length + 1);
          tell(from, Math.min(all.length, from + (length % 31)), step);
        }
        expect(all.join('').startsWith(shown)).toBe(true);
        const end = drafts.end('r', all.join(''), false);
        expect(shown + (end.kind === 'extended' ? end.rest : '')).toBe(all.join(''));
      }),
    );
  });
});
