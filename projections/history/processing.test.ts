import { expect, test } from '@jest/globals';
import type { ConversationEvent } from '../../src/domain/conversation/events.ts';
import {
  messageReceived,
  replyCompleted,
  replyFailed,
  replyStarted,
  stopRequested,
  workerClaimed,
} from '../testing/conversation-events.ts';
import type { PartitionDocument } from './document.ts';
import { projectPartition } from './project.ts';

/** Pending messages after these events, `+` in processing. A message is new the first time. */
function pendingAfter(...events: ConversationEvent[]): string[] {
  const seen = new Set<string>();
  let claimId = '';
  let document: PartitionDocument | null = null;
  for (const [offset, event] of events.entries()) {
    if (event.type === 'WorkerClaimed') claimId = event.claimId;
    const isNew = event.type === 'MessageReceived' && !seen.has(event.messageId);
    if (event.type === 'MessageReceived') seen.add(event.messageId);
    document = projectPartition(document, event, { partition: 3, timeMs: 1_000 + offset, claimId, isNew });
  }
  return (document?.pending ?? []).map(({ messageId, processing }) => messageId + (processing ? '+' : ''));
}

test('messages are pending from being received to their final event', () => {
  expect(pendingAfter(messageReceived('a'), messageReceived('b'))).toEqual(['a', 'b']);
  expect(pendingAfter(workerClaimed('claim'), messageReceived('a'), messageReceived('b'), replyStarted('b'))).toEqual([
    'a',
    'b+',
  ]);
  expect(pendingAfter(workerClaimed('claim'), messageReceived('a'), messageReceived('b'), replyCompleted('a'))).toEqual(
    ['b'],
  );
  expect(pendingAfter(workerClaimed('claim'), messageReceived('a'), stopRequested('a'), replyFailed('a'))).toEqual([]);
});

test('a repeat is not pending again', () => {
  expect(pendingAfter(workerClaimed('claim'), messageReceived('a'), replyCompleted('a'), messageReceived('a'))).toEqual(
    [],
  );
});

test('a new claim takes up anew what the former worker had', () => {
  const events = [workerClaimed('claim'), messageReceived('a'), replyStarted('a'), workerClaimed('next')];
  expect(pendingAfter(...events)).toEqual(['a']);
  expect(pendingAfter(...events, replyCompleted('a'), replyStarted('a'))).toEqual(['a']);
  expect(pendingAfter(...events, replyStarted('a', { claimId: 'next', attempt: 2 }))).toEqual(['a+']);
});

test('the document says when each was received', () => {
  const document = projectPartition(null, messageReceived('a'), {
    partition: 3,
    timeMs: 1_234,
    claimId: '',
    isNew: true,
  });
  expect(document).toEqual({ partition: 3, pending: [{ messageId: 'a', receivedAtMs: 1_234, processing: false }] });
});
