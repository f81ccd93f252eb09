import { create } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { describe, expect, test } from '@jest/globals';
import type { Conversation as Place } from '../../../../src/client/conversation.ts';
import {
  AcceptedSchema,
  ConversationDeletedSchema,
  ConversationRenamedSchema,
  MessageRejectedSchema,
  ReplyStartedSchema,
} from '../../../../src/client/gen/chat/v1/chat_service_pb.js';
import { ChatTeller } from '../../../../src/client/testing/chat-events.ts';
import { pageRefusal } from './calls.ts';
import { Conversation } from './conversation.ts';
import { Dialogue } from './dialogue.ts';
import { until } from './testing/browser.ts';

/** A chat that goes where it is asked to, unless a test has it refuse. */
class Teller extends ChatTeller {
  readonly joined: string[] = [];
  readonly missing = new Set<string>();

  join(asked: string | Place = ''): Promise<string> {
    const id = typeof asked === 'string' ? asked : asked.id;
    this.joined.push(id);
    return this.missing.has(id) ? Promise.reject(pageRefusal('NOT_FOUND', Code.NotFound)) : Promise.resolve(id);
  }

  /** The session is in it now, by this id. */
  enter({ place }: Conversation, id = place.id): void {
    place.id = id;
    this.tell('entered', place);
  }
}

function begin(first: Conversation, missing: readonly string[] = []) {
  const chat = new Teller();
  for (const id of missing) chat.missing.add(id);
  const changes: string[] = [];
  const dialogue = new Dialogue(
    {
      chat,
      pages: { loadNewest: async () => undefined },
      onNews: () => undefined,
      onNamed: ({ id }) => changes.push(`named ${id.peek()}`),
      onRenamed: ({ id }, title) => changes.push(`${id.peek()} is ${title}`),
      onDeleted: ({ id }) => changes.push(`${id.peek()} is gone`),
    },
    first,
  );
  return { chat, dialogue, changes };
}

function texts({ transcript }: Conversation): string[] {
  return transcript.entries.value.map(({ message: { value } }) =>
    value.parts.map((part) => ('text' in part ? part.text : '')).join(),
  );
}

/** What the chat makes of a reply that begins. */
function reply(chat: Teller, text: string): void {
  chat.tell('replyStarted', create(ReplyStartedSchema, { messageId: 'm', replyMessageId: 'r', attempt: 1 }));
  chat.tell('replyGrown', { replyMessageId: 'r', text });
}

describe('a dialogue', () => {
  test('knows by the stream alone where what it brings belongs', () => {
    const [first, second] = [new Conversation('first', true), new Conversation('second', true)];
    const { chat, dialogue } = begin(first);
    chat.enter(first);
    dialogue.turnTo(second);
    // What was on its way when the session turned comes before the stream says that it did.
    reply(chat, 'of the first');
    expect([texts(first), texts(second)]).toEqual([['of the first'], []]);
    chat.enter(second);
    reply(chat, 'of the second');
    expect([texts(first), texts(second)]).toEqual([['of the first'], ['of the second']]);
  });

  test('gives each new conversation the name that the server has for it', () => {
    const [first, second] = [new Conversation(), new Conversation()];
    const { chat, dialogue, changes } = begin(first);
    dialogue.turnTo(second);
    chat.enter(second, 's');
    chat.enter(first, 'f');
    expect([first.id.peek(), second.id.peek(), changes]).toEqual(['f', 's', ['named s', 'named f']]);
    expect(dialogue.conversationOf('f')).toBe(first);
  });

  test('tells what is done to a conversation that it knows, and comes back to it behind that', async () => {
    const first = new Conversation('first', true);
    const { chat, dialogue, changes } = begin(first);
    chat.enter(first);
    const renamed = { conversationId: 'first', title: 'Plans', sequence: 7n };
    chat.tell('event', { case: 'renamed', value: create(ConversationRenamedSchema, renamed) });
    const never = create(ConversationDeletedSchema, { conversationId: 'never' });
    chat.tell('event', { case: 'deleted', value: never });
    expect(await dialogue.catchUp(first.place)).toBe(7n);
    const deleted = create(ConversationDeletedSchema, { conversationId: 'first' });
    chat.tell('event', { case: 'deleted', value: deleted });
    expect(changes).toEqual(['first is Plans', 'first is gone']);
  });

  test('tells once why there is no reply, and nothing of one that was stopped', () => {
    const first = new Conversation('first', true);
    const { chat, dialogue } = begin(first);
    chat.enter(first);
    const announced: unknown[] = [];
    dialogue.onReply((told) => announced.push(told));
    const fail = (messageId: string, reason: string) =>
      chat.tell('event', { case: 'rejected', value: create(MessageRejectedSchema, { messageId, reason }) });
    for (const [index, messageId] of ['m1', 'm2'].entries()) {
      first.transcript.say(messageId, [], new Date(0));
      const accepted = { clientMessageId: messageId, messageId, sequence: BigInt(index + 1) };
      first.transcript.accepted(create(AcceptedSchema, accepted));
    }
    fail('m1', 'PROVIDER_FAILED');
    fail('m1', 'PROVIDER_FAILED');
    fail('m2', 'STOPPED');
    expect(announced).toMatchObject([{ reason: 'PROVIDER_FAILED' }]);
  });

  test('begins another conversation for one that is not there, if nothing was said in it', async () => {
    const blank = new Conversation('blank', true);
    const { chat, dialogue } = begin(blank, ['blank']);
    await until(() => blank.id.value === '');
    expect(chat.joined).toEqual(['blank', '']);
    expect([dialogue.open.peek(), blank.isGone]).toEqual([blank, false]);
  });

  test('tells that a conversation is not there', async () => {
    const gone = new Conversation('gone', true);
    gone.transcript.say('c', [], new Date(0));
    gone.transcript.accepted(create(AcceptedSchema, { clientMessageId: 'c', messageId: 'm', sequence: 1n }));
    const { dialogue } = begin(new Conversation('first', true), ['gone']);
    dialogue.turnTo(gone);
    expect((await until(() => gone.trouble.value))?.reason).toBe('NOT_FOUND');
    expect(gone.isGone).toBe(true);
    await expect(dialogue.catchUp(gone.place)).rejects.toMatchObject({ reason: 'NOT_FOUND' });
  });
});
