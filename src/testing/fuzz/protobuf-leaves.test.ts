import { expect, test } from '@jest/globals';
import { ChatRequest, SendRequest } from '../../gen/chat/v1/chat_service.ts';
import { leavesOf } from './protobuf-leaves.ts';

const long = 'x'.repeat(300);
const request = SendRequest.fromPartial({
  sessionId: 'a-session',
  message: { clientMessageId: 'an-id', parts: [{ value: { $case: 'text', value: long } }] },
});
const message = Buffer.from(SendRequest.encode(request).finish());

test('each field is changed by itself, and lengths around it follow', () => {
  const leaf = leavesOf(message).find(({ bytes }) => bytes.toString() === long);
  const changed = SendRequest.decode(leaf?.with(Buffer.from('short')) ?? Buffer.alloc(0));
  expect(changed.message?.parts[0]?.value).toEqual({ $case: 'text', value: 'short' });
  expect(changed).toMatchObject({ sessionId: 'a-session', message: { clientMessageId: 'an-id' } });
});

test('numbers are leaves', () => {
  const join = ChatRequest.fromPartial({
    frame: { $case: 'join', value: { conversationId: 'c', afterSequence: 300n } },
  });
  const leaves = leavesOf(Buffer.from(ChatRequest.encode(join).finish()));
  const changed = leaves.at(-1)?.with(Buffer.from([1]));
  expect(ChatRequest.decode(changed ?? Buffer.alloc(0)).frame).toMatchObject({ value: { afterSequence: 1n } });
});

test('what is not changed is the message as it was', () => {
  for (const leaf of leavesOf(message)) expect(leaf.with(leaf.bytes)).toEqual(message);
});
