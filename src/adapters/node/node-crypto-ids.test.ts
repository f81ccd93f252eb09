import { expect, test } from '@jest/globals';
import { nodeCryptoIds } from './node-crypto-ids.ts';

test('derived ids and partitions are those that older logs hold', () => {
  expect(nodeCryptoIds.messageId('conversation', 'first')).toBe('wQ9E6vRJnnkBIqnUcHke75');
  expect(nodeCryptoIds.replyMessageId('message')).toBe('message-r');
  expect(['a', 'b', 'c', 'd'].map((id) => nodeCryptoIds.partition(id, 10))).toEqual([7, 1, 5, 6]);
});

test('the border between conversation and client message id counts', () => {
  expect(nodeCryptoIds.messageId('ab', 'c')).not.toBe(nodeCryptoIds.messageId('a', 'bc'));
  expect(nodeCryptoIds.messageId('a:b', 'c')).not.toBe(nodeCryptoIds.messageId('a', 'b:c'));
});

test('unique ids and tokens do not repeat, and a token has 256 bits', () => {
  const ids = new Set(Array.from({ length: 1_000 }, () => nodeCryptoIds.unique()));
  expect(ids.size).toBe(1_000);
  const token = nodeCryptoIds.token();
  expect(Buffer.from(token, 'base64url')).toHaveLength(32);
  expect(nodeCryptoIds.hash(token)).toBe(nodeCryptoIds.hash(token));
  expect(nodeCryptoIds.hash(token)).not.toContain(token);
});
