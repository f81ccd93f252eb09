import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { nodeCryptoIds } from '../../adapters/node/node-crypto-ids.ts';
import { assertProperty } from '../../testing/property.ts';
import { isChosenId } from '../gateway/hello.ts';
import { replayIdOf } from './dead-letter-messages.ts';

const next = (id: string) => replayIdOf(id, (text) => nodeCryptoIds.hash(text));
const chosen = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 128 }).filter(isChosenId);

describe('the client message id of a replay', () => {
  test('counts replays of the same message', () => {
    expect(next('ada-7')).toBe('ada-7~replay-1');
    expect(next('ada-7~replay-1')).toBe('ada-7~replay-2');
    expect(next('ada-7~replay-9')).toBe('ada-7~replay-10');
  });

  test('is one that a client may choose, and another at every replay', () => {
    assertProperty(
      fc.property(chosen, (id) => {
        const ids = [id];
        while (ids.length < 12) ids.push(next(ids.at(-1)!));
        expect(ids.filter((one) => !isChosenId(one))).toEqual([]);
        expect(new Set(ids).size).toBe(ids.length);
      }),
    );
  });

  test('of long ids that differ in nothing but their end, and of one that already looks like a replay, is another too', () => {
    const long = 'x'.repeat(127);
    const replays = [next(`${long}a`), next(`${long}b`), next('ada~replay-999999'), next('ada')].flatMap((id) => [
      id,
      next(id),
    ]);
    expect(new Set(replays).size).toBe(8);
    expect(replays.every(isChosenId)).toBe(true);
    // A character of two units is cut in the middle: what is left is still text.
    expect(next(`${'🙂'.repeat(64)}`).isWellFormed()).toBe(true);
  });
});
