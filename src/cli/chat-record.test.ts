import { EventEmitter } from 'node:events';
import { beforeEach, describe, expect, test } from '@jest/globals';
import {
  Accepted,
  ConversationDeleted,
  ConversationRenamed,
  Joined,
  MessageRejected,
  ReplyStarted,
  Welcome,
} from '../gen/chat/v1/chat_service.ts';
import { Message, Role } from '../gen/chat/v1/content.ts';
import type { ChatClient } from './chat-client.ts';
import type { ChatEvents } from './chat-events.ts';
import { ChatRecord } from './chat-record.ts';
import type { Event } from './session-stream.ts';
import { piece } from './testing/scripted-server.ts';

const welcome: Event = { $case: 'welcome', value: Welcome.create({ conversationId: 'c' }) };
const joined: Event = { $case: 'joined', value: Joined.create({ conversationId: 'c' }) };

function started(attempt: number, continuedBytes = 0): Event {
  const value = ReplyStarted.create({ messageId: 'm', replyMessageId: 'r', attempt, continuedBytes });
  return { $case: 'replyStarted', value };
}

function completed(text: string, sequence = 9): Event {
  const parts = [{ value: { $case: 'text' as const, value: text } }];
  const value = Message.create({
    messageId: 'r',
    conversationId: 'c',
    sequence,
    role: Role.ASSISTANT,
    replyToMessageId: 'm',
    parts,
  });
  return { $case: 'message', value };
}

function renamed(title: string, sequence: number): Event {
  return { $case: 'renamed', value: ConversationRenamed.create({ conversationId: 'c', title, sequence }) };
}

function deleted(sequence: number): Event {
  return { $case: 'deleted', value: ConversationDeleted.create({ conversationId: 'c', sequence }) };
}

let emitter: EventEmitter<ChatEvents>;
let record: ChatRecord;

function told(...events: Event[]): void {
  for (const event of events) emitter.emit('event', event);
}

beforeEach(() => {
  emitter = new EventEmitter();
  record = new ChatRecord(emitter as ChatClient);
});

describe('a record', () => {
  test('keeps what was accepted, told and refused', () => {
    const accepted = Accepted.create({ messageId: 'm', sequence: 3 });
    const rejected = MessageRejected.create({ reason: 'EMPTY_MESSAGE' });
    told(
      welcome,
      { $case: 'accepted', value: accepted },
      started(1),
      piece('r', 1, 0, 'é'),
      piece('r', 1, 2, '!'),
      completed('é!'),
    );
    told({ $case: 'rejected', value: rejected });
    expect([...record.accepted.keys()]).toEqual(['m']);
    expect(record.pieces).toMatchObject([
      { stretch: 1, attempt: 1, offsetBytes: 0n, text: 'é' },
      { stretch: 1, attempt: 1, offsetBytes: 2n, text: '!' },
    ]);
    expect(record.answers).toEqual(new Map([['m', 'é!']]));
    expect(record.rejected).toEqual([rejected]);
    expect(record.faults).toEqual([]);
  });

  test('finds no fault with a draft told anew after each Welcome and Joined, nor with a new attempt', () => {
    told(welcome, started(1), piece('r', 1, 0, 'ab'));
    told(welcome, started(1), piece('r', 1, 0, 'abc'));
    told(joined, started(1), piece('r', 1, 0, 'abcd'), started(2), piece('r', 2, 0, 'xyz'), completed('xyz'));
    told(welcome, completed('xyz'));
    expect(record.faults).toEqual([]);
  });

  test('finds no fault with an attempt that goes on from the one before', () => {
    told(welcome, started(1), piece('r', 1, 0, 'abé'));
    told(started(2, 4), piece('r', 2, 0, 'a'));
    told(joined, started(2, 4), piece('r', 2, 0, 'abéX'), completed('abéX'));
    expect(record.faults).toEqual([]);
  });

  const faults: [what: string, events: Event[], fault: RegExp][] = [
    ['a hole', [started(1), piece('r', 1, 0, 'ab'), piece('r', 1, 3, 'd')], /hole from 2/],
    ['a repeat', [started(1), piece('r', 1, 0, 'ab'), piece('r', 1, 1, 'b')], /repeat from 2/],
    ['a piece without its start', [piece('r', 1, 0, 'ab')], /not told/],
    ['an attempt told twice', [started(1), started(1)], /began after 1/],
    ['pieces that are not the reply', [started(1), piece('r', 1, 0, 'ab'), completed('abc')], /pieces make "ab"/],
    [
      'an attempt that does not go on from what was told before',
      [started(1), piece('r', 1, 0, 'abc'), welcome, started(2, 2), piece('r', 2, 0, 'a'), piece('r', 2, 1, 'x')],
      /does not go on from "ab"/,
    ],
    ['a reply that changes', [completed('ab'), welcome, completed('cd')], /two texts/],
    ['a message told twice', [completed('ab', 9), completed('ab', 9)], /told at 9, after 9/],
    ['a title told behind what came after it', [completed('ab', 9), renamed('A', 8)], /“A” told at 8, after 9/],
    ['a deletion told behind what came after it', [renamed('A', 9), deleted(8)], /deletion told at 8, after 9/],
    [
      'one message at two places',
      [3, 4].map((sequence) => ({ $case: 'accepted', value: Accepted.create({ messageId: 'm', sequence }) })),
      /accepted at 3 and at 4/,
    ],
  ];

  test.each(faults)('finds %s', (_what, events, fault) => {
    told(welcome, ...events);
    expect(record.faults).toEqual([expect.stringMatching(fault)]);
  });
});
