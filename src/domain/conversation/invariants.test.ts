import { describe, expect, test } from '@jest/globals';
import {
  messageReceived,
  replyCompleted,
  replyFailed,
  replyProgress,
  replyStarted,
  workerClaimed,
} from '../../testing/conversation-events.ts';
import type { ConversationEvent } from './events.ts';
import { checkDraft } from './invariants.ts';
import { evolve, initialPartition } from './partition-state.ts';

const said = (text: string) => ({ parts: [{ kind: 'text', text }] }) as const;

function fold(...events: readonly ConversationEvent[]) {
  return events.reduce((state, event, offset) => evolve(state, event, { offset, timeMs: 0 }), initialPartition);
}

describe('an attempt', () => {
  const received = messageReceived('c/1', said('Say something'));
  const spoken = [replyStarted('c/1', 'a'), replyProgress('c/1', 'a', { offsetBytes: 0, text: 'Grüße' })];
  const before = fold(workerClaimed('a'), received, ...spoken);

  test('may go on from any part of what the log has of the one before, and from no more', () => {
    for (const continuedBytes of [0, 2, 7])
      expect(checkDraft(before, replyStarted('c/1', 'a', 2, continuedBytes))).toBeNull();
    expect(checkDraft(before, replyStarted('c/1', 'a', 2, 8))).toBe(
      'attempt 2 at c/1 goes on from 8 bytes, of which the log has 7',
    );
  });

  test('begins its reply with what the log has of its draft', () => {
    for (const text of ['Grüße', 'Grüße, Welt'])
      expect(checkDraft(before, replyCompleted('c/1', 'a', said(text)))).toBeNull();
    for (const text of ['Grü', 'Hello, Welt', ' Grüße'])
      expect(checkDraft(before, replyCompleted('c/1', 'a', said(text)))).toBe(
        'the reply to c/1 does not begin with what the log has of its draft',
      );
  });

  test('says nothing of the draft of another attempt', () => {
    expect(checkDraft(before, replyCompleted('c/1', 'a', { ...said('Hello'), attempt: 2 }))).toBeNull();
  });

  test('of which nothing can be said, because words were erased, breaks nothing', () => {
    const erased = fold(workerClaimed('a'), { ...received, parts: [] }, ...spoken);
    expect(checkDraft(erased, replyStarted('c/1', 'a', 2, 8))).toBeNull();
    expect(checkDraft(erased, replyCompleted('c/1', 'a', said('Hello')))).toBeNull();
    expect(checkDraft(before, replyCompleted('c/1', 'a', { parts: [] }))).toBeNull();
  });

  test('at a message that is not pending, and what tells nothing of a draft, break nothing', () => {
    expect(checkDraft(before, replyStarted('c/2', 'a', 2, 8))).toBeNull();
    expect(checkDraft(before, replyFailed('c/1', 'a'))).toBeNull();
    expect(checkDraft(before, replyProgress('c/1', 'a', { offsetBytes: 99, text: 'x' }))).toBeNull();
  });
});
