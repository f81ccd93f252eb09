import { describe, expect, test } from '@jest/globals';
import { ConversationIndex } from './conversation-index.ts';

describe('the index of conversations', () => {
  test('knows whose each is from the first record that says so, and for ever', () => {
    const index = new ConversationIndex(0, 10);
    expect(index.ownerOf('c')).toBeUndefined();
    index.note('c', '', 0);
    expect(index.ownerOf('c')).toBeUndefined();
    index.note('c', 'ann', 1);
    index.note('c', 'bob', 2);
    index.note('c', '', 3);
    expect(index.ownerOf('c')).toBe('ann');
  });

  test('says that a conversation is quiet only where it has seen everything since', () => {
    const index = new ConversationIndex(10, 10);
    index.note('c', 'ann', 12);
    expect([11, 12, 13].map((offset) => index.isQuietAfter('c', offset))).toEqual([false, true, true]);
    expect([8, 9, 10].map((offset) => index.isQuietAfter('d', offset))).toEqual([false, true, true]);
  });

  test('forgets conversations in which nothing was said for longest, and knows from where on it knows all', () => {
    const index = new ConversationIndex(0, 4);
    for (const [offset, conversationId] of ['c', 'd', 'e', 'f'].entries()) index.note(conversationId, 'ann', offset);
    expect(index.completeFrom).toBe(0);
    index.note('c', '', 4);
    expect(index.completeFrom).toBe(2);
    expect(['c', 'd', 'e', 'f'].map((conversationId) => index.ownerOf(conversationId))).toEqual([
      'ann',
      undefined,
      'ann',
      'ann',
    ]);
    expect([0, 1].map((offset) => index.isQuietAfter('d', offset))).toEqual([false, true]);
    expect([3, 4].map((offset) => index.isQuietAfter('c', offset))).toEqual([false, true]);
  });
});
