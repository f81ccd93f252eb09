import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { historyWaitMs } from '../../domain/limits.ts';
import { LogUnavailable } from '../../ports/event-log.ts';
import {
  messageReceived,
  replyCompleted,
  replyFailed,
  replyStarted,
  workerClaimed,
} from '../../testing/conversation-events.ts';
import { eventCodec } from '../../testing/event-codec.ts';
import { Journal } from '../journal.ts';
import { keptRefoldMs, missingHistoryWaitMs } from './limits.ts';
import { isAboutMessage } from './recent-records.ts';
import { type ConversationPast, Refolds } from './refold.ts';
import { FollowedLog } from './testing/followed-log.ts';

let log: FollowedLog;
beforeEach(() => {
  log = new FollowedLog();
});
afterEach(() => log[Symbol.asyncDispose]());

function refold(upTo: number, conversationId = 'c'): Promise<ConversationPast> {
  return new Refolds(log).past(0, conversationId, upTo);
}

const begun = { type: 'ConversationStarted', conversationId: 'c', clientId: 'client' } as const;

test('a partition folded for one conversation gives what counts of it, in order, and whose it is', async () => {
  await log.append(begun, workerClaimed('A'), messageReceived('c/1'), messageReceived('d/1', { clientId: 'another' }));
  await log.appendUnreadable();
  await log.append(replyStarted('c/1', 'A'), replyCompleted('d/1', 'A'), replyCompleted('c/1', 'B'));
  await log.append(replyCompleted('c/1', 'A'), messageReceived('c/1'), messageReceived('c/2'), replyFailed('c/2', 'A'));
  const past = await refold(100);
  expect([past.clientId, past.isDeleted]).toEqual(['client', false]);
  expect(
    past.records.filter(isAboutMessage).map(({ offset, event, message }) => [offset, event.type, message.messageId]),
  ).toEqual([
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
  const { records } = await refold(2);
  expect(records.map(({ offset }) => offset)).toEqual([1]);
});

test('a conversation that was deleted has no content, and says that it was', async () => {
  await log.append(begun, messageReceived('c/1'), { type: 'ConversationDeleted', conversationId: 'c' });
  await log.append(replyFailed('c/1', '', 'STOPPED'));
  expect(await refold(100)).toMatchObject({ clientId: 'client', isDeleted: true, records: [] });
});

test('each title of a conversation stands in its place, until it is deleted', async () => {
  const renamed = (title: string) => ({ type: 'ConversationRenamed', conversationId: 'c', title }) as const;
  await log.append(begun, renamed('A'), messageReceived('c/1'), renamed('A'), renamed('B'));
  const { records } = await refold(100);
  expect(records.map(({ offset, event }) => [offset, 'title' in event ? event.title : event.type])).toEqual([
    [1, 'A'],
    [2, 'MessageReceived'],
    [3, 'A'],
    [4, 'B'],
  ]);
  await log.append({ type: 'ConversationDeleted', conversationId: 'c' }, renamed('C'));
  expect(await refold(100)).toMatchObject({ isDeleted: true, records: [] });
});

test('a conversation that there is not is nobody’s', async () => {
  await log.append(messageReceived('d/1'));
  const past = await refold(100);
  expect([past.clientId, past.isDeleted, past.said.size, past.records]).toEqual(['', false, 0, []]);
});

test('a partition longer than one read is folded to its end', async () => {
  await log.appendUnreadable(2_500);
  await log.append(begun, messageReceived('c/1'));
  const { records } = await refold(10_000);
  expect(records.map(({ offset }) => offset)).toEqual([2_501]);
});

/** Counts the records that are read; `failing`: the first read fails. */
function counted(failing = false): { readonly refolds: Refolds; readonly read: () => number } {
  let records = 0;
  let fails = failing;
  const reader = log.server.handle();
  const read = reader.read.bind(reader);
  reader.read = async (...where) => {
    if (fails) {
      fails = false;
      throw new LogUnavailable('refused by the test', 'unknown');
    }
    const batch = await read(...where);
    records += batch.length;
    return batch;
  };
  const journal = new Journal(reader, eventCodec, 'test');
  return { refolds: new Refolds({ journal, clock: log.clock }), read: () => records };
}

test('all who ask while a pass is under way share the next', async () => {
  await log.append(begun, messageReceived('c/1'), messageReceived('d/1'), messageReceived('e/1'));
  const { refolds, read } = counted();
  const pasts = await Promise.all(['c', 'd', 'e', 'c'].map((conversationId) => refolds.past(0, conversationId, 4)));
  expect(pasts.map(({ records }) => records.map(({ offset }) => offset))).toEqual([[1], [2], [3], [1]]);
  expect(read()).toBe(4);
});

test('what was folded is gone on with, until nobody has asked for it for long', async () => {
  await log.append(begun, messageReceived('c/1'));
  const { refolds, read } = counted();
  await refolds.past(0, 'c', 2);
  await log.append(messageReceived('c/2'));
  expect((await refolds.past(0, 'c', 3)).records.map(({ offset }) => offset)).toEqual([1, 2]);
  expect(read()).toBe(3);
  log.clock.advance(keptRefoldMs);
  refolds.historyWaitMs(0);
  await refolds.past(0, 'c', 3);
  expect(read()).toBe(6);
});

// Cause: while projectors were away, each message whose model reads history waited 5 s for it before the log was folded.
test('history is waited for a moment only while its partition is folded instead of it', async () => {
  await log.append(begun, messageReceived('c/1'));
  const { refolds } = counted();
  expect(refolds.historyWaitMs(0)).toBe(historyWaitMs);
  await refolds.past(0, 'c', 2);
  expect([0, 1].map((partition) => refolds.historyWaitMs(partition))).toEqual([missingHistoryWaitMs, historyWaitMs]);
  log.clock.advance(keptRefoldMs);
  expect(refolds.historyWaitMs(0)).toBe(historyWaitMs);
});

test('who was asked for before stays, when another is asked for', async () => {
  await log.append(begun, messageReceived('c/1'), messageReceived('d/1'));
  const { refolds, read } = counted();
  await refolds.past(0, 'c', 3);
  await refolds.past(0, 'd', 3);
  expect(read()).toBe(6);
  expect((await refolds.past(0, 'c', 3)).records).toHaveLength(1);
  expect(read()).toBe(6);
});

test('after a read that failed the next one goes on', async () => {
  await log.append(begun, messageReceived('c/1'));
  const { refolds } = counted(true);
  await expect(refolds.past(0, 'c', 2)).rejects.toThrow(LogUnavailable);
  expect((await refolds.past(0, 'c', 2)).records).toHaveLength(1);
});
