import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { shapes, textOf } from '../testing/black-box-client.ts';
import { clientOf, type Dynamic, hangUp, timestampMs } from '../testing/contract.ts';
import { wholeConversation } from '../testing/oracle.ts';
import { type ParleyServer, startServer } from '../testing/server.ts';
import { eventually, refusalOf, TestSessions } from '../testing/test-sessions.ts';

/** A reply that is still going on when the drain's time is over. */
const endless = { PARLEY_SIMULATED_PIECES: '200', PARLEY_SIMULATED_PIECE_INTERVAL_MS: '100' };
const shutdownMs = 10_000;
let server: ParleyServer;

beforeEach(async () => {
  server = await startServer({
    env: { PARLEY_SIMULATED_TEXT_DELAY_MS: '0', PARLEY_DRAIN_TIMEOUT_MS: '2000', ...endless },
  });
});
afterEach(async () => {
  await server?.[Symbol.asyncDispose]();
});

test.each(shapes)('SIGTERM tells every session, lets nobody in, exits 0, and loses nothing (%s)', async (shape) => {
  await using testSessions = new TestSessions(server, shape);
  const health = clientOf('grpc.health.v1.Health', server.address);
  const statuses: string[] = [];
  const watch = health['Watch']({ service: '' });
  watch.on('data', ({ status }: Dynamic) => statuses.push(status)).on('error', () => {});
  const { session, welcome, clientId } = await testSessions.connect();
  const { session: idle } = await testSessions.connect();
  const accepted = await session.text('A reply that outlasts the server');
  await session.find('replyDelta');
  await eventually(
    async () => statuses,
    (seen) => seen.includes('SERVING'),
  );

  const stopping = server.stop('SIGTERM');
  const begun = performance.now();
  const drain = await session.find('drain');
  await idle.find('drain');
  expect(timestampMs(drain.deadline)).toBeGreaterThan(Date.now() - shutdownMs);
  const late = await refusalOf(testSessions.dial());
  expect(['DRAINING', '']).toContain(late.reason);
  expect(late.code).toBe('UNAVAILABLE');
  expect(await stopping).toEqual({ code: 0, signal: null });
  expect(performance.now() - begun).toBeLessThan(shutdownMs);
  expect(statuses).toContain('NOT_SERVING');
  expect(await session.ended).toMatchObject({ code: 'UNAVAILABLE', reason: 'DRAINING' });
  hangUp(health);

  server = await server.restart({ PARLEY_SIMULATED_PIECES: '4', PARLEY_SIMULATED_PIECE_INTERVAL_MS: '0' });
  const { session: back } = await testSessions.connect({
    clientId,
    resumeToken: welcome.resumeToken,
    conversationId: welcome.conversationId,
    afterSequence: accepted.sequence,
  });
  const reply = await back.reply(accepted.messageId);
  expect(reply.status).toBe('MESSAGE_STATUS_COMPLETED');
  expect(textOf(reply)).not.toBe('');
});

test('a reply that can be finished in the time of the drain is finished', async () => {
  server = await server.restart({ PARLEY_SIMULATED_PIECES: '10', PARLEY_DRAIN_TIMEOUT_MS: '8000' });
  await using testSessions = new TestSessions(server, 'bidi');
  const { session, welcome } = await testSessions.connect();
  const accepted = await session.text('A short reply');
  await session.find('replyDelta');
  const stopping = server.stop('SIGTERM');
  expect((await session.reply(accepted.messageId)).status).toBe('MESSAGE_STATUS_COMPLETED');
  expect(await stopping).toEqual({ code: 0, signal: null });
  server = await server.restart();
  const messages = await eventually(
    () => wholeConversation(server.address, welcome.conversationId),
    (all) => all.length === 2,
  );
  expect(messages.map(({ status }) => status)).toEqual(['MESSAGE_STATUS_COMPLETED', 'MESSAGE_STATUS_COMPLETED']);
});

test('a second SIGTERM does not cut the drain short', async () => {
  await using testSessions = new TestSessions(server, 'bidi');
  const { session } = await testSessions.connect();
  await session.text('A reply that outlasts the server');
  await session.find('replyDelta');
  process.kill(server.pid, 'SIGTERM');
  await session.find('drain');
  expect(await server.stop('SIGTERM')).toEqual({ code: 0, signal: null });
});
