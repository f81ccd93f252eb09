import { expect, test } from '@jest/globals';
import type { LiveEvent, LivePiece } from '../../ports/live-bus.ts';
import { HeldPieces } from './held-pieces.ts';

function piece(replyMessageId: string, attempt: number, text: string): LivePiece {
  return { type: 'piece', messageId: 'm', replyMessageId, attempt, offsetBytes: 0, text };
}

const textsOf = (events: readonly LiveEvent[]) => events.map((event) => (event.type === 'piece' ? event.text : ''));

test('pieces that are held are given once, by attempt and in the order in which they came', () => {
  const held = new HeldPieces(10_000);
  for (const one of [piece('r', 1, 'a'), piece('r', 2, 'b'), piece('s', 1, 'c'), piece('r', 1, 'd')]) held.push(one);
  expect(textsOf(held.take('r', 1))).toEqual(['a', 'd']);
  expect(held.take('r', 1)).toEqual([]);
  expect([textsOf(held.take('r', 2)), textsOf(held.take('s', 1))]).toEqual([['b'], ['c']]);
});

test('pieces of a reply that has its end are held no longer, of whatever attempt', () => {
  const held = new HeldPieces(10_000);
  for (const one of [piece('r', 1, 'a'), piece('s', 1, 'b'), piece('r', 2, 'c')]) held.push(one);
  held.drop('r');
  expect([held.take('r', 1), held.take('r', 2)]).toEqual([[], []]);
  expect(textsOf(held.take('s', 1))).toEqual(['b']);
});

test('no more is held than the limit, and what was taken or dropped makes room', () => {
  const held = new HeldPieces(10_000);
  const text = 'x'.repeat(4_000);
  for (const replyMessageId of ['r', 's', 't']) held.push(piece(replyMessageId, 1, text));
  expect(held.take('t', 1)).toEqual([]);
  held.drop('r');
  held.push(piece('t', 1, text));
  held.push(piece('u', 1, text));
  expect(['s', 't', 'u'].map((replyMessageId) => held.take(replyMessageId, 1).length)).toEqual([1, 1, 0]);
});
