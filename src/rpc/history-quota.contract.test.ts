import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { MessageRefused, shapes } from '../testing/black-box-client.ts';
import { call, clientOf, hangUp } from '../testing/contract.ts';
import { type ParleyServer, startServer } from '../testing/server.ts';
import { eventually, TestSessions } from '../testing/test-sessions.ts';

/** A few messages of a kilobyte, with their replies. */
const maxHistoryBytes = 10_000;
const kilobyte = 'x'.repeat(1_000);

let server: ParleyServer;
beforeAll(async () => {
  server = await startServer({
    env: { PARLEY_MAX_HISTORY_BYTES_PER_CLIENT: `${maxHistoryBytes}`, PARLEY_SIMULATED_TEXT_DELAY_MS: '0' },
  });
});
afterAll(() => server?.[Symbol.asyncDispose]());

test.each(shapes)('by %s, a client whose conversations are full says no more, until it deletes one', async (shape) => {
  await using testSessions = new TestSessions(server, shape);
  const { session, welcome } = await testSessions.connect();
  const { conversationId } = await session.join('');
  const say = () =>
    session.ask(kilobyte).then(
      () => undefined,
      (error: unknown) => error,
    );
  const refused = await eventually(say, (error) => error !== undefined);
  expect(refused).toBeInstanceOf(MessageRefused);
  expect(refused).toMatchObject({ reason: 'HISTORY_QUOTA_EXCEEDED', retryable: false });
  await session.join(welcome.conversationId);
  expect(await say()).toMatchObject({ reason: 'HISTORY_QUOTA_EXCEEDED' });
  const history = clientOf('chat.v1.HistoryService', server.address);
  await call(history, 'DeleteConversation', { conversationId });
  hangUp(history);
  expect(await say()).toBeUndefined();
});
