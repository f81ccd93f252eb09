import { describe, expect, test } from '@jest/globals';
import type { AttemptUsage } from '../../domain/conversation/events.ts';
import { contentsInWords, counted, enumerated, timeInWords, usageInWords } from './story-words.ts';

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

describe('what an attempt used', () => {
  const text: AttemptUsage = {
    attempt: 1,
    end: 'completed',
    provider: 'openai',
    model: 'm',
    inputTokens: 1_200,
    cachedInputTokens: 0,
    outputTokens: 1,
    reasoningTokens: 0,
    soundInMs: 0,
    soundOutMs: 0,
    picturesIn: 0,
    picturesOut: 0,
    durationMs: 100,
    estimated: false,
  };

  test.each([
    [{}, 'attempt 1 completed and used 1,200 tokens in, 1 token out'],
    [
      { cachedInputTokens: 800, outputTokens: 30, reasoningTokens: 20 },
      'attempt 1 completed and used 1,200 tokens in (800 tokens from the cache), 30 tokens out (20 tokens of reasoning)',
    ],
    [
      { cost: { microUnits: 12_345, priceVersion: 2 } },
      'attempt 1 completed and used 1,200 tokens in, 1 token out; it cost 12,345 micro-units by price list 2',
    ],
    [
      { attempt: 3, end: 'lost', estimated: true } as const,
      'attempt 3 was lost and used 1,200 tokens in, 1 token out, estimated',
    ],
    [
      { end: 'failed', soundInMs: 2_500, picturesIn: 2, soundOutMs: 900, picturesOut: 1 } as const,
      'attempt 1 failed and used 1,200 tokens in, 1 token out, 2.5 s of sound in, 2 pictures in, 900 ms of sound out, 1 picture out',
    ],
  ])('%o', (over, words) => {
    expect(usageInWords({ ...text, ...over })).toBe(words);
  });
});
