import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assertProperty } from '../../testing/property.ts';
import { Reasoning } from './reasoning.ts';

function answerOf(pieces: readonly string[]): string {
  const reasoning = new Reasoning();
  return pieces.map((piece) => reasoning.answerIn(piece)).join('') + reasoning.end();
}

// Cause: of a model behind a server without a reasoning parser, all its thoughts were shown, and kept, as the answer.
test.each([
  ['a thought', '<think>The user greets me.</think>\n\nHello!', 'Hello!'],
  ['a thought behind white space', '\n<think>\nWell.\n</think>Hello!', 'Hello!'],
  ['an empty thought', '<think></think>Hello!', 'Hello!'],
  ['a thought without an end', '<think>Well, well', ''],
  ['no thought', ' Hello!', ' Hello!'],
  ['the sign behind other text', 'Write <think>a</think>.', 'Write <think>a</think>.'],
  ['another sign', '<thing>', '<thing>'],
  ['the beginning of the sign', '<thi', '<thi'],
  ['a second thought, which is text', '<think>a</think>b<think>c</think>', 'b<think>c</think>'],
])('of %s only the answer is left, wherever it is cut', (_what, text, answer) => {
  assertProperty(
    fc.property(fc.array(fc.nat({ max: text.length }), { maxLength: 8 }), (cuts) => {
      const bounds = [0, ...cuts.toSorted((a, b) => a - b), text.length];
      expect(answerOf(bounds.slice(0, -1).map((from, index) => text.slice(from, bounds[index + 1])))).toBe(answer);
    }),
    { numRuns: 200 },
  );
});
