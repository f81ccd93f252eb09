import { expect, test } from '@jest/globals';
import { signal } from '@preact/signals';
import type { Entry, ShownMessage } from '../../client/app.ts';
import { stoppable } from './under-way.ts';

let lastKey = 0;

function entry(message: Partial<ShownMessage>): Entry {
  lastKey += 1;
  const shown: ShownMessage = {
    messageId: `m-${lastKey}`,
    role: 'user',
    parts: [],
    status: 'completed',
    at: new Date(0),
    ...message,
  };
  return { key: String(lastKey), message: signal(shown) };
}

test('nothing can be stopped where all is said', () => {
  expect(stoppable([])).toBeUndefined();
  expect(stoppable([entry({}), entry({ role: 'assistant' }), entry({ status: 'failed' })])).toBeUndefined();
});

test('what nobody has accepted cannot be stopped', () => {
  expect(
    stoppable([entry({ messageId: '', status: 'sending' }), entry({ messageId: '', status: 'unsent' })]),
  ).toBeUndefined();
});

test('the oldest that is under way is stopped first', () => {
  const asked = [entry({ messageId: 'a', status: 'processing' }), entry({ messageId: 'b', status: 'queued' })];
  expect(stoppable(asked)).toBe('a');
});

test('a growing reply is stopped by the message it answers', () => {
  const reply = entry({ role: 'assistant', messageId: 'r', status: 'growing', replyToMessageId: 'a' });
  expect(stoppable([entry({ messageId: 'a' }), reply])).toBe('a');
});
