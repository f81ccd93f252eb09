import { describe, expect, test } from '@jest/globals';
import type { ConversationEvent, ReplyCompleted } from '../../src/domain/conversation/events.ts';
import {
  conversationDeleted,
  conversationErased,
  conversationRenamed,
  conversationStarted,
  media,
  messageReceived,
  replyCompleted,
  replyFailed,
  replyIdOf,
  replyProgress,
  replyStarted,
  stopRequested,
  text,
} from '../testing/conversation-events.ts';
import type { ConversationDocument, MessageDocument } from './document.ts';
import { projectConversation, projectMessage, projectReply, remainsOf } from './project.ts';

const at = (offset: number) => ({ offset, timeMs: 1_000 + offset });

/** The message after these events, the first at offset 0, all under the claim in force unless they name another. */
function messageAfter(...events: ConversationEvent[]): MessageDocument | null {
  return events.reduce<MessageDocument | null>(
    (message, event, offset) => projectMessage(message, event, at(offset), 'claim'),
    null,
  );
}

function conversationAfter(...events: ConversationEvent[]): ConversationDocument | null {
  let conversation: ConversationDocument | null = null;
  const messages = new Map<string, MessageDocument | null>();
  for (const [offset, event] of events.entries()) {
    const id = 'messageId' in event ? event.messageId : '';
    messages.set(id, projectMessage(messages.get(id) ?? null, event, at(offset), 'claim'));
    conversation = projectConversation(conversation, event, at(offset), messages.get(id) ?? null);
  }
  return conversation;
}

describe('a message', () => {
  test('is queued when it was received', () => {
    expect(messageAfter(messageReceived('m'))).toEqual({
      messageId: 'm',
      conversationId: 'talk',
      clientId: 'ann',
      sequence: 0,
      role: 'user',
      parts: [{ kind: 'text', text: 'words of m' }],
      status: 'queued',
      replyToMessageId: '',
      replyMessageId: '',
      clientMessageId: 'client-m',
      timeZone: 'Europe/Paris',
      createTimeMs: 1_000,
      completeTimeMs: null,
      model: '',
      failureReason: '',
      failureDetail: '',
      attempt: 0,
      changedSequence: 0,
      finalSequence: null,
    });
  });

  test('received again changes nothing, whatever it says now', () => {
    const once = messageAfter(messageReceived('m'));
    const repeat = messageReceived('m', { parts: [{ kind: 'text', text: 'something else' }], clientId: 'bob' });
    expect(projectMessage(once, repeat, at(9), 'claim')).toBe(once);
  });

  test('is in processing once a worker began, with the attempt', () => {
    expect(messageAfter(messageReceived('m'), replyStarted('m'))).toMatchObject({
      status: 'processing',
      attempt: 1,
      changedSequence: 1,
    });
    expect(messageAfter(messageReceived('m'), replyStarted('m'), replyStarted('m', { attempt: 2 }))).toMatchObject({
      attempt: 2,
    });
  });

  test('is completed by its reply, and pending no more', () => {
    const message = messageAfter(messageReceived('m'), replyStarted('m'), replyCompleted('m'));
    expect(message).toMatchObject({
      status: 'completed',
      replyMessageId: replyIdOf('m'),
      completeTimeMs: 1_002,
      finalSequence: 2,
      changedSequence: 2,
      sequence: 0,
    });
    expect(message?.unansweredIn).toBeUndefined();
  });

  test('is completed without its start ever having been recorded', () => {
    expect(messageAfter(messageReceived('m'), replyCompleted('m'))).toMatchObject({
      status: 'completed',
      finalSequence: 1,
    });
  });

  test('is failed with the reason when it was given up, and found among the unanswered', () => {
    const message = messageAfter(messageReceived('m'), replyFailed('m', { reason: 'POISON' }));
    expect(message).toMatchObject({
      status: 'failed',
      failureReason: 'POISON',
      failureDetail: 'gave up',
      unansweredIn: 'talk',
      finalSequence: 1,
    });
  });

  test('is stopped when its reply was, or when it was stopped before one began', () => {
    expect(
      messageAfter(messageReceived('m'), stopRequested('m'), replyCompleted('m', { outcome: 'stopped' })),
    ).toMatchObject({
      status: 'stopped',
      replyMessageId: replyIdOf('m'),
    });
    expect(
      messageAfter(messageReceived('m'), stopRequested('m'), replyFailed('m', { reason: 'STOPPED' })),
    ).toMatchObject({
      status: 'stopped',
      replyMessageId: '',
      unansweredIn: 'talk',
    });
  });

  test('is not changed by a wish to stop alone', () => {
    const message = messageAfter(messageReceived('m'));
    expect(projectMessage(message, stopRequested('m'), at(1), 'claim')).toBe(message);
  });

  test.each([
    ['start', replyStarted('m', { claimId: 'stale' })],
    ['reply', replyCompleted('m', { claimId: 'stale' })],
    ['failure', replyFailed('m', { claimId: 'stale' })],
  ])('ignores the %s of a worker whose claim is over', (_name, event) => {
    const message = messageAfter(messageReceived('m'));
    expect(projectMessage(message, event, at(1), 'claim')).toBe(message);
  });

  test.each([
    ['start', replyStarted('m', { attempt: 2 })],
    ['reply', replyCompleted('m', { attempt: 2 })],
    ['failure', replyFailed('m', { attempt: 2 })],
  ])('ignores a %s after its final event: the first one counts', (_name, event) => {
    const failed = messageAfter(messageReceived('m'), replyFailed('m'));
    expect(projectMessage(failed, event, at(2), 'claim')).toBe(failed);
    const answered = messageAfter(messageReceived('m'), replyCompleted('m'));
    expect(projectMessage(answered, event, at(2), 'claim')).toBe(answered);
  });

  test('ignores what is said of it before it was received', () => {
    expect(messageAfter(replyCompleted('m'))).toBeNull();
  });
});

describe('a reply', () => {
  const reply = (event: ReplyCompleted, ...before: ConversationEvent[]) =>
    projectReply(projectMessage(messageAfter(...before), event, at(before.length), 'claim'), event, at(before.length));

  test('is a message of the assistant at its own place', () => {
    expect(reply(replyCompleted('m', { attempt: 2 }), messageReceived('m'))).toMatchObject({
      messageId: replyIdOf('m'),
      conversationId: 'talk',
      clientId: 'ann',
      sequence: 1,
      role: 'assistant',
      parts: [{ kind: 'text', text: 'answer to m' }],
      status: 'completed',
      replyToMessageId: 'm',
      model: 'parrot',
      createTimeMs: 1_001,
      completeTimeMs: 1_001,
      attempt: 2,
    });
  });

  test('keeps what was said until it was stopped', () => {
    expect(reply(replyCompleted('m', { outcome: 'stopped' }), messageReceived('m'))).toMatchObject({
      status: 'stopped',
      parts: [{ kind: 'text', text: 'answer to m' }],
    });
  });

  test('is none when its event does not count', () => {
    expect(reply(replyCompleted('m', { claimId: 'stale' }), messageReceived('m'))).toBeNull();
    expect(reply(replyCompleted('m'), messageReceived('m'), replyFailed('m'))).toBeNull();
    expect(reply(replyCompleted('m'))).toBeNull();
  });
});

describe('when the conversation is deleted', () => {
  const remains = {
    messageId: 'm',
    conversationId: 'talk',
    clientId: 'ann',
    sequence: 0,
    parts: [],
    clientMessageId: '',
    timeZone: '',
    deleted: true,
  };

  test('a message is left as nothing but its place and where it ended, whatever had become of it', () => {
    for (const events of [[], [replyStarted('m')], [replyCompleted('m')], [replyFailed('m')]]) {
      const message = messageAfter(messageReceived('m'), ...events) as MessageDocument;
      const left = remainsOf(message);
      expect(left).toMatchObject(remains);
      const { finalSequence } = message;
      const place = remainsOf(messageAfter(messageReceived('m', { parts: [] })) as MessageDocument);
      expect(left).toEqual({ ...place, finalSequence });
      expect(left && remainsOf(left)).toBe(left);
      const later = projectMessage(left, replyCompleted('m'), at(9), 'claim');
      expect(later).toEqual({ ...place, finalSequence: finalSequence ?? 9 });
      expect(later && projectReply(later, replyCompleted('m'), at(9))).toBeNull();
    }
  });

  test('of a reply nothing is left', () => {
    const message = messageAfter(messageReceived('m'), replyCompleted('m'));
    const reply = projectReply(message, replyCompleted('m'), at(1)) as MessageDocument;
    expect(remainsOf(reply)).toBeNull();
  });

  test('of a message that comes later only its place is kept', () => {
    expect(projectMessage(null, messageReceived('m'), at(0), 'claim', true)).toMatchObject(remains);
  });
});

describe('a conversation', () => {
  test('begins without title, messages or a place in the list', () => {
    expect(conversationAfter(conversationStarted())).toEqual({
      conversationId: 'talk',
      clientId: 'ann',
      title: '',
      createTimeMs: 1_000,
      updateTimeMs: 1_000,
      messageCount: 0,
      lastSequence: -1,
      firstSequence: 0,
      sentMessages: 0,
      historyBytes: 0,
      deleted: false,
    });
  });

  test('counts the instructions of a message to what its client stores', () => {
    const plain = conversationAfter(conversationStarted(), messageReceived('m'));
    const instructed = conversationAfter(conversationStarted(), messageReceived('m', { instructions: 'é' }));
    expect(instructed).toEqual({ ...plain, historyBytes: (plain?.historyBytes ?? 0) + 2 });
  });

  test('takes its title from the first words, and counts what is said', () => {
    expect(
      conversationAfter(
        conversationStarted(),
        messageReceived('m'),
        replyStarted('m'),
        replyCompleted('m'),
        messageReceived('n'),
      ),
    ).toMatchObject({ title: 'words of m', messageCount: 3, lastSequence: 4, updateTimeMs: 1_004, listedFor: 'ann' });
  });

  const family = '👨‍👩‍👧‍👦';

  test.each([
    ['one line', '  many\n\twords ', 'many words'],
    ['80 characters', 'x'.repeat(100), 'x'.repeat(80)],
    ['none cut in half', `many words ${'😀'.repeat(100)}`, `many words ${'😀'.repeat(69)}`],
    ['none of several signs cut in half', family.repeat(20), family.repeat(20)],
    ['none cut where only the beginning is looked at', family.repeat(200), family.repeat(58)],
    ['accents with their letters', `${'e\u0301'.repeat(79)}e\u0301e\u0301`, 'e\u0301'.repeat(80)],
  ])('makes a title of %s', (_name, words, title) => {
    expect(conversationAfter(messageReceived('m', { parts: [text(words)] }))?.title).toBe(title);
  });

  test.each([
    ['words, wherever they stand', [media('p', 'video'), text('look '), text('here')], 'look here'],
    ['media, when nothing was said', [media('v', 'voice'), media('p')], 'Voice message'],
    ['a video', [media('v', 'video')], 'Video'],
    ['a picture', [text(' '), media('p', 'image')], 'Picture'],
  ])('is named after %s', (_name, parts, title) => {
    expect(conversationAfter(messageReceived('m', { parts }), messageReceived('n'))?.title).toBe(title);
  });

  test('does not count repeats, nor replies that do not count', () => {
    const once = conversationAfter(conversationStarted(), messageReceived('m'), replyCompleted('m'));
    expect(
      conversationAfter(
        conversationStarted(),
        messageReceived('m'),
        replyCompleted('m'),
        conversationStarted(),
        messageReceived('m'),
        replyCompleted('m'),
        replyFailed('m'),
        replyCompleted('m', { claimId: 'stale' }),
      ),
    ).toEqual(once);
  });

  test('keeps the title it was given', () => {
    expect(conversationAfter(conversationStarted(), conversationRenamed('Plans'), messageReceived('m'))).toMatchObject({
      title: 'Plans',
    });
    expect(conversationAfter(conversationStarted(), messageReceived('m'), conversationRenamed('Plans'))).toMatchObject({
      title: 'Plans',
      titleSequence: 2,
      updateTimeMs: 1_002,
    });
  });

  test('knows where it got the title that somebody gave it, the same again as well', () => {
    const named = conversationAfter(conversationStarted(), messageReceived('m'), replyCompleted('m'));
    expect(named).not.toHaveProperty('titleSequence');
    const twice = [conversationRenamed('Plans'), conversationRenamed('Plans')];
    expect(conversationAfter(conversationStarted(), ...twice, messageReceived('m'))).toMatchObject({
      title: 'Plans',
      titleSequence: 2,
    });
    expect(conversationAfter(conversationStarted(), ...twice, conversationDeleted())).not.toHaveProperty(
      'titleSequence',
    );
  });

  test('that was deleted says no more than that, whatever is said later', () => {
    const deleted = conversationAfter(conversationStarted(), messageReceived('m'), conversationDeleted());
    expect(deleted).toEqual({
      conversationId: 'talk',
      clientId: 'ann',
      title: '',
      createTimeMs: 1_000,
      updateTimeMs: 1_002,
      messageCount: 0,
      lastSequence: -1,
      firstSequence: 0,
      sentMessages: 1,
      historyBytes: 0,
      deleted: true,
      unerasedSinceMs: 1_002,
    });
    expect(
      conversationAfter(
        conversationStarted(),
        messageReceived('m'),
        conversationDeleted(),
        replyCompleted('m'),
        messageReceived('n'),
        conversationRenamed('Plans'),
        conversationDeleted(),
      ),
    ).toEqual({ ...deleted, saidLateSequence: 5 });
  });

  test('waits to be erased until it was, and again when something was said there since', () => {
    const begun = [conversationStarted(), messageReceived('m'), conversationDeleted()];
    expect(conversationAfter(...begun)?.unerasedSinceMs).toBe(1_002);
    expect(conversationAfter(...begun, conversationErased())?.unerasedSinceMs).toBeUndefined();
    expect(conversationAfter(...begun, conversationErased(), replyFailed('m'))?.unerasedSinceMs).toBeUndefined();
    expect(conversationAfter(...begun, conversationErased(), messageReceived('n'))?.unerasedSinceMs).toBe(1_002);
    // A worker that had stalled tells late what it had said until then.
    expect(conversationAfter(...begun, conversationErased(), replyProgress('m', 'late'))?.unerasedSinceMs).toBe(1_002);
    expect(conversationAfter(conversationStarted(), conversationErased())?.unerasedSinceMs).toBeUndefined();
    const saidMeanwhile = [...begun, messageReceived('n')];
    expect(conversationAfter(...saidMeanwhile, conversationErased('talk', 2))?.unerasedSinceMs).toBe(1_002);
    expect(conversationAfter(...saidMeanwhile, conversationErased('talk', 3))?.unerasedSinceMs).toBeUndefined();
  });

  test('waits on after an erasure that found fewer records than it has messages', () => {
    const begun = [conversationStarted(), messageReceived('m'), messageReceived('n'), conversationDeleted()];
    expect(conversationAfter(...begun, { ...conversationErased(), records: 1 })?.unerasedSinceMs).toBe(1_003);
    expect(conversationAfter(...begun, { ...conversationErased(), records: 2 })?.unerasedSinceMs).toBeUndefined();
  });

  test('that nobody began is neither renamed nor deleted', () => {
    expect(conversationAfter(conversationRenamed('Plans'), conversationDeleted())).toBeNull();
  });
});
