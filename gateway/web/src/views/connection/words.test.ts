import { describe, expect, test } from '@jest/globals';
import type { Connection, Refusal } from '../../client/app.ts';
import { connectionWords, ordinal } from './words.ts';

const refusal: Refusal = { reason: 'X', title: 'It did not work.', advice: 'Do this.', retryable: false };

test.each([
  [1, '1st'],
  [2, '2nd'],
  [3, '3rd'],
  [4, '4th'],
  [11, '11th'],
  [22, '22nd'],
  [113, '113th'],
])('%i is %s', (place, words) => expect(ordinal(place)).toBe(words));

describe('the state of the connection', () => {
  const acts: readonly [Connection, string, string | undefined][] = [
    [{ kind: 'connecting' }, 'Connecting…', undefined],
    [{ kind: 'waiting', place: 1 }, 'Next in line', undefined],
    [{ kind: 'waiting', place: 3 }, '3rd in line', undefined],
    [{ kind: 'connected' }, 'Connected', undefined],
    [{ kind: 'reconnecting', atMs: 0, offline: false }, 'Reconnecting', undefined],
    [{ kind: 'reconnecting', atMs: 0, offline: true }, 'Offline', undefined],
    [{ kind: 'resting', because: refusal }, 'Resting', 'Connect'],
    [{ kind: 'other-tab' }, 'Open in another tab', 'Use here'],
    [{ kind: 'elsewhere' }, 'On another device', 'End it there, go on here'],
    [{ kind: 'taken-over' }, 'Taken over', 'Take back'],
    [{ kind: 'refused', refusal }, 'Not connected', 'Try again'],
  ];

  test.each(acts)('%j is told shortly, with what can be done', (connection, short, act) => {
    const words = connectionWords(connection);
    expect([words.short, words.notice?.act]).toEqual([short, act]);
  });

  test('a refusal is told in its own words', () => {
    expect(connectionWords({ kind: 'refused', refusal }).notice).toMatchObject({
      title: refusal.title,
      advice: refusal.advice,
    });
  });

  test('a connection that is merely being made is not explained', () => {
    expect(connectionWords({ kind: 'connecting' }).notice).toBeUndefined();
    expect(connectionWords({ kind: 'connected' }).notice).toBeUndefined();
  });
});
