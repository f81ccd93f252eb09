import { expect, test } from '@jest/globals';
import { contentsInWords, counted, enumerated, timeInWords } from './story-words.ts';

test.each([
  [-5_000, '0 ms'],
  [0, '0 ms'],
  [999, '999 ms'],
  [1_000, '1 s'],
  [59_999, '59.9 s'],
  [60_000, '1 min 0 s'],
  [3_599_999, '59 min 59 s'],
  [100 * 60_000, '1 h 40 min'],
])('%i milliseconds are %s', (ms, words) => {
  expect(timeInWords(ms)).toBe(words);
});

test('counts with commas, and one of a thing is one', () => {
  expect([0, 1, 1_234, 12_345_678].map((count) => counted(count, 'byte'))).toEqual([
    '0 bytes',
    '1 byte',
    '1,234 bytes',
    '12,345,678 bytes',
  ]);
});

test('enumerates none, one, two, three', () => {
  expect([[], ['a'], ['a', 'b'], ['a', 'b', 'c']].map(enumerated)).toEqual(['', 'a', 'a and b', 'a, b and c']);
});

test('a message without parts, as one whose words were taken out of the log, consists of nothing', () => {
  expect(contentsInWords([])).toBe('nothing');
  expect(contentsInWords([{ kind: 'text', text: '' }])).toBe('text of 0 characters');
});
