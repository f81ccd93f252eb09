import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { MessageRefused, shapes } from '../testing/black-box-client.ts';
import { CallRefused, call, clientOf, type DynamicClient, hangUp } from '../testing/contract.ts';
import { inlinePart, voice } from '../testing/media-samples.ts';
import { type ParleyServer, startServer } from '../testing/server.ts';
import { TestSessions } from '../testing/test-sessions.ts';

const maxPending = 3;
let server: ParleyServer;
let history: DynamicClient;

beforeAll(async () => {
  // Replies that take longer than the test: what ends them is the deletion.
  const env = { PARLEY_SIMULATED_TEXT_DELAY_MS: '60000', PARLEY_MAX_PENDING_PER_CLIENT: `${maxPending}` };
  server = await startServer({ env });
  history = clientOf('chat.v1.HistoryService', server.address);
});
afterAll(async () => {
  hangUp(history);
  await server?.[Symbol.asyncDispose]();
});

describe.each(shapes)('a session whose conversation is deleted (%s)', (shape) => {
  test('is told so of each message, and goes on in another conversation', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session, welcome } = await testSessions.connect();
    await session.text('This will be gone');
    const { conversationId } = welcome;
    await call(history, 'DeleteConversation', { conversationId });
    for (const parts of [[{ text: 'Too late' }], [inlinePart(voice)]]) {
      const refused = await session.say(parts, 'late').catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(MessageRefused);
      expect(refused).toMatchObject({ reason: 'NOT_FOUND', retryable: false });
    }
    const joined = await session.join('');
    expect(joined.conversationId).not.toBe(conversationId);
    expect(await session.text('Here')).toMatchObject({ conversationId: joined.conversationId });
  });

  test('is told the end of what was unanswered, and has room for as much again', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session, welcome } = await testSessions.connect();
    const said = [];
    for (let index = 0; index < maxPending; index += 1) said.push(await session.text(`${index}`));
    await call(history, 'DeleteConversation', { conversationId: welcome.conversationId });
    for (const { messageId } of said) await session.find('rejected', (body) => body.messageId === messageId);
    await session.join('');
    for (let index = 0; index < maxPending; index += 1) await session.text(`again ${index}`);
    const refused = await session.text('one too many').catch((error: unknown) => error);
    expect(refused).toMatchObject({ reason: 'TOO_MANY_PENDING' });
  });

  test('cannot come back to it', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session, welcome, clientId } = await testSessions.connect();
    await session.text('This will be gone');
    await call(history, 'DeleteConversation', { conversationId: welcome.conversationId });
    await session.goodbye();
    const back = testSessions.dial({ clientId, conversationId: welcome.conversationId });
    const ended = await back.ended;
    expect(ended).toBeInstanceOf(CallRefused);
    expect(ended).toMatchObject({ code: 'NOT_FOUND', reason: 'NOT_FOUND' });
  });
});
