import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { shapes } from '../testing/black-box-client.ts';
import { durationMs } from '../testing/contract.ts';
import { type ParleyServer, startServer } from '../testing/server.ts';
import { TestSessions } from '../testing/test-sessions.ts';

let server: ParleyServer;

beforeAll(async () => {
  // Nobody listens there.
  const model = { PARLEY_OPENAI_BASE_URL: 'http://127.0.0.1:1/v1', PARLEY_OPENAI_MODEL: 'any' };
  server = await startServer({ env: { PARLEY_PROVIDER: 'openai', ...model } });
});
afterAll(() => server?.[Symbol.asyncDispose]());

// Cause: between two attempts, for up to a minute, a client saw nothing.
test.each(shapes)('a reply whose model is away is said to wait, and can be stopped meanwhile (%s)', async (shape) => {
  await using testSessions = new TestSessions(server, shape);
  const { session, welcome, clientId } = await testSessions.connect();
  const { messageId } = await session.text('Is anybody there?');
  const first = await session.find('replyDelayed');
  expect(first).toMatchObject({ messageId, attempt: 1 });
  expect(durationMs(first.retryDelay)).toBeGreaterThan(0);
  await session.find('replyStarted', ({ attempt }) => attempt === 2);
  session.drop();

  const { resumeToken, conversationId } = welcome;
  const { session: back } = await testSessions.connect({ clientId, resumeToken, conversationId });
  const later = await back.find('replyDelayed');
  expect(later).toMatchObject({ messageId, replyMessageId: first.replyMessageId });
  await back.stopReply(messageId);
  expect(await back.find('rejected')).toMatchObject({ messageId, reason: 'STOPPED' });
});
