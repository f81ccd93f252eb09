import { create } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { AcceptedSchema } from '../../../../src/client/gen/chat/v1/chat_service_pb.js';
import { type Message, MessageSchema, MessageStatus, Role } from '../../../../src/client/gen/chat/v1/content_pb.js';
import { assertProperty } from '../../../../src/testing/property.ts';
import { Transcript } from './transcript.ts';

function said(n: number, sequence: number, status = MessageStatus.COMPLETED, failureReason = ''): Message {
  return create(MessageSchema, {
    messageId: `m${n}`,
    clientMessageId: `c${n}`,
    conversationId: 'talk',
    sequence: BigInt(sequence),
    role: Role.USER,
    status,
    failureReason,
    createTime: timestampFromMs(sequence),
    parts: [{ value: { case: 'text', value: `question ${n}` } }],
  });
}

function replied(n: number, sequence: number, status = MessageStatus.COMPLETED): Message {
  return create(MessageSchema, {
    messageId: `r${n}`,
    replyToMessageId: `m${n}`,
    conversationId: 'talk',
    sequence: BigInt(sequence),
    role: Role.ASSISTANT,
    status,
    createTime: timestampFromMs(sequence),
    parts: [{ value: { case: 'text', value: `answer ${n}` } }],
  });
}

function accepted(n: number, sequence: number) {
  return create(AcceptedSchema, {
    clientMessageId: `c${n}`,
    messageId: `m${n}`,
    conversationId: 'talk',
    sequence: BigInt(sequence),
    createTime: timestampFromMs(sequence),
  });
}

function started(n: number) {
  return { messageId: `m${n}`, replyMessageId: `r${n}` };
}

function grown(n: number, text: string) {
  return { replyMessageId: `r${n}`, text };
}

function lines(transcript: Transcript): string[] {
  return transcript.entries.value.map(({ message: { value } }) => {
    const text = value.parts.map((part) => (part.kind === 'text' ? part.text : part.kind)).join();
    return `${value.status}: ${text}`;
  });
}

function say(transcript: Transcript, n: number): void {
  transcript.say(`c${n}`, [{ kind: 'text', text: `question ${n}` }], new Date(0));
}

describe('a transcript', () => {
  test('leads a message from its sending to its reply, as the same entry', () => {
    const transcript = new Transcript();
    say(transcript, 1);
    const [entry] = transcript.entries.value;
    expect(lines(transcript)).toEqual(['sending: question 1']);
    expect(transcript.accepted(accepted(1, 5))).toBe(true);
    expect(transcript.accepted(accepted(1, 5))).toBe(false);
    expect(lines(transcript)).toEqual(['queued: question 1']);
    transcript.replyStarted(started(1));
    transcript.replyGrown(grown(1, 'an'));
    transcript.replyGrown(grown(1, 'sw'));
    expect(lines(transcript)).toEqual(['processing: question 1', 'growing: answ']);
    const growing = transcript.entries.value[1];
    expect(transcript.message(replied(1, 6))).toBe('answer 1');
    expect(transcript.message(replied(1, 6))).toBeUndefined();
    // What the chat draws of it then is there.
    transcript.replyRestarted(started(1));
    transcript.replyGrown(grown(1, 'er 1'));
    expect(lines(transcript)).toEqual(['completed: question 1', 'completed: answer 1']);
    expect(transcript.entries.value).toEqual([entry, growing]);
  });

  test('says until when a reply waits for its model, until it is asked again or the reply has its end', () => {
    const transcript = new Transcript();
    say(transcript, 1);
    transcript.accepted(accepted(1, 5));
    transcript.replyStarted(started(1));
    const waits = () => transcript.entries.value[1]?.message.value.retry !== undefined;
    const delayed = { ...started(1), retryDelay: durationFromMs(9_000), reason: 'PROVIDER_BUSY' };
    transcript.replyDelayed(delayed);
    const { retry } = transcript.entries.value[1]?.message.value ?? {};
    expect(retry).toEqual({ atMs: expect.any(Number), why: 'The model is busy' });
    expect(retry?.atMs).toBeGreaterThan(performance.now());
    transcript.replyStarted(started(1));
    expect(waits()).toBe(false);
    transcript.replyDelayed(delayed);
    transcript.replyRestarted(started(1));
    expect(waits()).toBe(false);
    transcript.replyDelayed(delayed);
    transcript.message(replied(1, 6));
    expect(waits()).toBe(false);
    transcript.replyDelayed(delayed);
    expect(waits()).toBe(false);
  });

  test('shows a reply beneath what it answers, so that nothing moves', () => {
    const transcript = new Transcript();
    for (const n of [1, 2]) say(transcript, n);
    transcript.accepted(accepted(1, 5));
    transcript.replyStarted(started(1));
    transcript.accepted(accepted(2, 6));
    say(transcript, 3);
    const keys = transcript.entries.value.map(({ key }) => key);
    transcript.message(replied(1, 7));
    expect(transcript.entries.value.map(({ key }) => key)).toEqual(keys);
    expect(lines(transcript)).toEqual([
      'completed: question 1',
      'completed: answer 1',
      'queued: question 2',
      'sending: question 3',
    ]);
  });

  test('drops what was drawn when a later attempt begins, and when there will be no reply', () => {
    const transcript = new Transcript();
    transcript.message(said(1, 5, MessageStatus.QUEUED));
    transcript.replyStarted(started(1));
    transcript.replyGrown(grown(1, 'wrong'));
    transcript.replyRestarted(started(1));
    expect(lines(transcript)).toEqual(['processing: question 1', 'growing: ']);
    transcript.replyGrown(grown(1, 'right'));
    expect(lines(transcript)).toEqual(['processing: question 1', 'growing: right']);
    transcript.failed({ messageId: 'm1', reason: 'PROVIDER_FAILED', detail: '' });
    expect(lines(transcript)).toEqual(['failed: question 1']);
    expect(transcript.entries.value[0]?.message.value.refusal?.reason).toBe('PROVIDER_FAILED');
  });

  test('does not let history that is behind undo what streams have told', () => {
    const transcript = new Transcript();
    transcript.accepted(accepted(1, 5));
    transcript.message(said(1, 5, MessageStatus.QUEUED));
    transcript.message(replied(1, 6));
    transcript.page([said(1, 5, MessageStatus.PROCESSING)]);
    expect(lines(transcript)).toEqual(['completed: question 1', 'completed: answer 1']);
  });

  test('resumes before the oldest message without an answer', () => {
    const transcript = new Transcript();
    expect(transcript.resumeAfter).toBe(0);
    transcript.page([
      said(1, 5),
      replied(1, 7),
      said(2, 8, MessageStatus.PROCESSING),
      said(3, 9, MessageStatus.QUEUED),
    ]);
    expect(transcript.resumeAfter).toBe(7);
    transcript.message(replied(2, 12));
    expect(transcript.resumeAfter).toBe(8);
    transcript.failed({ messageId: 'm3', reason: 'STOPPED', detail: '' });
    expect(transcript.resumeAfter).toBe(12);
  });

  test('marks a reply that did not come to its end', () => {
    const transcript = new Transcript();
    transcript.page([said(1, 1), { ...replied(1, 4), incomplete: true }]);
    expect(lines(transcript)).toEqual(['completed: question 1', 'incomplete: answer 1']);
    // Cause: the message that was waiting for it was marked as well.
    transcript.message(said(2, 5, MessageStatus.QUEUED));
    transcript.message({ ...replied(2, 8), incomplete: true });
    expect(lines(transcript).slice(2)).toEqual(['completed: question 2', 'incomplete: answer 2']);
  });

  test('is the same whatever order its messages come in, and however often', () => {
    const all = [
      said(1, 1),
      replied(1, 4),
      said(2, 2),
      replied(2, 6, MessageStatus.STOPPED),
      said(3, 3, MessageStatus.FAILED, 'POISON'),
      said(4, 7, MessageStatus.QUEUED),
    ];
    const expected = new Transcript();
    expected.page(all);
    expect(lines(expected)).toEqual([
      'completed: question 1',
      'completed: answer 1',
      'completed: question 2',
      'stopped: answer 2',
      'failed: question 3',
      'queued: question 4',
    ]);
    const anyOrder = fc.shuffledSubarray([...all, ...all], { minLength: 0 });
    assertProperty(
      fc.property(anyOrder, fc.shuffledSubarray(all, { minLength: all.length }), (some, rest) => {
        const transcript = new Transcript();
        for (const message of some) transcript.message(message);
        transcript.page(rest);
        expect(lines(transcript)).toEqual(lines(expected));
        expect(transcript.resumeAfter).toBe(expected.resumeAfter);
      }),
    );
  });
});
