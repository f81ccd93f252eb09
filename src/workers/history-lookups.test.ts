import { describe, expect, test } from '@jest/globals';
import { Refolds } from '../app/following/refold.ts';
import { FollowedLog } from '../app/following/testing/followed-log.ts';
import type { PendingMessage } from '../domain/conversation/pending-messages.ts';
import type { ConversationStatus, HistoryMessage, HistoryProgress } from '../ports/history.ts';
import { ReadModelUnavailable } from '../ports/read-model.ts';
import { messageReceived, replyCompleted } from '../testing/conversation-events.ts';
import { historyLookups } from './history-lookups.ts';

function said(messageId: string, sequence: number, replyToMessageId = ''): HistoryMessage {
  return {
    messageId,
    conversationId: 'c',
    clientId: 'client',
    sequence,
    role: replyToMessageId === '' ? 'user' : 'assistant',
    parts: [
      { kind: 'text', text: `${messageId}, ` },
      { kind: 'text', text: 'well' },
    ],
    status: 'completed',
    replyToMessageId,
    replyMessageId: '',
    clientMessageId: messageId,
    createTimeMs: 0,
    completeTimeMs: 0,
    model: '',
    failureReason: '',
    failureDetail: '',
    attempt: 1,
  };
}

/** A read model that has come to an offset, and comes no further. With `isReplaced` it begins again while it is asked. */
function lookups(messages: readonly HistoryMessage[], checkpoint: number, isReplaced = false) {
  const progress: HistoryProgress = {
    checkpoint: () => checkpoint,
    reached: async (_partition, offset) => offset <= checkpoint,
    async whole(upTo, _timeoutMs, ask) {
      if ([...upTo.values()].some((offset) => offset > checkpoint)) return null;
      const answer = await ask();
      return isReplaced ? null : { answer };
    },
  };
  const source = {
    getMessage: async (messageId: string) => messages.find((message) => message.messageId === messageId) ?? null,
    conversationStatus: async (conversationId: string): Promise<ConversationStatus> =>
      conversationId === 'c' ? 'present' : conversationId === 'deleted' ? 'deleted' : 'unknown',
    contextBefore: async (_conversationId: string, sequence: number, maxMessages: number) =>
      messages
        .filter((message) => message.sequence < sequence)
        .reverse()
        .slice(0, maxMessages),
  };
  // The log is too long to be folded instead.
  const refolds = {
    historyWaitMs: () => 0,
    past: () => Promise.reject(new ReadModelUnavailable('too long')),
  };
  return historyLookups({ history: source, progress, refolds });
}

test('a message is a repeat when its first record lies before the offset', async () => {
  const past = lookups([said('old', 3), said('new', 10)], 20);
  const pastOf = (messageId: string, conversationId = 'c') => past.past(0, { messageId, conversationId }, 10);
  expect(await pastOf('old')).toBe('repeat');
  expect(await pastOf('new')).toBe('none');
  expect(await pastOf('none')).toBe('none');
  expect(await pastOf('none', 'deleted')).toBe('deleted');
});

// A conversation that a replaced read model did not hold was taken for deleted, and its messages ended STOPPED.
test('nothing is said about a conversation that history lacks, nor of a history that began again', async () => {
  const message = { messageId: 'new', conversationId: 'lacking' };
  await expect(lookups([], 20).past(0, message, 10)).rejects.toMatchObject({ name: 'ReadModelUnavailable' });
  const replaced = lookups([said('old', 3)], 20, true);
  const unavailable = { name: 'ReadModelUnavailable', retryable: true };
  await expect(replaced.past(0, { ...message, conversationId: 'c' }, 10)).rejects.toMatchObject(unavailable);
  const pending = { conversationId: 'c', sequence: 3 } as PendingMessage;
  await expect(replaced.loadHistory(0, pending, 6, undefined)).rejects.toMatchObject(unavailable);
});

test('nothing is said about what history has not come to', async () => {
  const past = lookups([], 5);
  const behind = { name: 'ReadModelUnavailable', retryable: true };
  await expect(past.past(0, { messageId: 'old', conversationId: 'c' }, 6)).rejects.toMatchObject(behind);
  await expect(
    past.loadHistory(0, { conversationId: 'c', sequence: 3 } as PendingMessage, 6, undefined),
  ).rejects.toMatchObject(behind);
});

test('each earlier message stands before its reply, even if the next was sent without waiting for it', async () => {
  const log = [said('1', 0), said('2', 1), said('3', 2), said('reply 1', 3, '1'), said('reply 2', 4, '2')];
  const history = await lookups(log, 5).loadHistory(
    0,
    { conversationId: 'c', sequence: 2 } as PendingMessage,
    5,
    undefined,
  );
  expect(history).toEqual([
    { role: 'user', text: '1, well' },
    { role: 'assistant', text: 'reply 1, well' },
    { role: 'user', text: '2, well' },
    { role: 'assistant', text: 'reply 2, well' },
  ]);
});

test('what else was sent is named by its kind', async () => {
  const voice = { kind: 'voice', mediaId: 'm', contentType: 'audio/mpeg', sizeBytes: 1, sha256: '' } as const;
  const log = [{ ...said('1', 0), parts: [voice] }, said('reply 1', 1, '1')];
  const history = await lookups(log, 2).loadHistory(
    0,
    { conversationId: 'c', sequence: 2 } as PendingMessage,
    2,
    undefined,
  );
  expect(history).toEqual([
    { role: 'user', text: '', media: ['voice'] },
    { role: 'assistant', text: 'reply 1, well' },
  ]);
});

describe('without history', () => {
  const behind: HistoryProgress = { checkpoint: () => 0, reached: async () => false, whole: async () => null };
  const nowhere = () => Promise.reject(new ReadModelUnavailable('away'));
  const source = { getMessage: nowhere, conversationStatus: nowhere, contextBefore: nowhere };

  async function logged(follows: boolean) {
    const log = new FollowedLog();
    const started = { type: 'ConversationStarted', conversationId: 'c', clientId: 'client' } as const;
    await log.append(started, messageReceived('c/1'), replyCompleted('c/1', ''), messageReceived('d/1'));
    const foldedTo = (await log.append(messageReceived('c/2'))) + 1;
    const following = follows ? log.follow() : undefined;
    await following?.caughtUp();
    const remembered = following?.of('c').saidAfter('c', -1);
    const lookups = historyLookups({ history: source, progress: behind, refolds: new Refolds(log) });
    const message = { messageId: 'c/2', conversationId: 'c', sequence: foldedTo - 1 } as PendingMessage;
    return { log, lookups, history: await lookups.loadHistory(0, message, foldedTo, remembered), foldedTo };
  }

  test.each([
    ['the log that the worker follows', true],
    ['the log, folded from its beginning', false],
  ])('the model is given what was said before from %s', async (_, follows) => {
    const { log, history } = await logged(follows);
    await using _log = log;
    expect(history.map(({ role }) => role)).toEqual(['user', 'assistant']);
  });

  test('the log says what is a repeat, and what was deleted', async () => {
    const { log, lookups, foldedTo } = await logged(false);
    await using _log = log;
    const pastOf = (messageId: string, before: number) => lookups.past(0, { messageId, conversationId: 'c' }, before);
    expect(await pastOf('c/1', foldedTo)).toBe('repeat');
    expect(await pastOf('c/3', foldedTo)).toBe('none');
    await log.append({ type: 'ConversationDeleted', conversationId: 'c' });
    expect(await pastOf('c/3', foldedTo + 1)).toBe('deleted');
  });
});
