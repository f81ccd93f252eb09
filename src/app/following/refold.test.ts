import { afterEach, beforeEach, expect, test } from '@jest/globals';
import {
  messageReceived,
  replyCompleted,
  replyFailed,
  replyStarted,
  workerClaimed,
} from '../../testing/conversation-events.ts';
import { refold } from './refold.ts';
import { FollowedLog } from './testing/followed-log.ts';

let log: FollowedLog;
beforeEach(() => {
  log = new FollowedLog();
});
afterEach(() => log[Symbol.asyncDispose]());

const begun = { type: 'ConversationStarted', conversationId: 'c', clientId: 'client' } as const;

test('a partition folded for one conversation gives what counts of it, in order, and whose it is', async () => {
  await log.append(begun, workerClaimed('A'), messageReceived('c/1'), messageReceived('d/1', { clientId: 'another' }));
  await log.appendUnreadable();
  await log.append(replyStarted('c/1', 'A'), replyCompleted('d/1', 'A'), replyCompleted('c/1', 'B'));
  await log.append(replyCompleted('c/1', 'A'), messageReceived('c/1'), messageReceived('c/2'), replyFailed('c/2', 'A'));
  const past = await refold(log.journal, 0, 'c', 100);
  expect([past.clientId, past.isDeleted]).toEqual(['client', false]);
  expect(past.records.map(({ offset, event, message }) => [offset, event.type, message.messageId])).toEqual([
    [2, 'MessageReceived', 'c/1'],
    [8, 'ReplyCompleted', 'c/1'],
    [10, 'MessageReceived', 'c/2'],
    [11, 'ReplyFailed', 'c/2'],
  ]);
  expect([...past.said].map(([messageId, { offset }]) => [messageId, offset])).toEqual([
    ['c/1', 2],
    ['c/2', 10],
  ]);
});

test('what stands at the offset or later is not part of it', async () => {
  await log.append(begun, messageReceived('c/1'), messageReceived('c/2'));
  const { records } = await refold(log.journal, 0, 'c', 2);
  expect(records.map(({ offset }) => offset)).toEqual([1]);
});

test('a conversation that was deleted has no content, and says that it was', async () => {
  await log.append(begun, messageReceived('c/1'), { type: 'ConversationDeleted', conversationId: 'c' });
  await log.append(replyFailed('c/1', '', 'STOPPED'));
  expect(await refold(log.journal, 0, 'c', 100)).toMatchObject({ clientId: 'client', isDeleted: true, records: [] });
});

test('a conversation that there is not is nobody’s', async () => {
  await log.append(messageReceived('d/1'));
  const past = await refold(log.journal, 0, 'c', 100);
  expect([past.clientId, past.isDeleted, past.said.size, past.records]).toEqual(['', false, 0, []]);
});

test('a partition longer than one read is folded to its end', async () => {
  await log.appendUnreadable(2_500);
  await log.append(begun, messageReceived('c/1'));
  const { records } = await refold(log.journal, 0, 'c', 10_000);
  expect(records.map(({ offset }) => offset)).toEqual([2_501]);
});
