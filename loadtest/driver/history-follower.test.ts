import { create } from '@bufbuild/protobuf';
import { expect, test } from '@jest/globals';
import {
  type Message,
  MessageSchema,
  MessageStatus,
  type Part,
  PartSchema,
  Role,
} from '../../src/client/gen/chat/v1/content_pb.js';
import { ListMessagesResponseSchema } from '../../src/client/gen/chat/v1/history_service_pb.js';
import { ConversationCheck } from './conversation-check.ts';
import type { History } from './history.ts';
import { HistoryFollower } from './history-follower.ts';
import { MediaFiles } from './media-files.ts';
import { Said } from './said.ts';
import { ViolationLog } from './violations.ts';

const pageMessages = 4;
const violations = new ViolationLog();
const parts: Part[] = [create(PartSchema, { value: { case: 'text', value: 'Hello' } })];

/** Said, accepted, answered and stored: each message, and its reply after it. */
function stored(check: ConversationCheck, from: number, to: number): Message[] {
  check.begin(0);
  const messages: Message[] = [];
  for (let number = from; number < to; number += 1) {
    const [clientMessageId, messageId, sequence] = [`m${number}`, `u${number}`, BigInt(2 * number + 1)];
    check.say(new Said(clientMessageId, { kind: 'text', bytes: 5, text: 'Hello', by: 'message' }, 0));
    check.accepted({ clientMessageId, messageId, sequence });
    const status = MessageStatus.COMPLETED;
    const reply = { messageId: `r${number}`, sequence: sequence + 1n, role: Role.ASSISTANT, status, parts };
    messages.push(create(MessageSchema, { messageId, clientMessageId, sequence, role: Role.USER, status, parts }));
    messages.push(create(MessageSchema, { ...reply, replyToMessageId: messageId }));
    check.message(messages.at(-1) as Message);
  }
  return messages;
}

/** Answers as the history of these messages does, in pages. */
function historyOf(messages: readonly Message[]): History {
  const listMessages: History['listMessages'] = async ({ pageToken }) => {
    const from = Number(pageToken);
    const to = from + pageMessages;
    const nextPageToken = to < messages.length ? String(to) : '';
    return create(ListMessagesResponseSchema, { messages: messages.slice(from, to), nextPageToken });
  };
  return { listMessages };
}

test('a conversation is compared and forgotten page by page, no page twice, and none in which something has no end yet', async () => {
  const check = new ConversationCheck(violations, 'ab12-0', false);
  const messages = stored(check, 0, 5);
  const follower = new HistoryFollower(historyOf(messages), check, violations, new MediaFiles());
  const left = () => [...check.said.keys()];
  await follower.followUpTo('c', 3);
  expect(left()).toHaveLength(5);
  await Promise.all([follower.followUpTo('c', 8), follower.followUpTo('c', 8)]);
  expect(left()).toEqual(['m4']);
  // The last page grows.
  await follower.followUpTo('c', 10);
  expect(left()).toEqual(['m4']);
  messages.push(...stored(check, 5, 8));
  await follower.finish('c', 16);
  expect(left()).toEqual([]);
  expect(violations.examples).toEqual([]);
});
