import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Metadata } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { MessageRefused, shapes } from '../testing/black-box-client.ts';
import { CallRefused, call, clientOf, type DynamicClient, hangUp } from '../testing/contract.ts';
import { picture, sha256 } from '../testing/media-samples.ts';
import { type ParleyServer, startServer } from '../testing/server.ts';
import { refusalOf, TestSessions } from '../testing/test-sessions.ts';
import { reserve } from '../testing/uploads.ts';

const perMinute = 10;
const intervalMs = 60_000 / perMinute;
/** Less than may be unanswered. */
const messagesPerMinute = 4;
const tooMany = { code: 'RESOURCE_EXHAUSTED', reason: 'TOO_MANY_WRITES', domain: 'parley' };

let server: ParleyServer;
let history: DynamicClient;
beforeAll(async () => {
  server = await startServer({
    // A reply that is under way for as long as a test runs.
    env: {
      PARLEY_WRITES_PER_CLIENT_PER_MINUTE: String(perMinute),
      PARLEY_WRITES_PER_ADDRESS_PER_MINUTE: String(2 * perMinute),
      PARLEY_MESSAGES_PER_CLIENT_PER_MINUTE: String(messagesPerMinute),
      // This test is the proxy.
      PARLEY_TRUSTED_PROXIES: '127.0.0.1',
      PARLEY_SIMULATED_TEXT_DELAY_MS: '60000',
    },
  });
  history = clientOf('chat.v1.HistoryService', server.address);
});
afterAll(async () => {
  hangUp(history);
  await server?.[Symbol.asyncDispose]();
});

async function refusal(answer: Promise<unknown>): Promise<CallRefused> {
  const error = await answer.then(
    () => new Error('was not refused'),
    (why: unknown) => why,
  );
  if (error instanceof CallRefused) return error;
  throw error;
}

/** Uses up what the client may write, until most of the time to the next is ahead. */
async function useUp(clientId: string): Promise<void> {
  const who = { address: server.address, clientId };
  for (;;) {
    const refused = await reserve(who, picture).then(
      () => undefined,
      (error: CallRefused) => error,
    );
    if ((refused?.retryDelayMs ?? 0) > intervalMs / 2) return;
  }
}

function expectDelay({ retryDelayMs }: CallRefused): void {
  expect(retryDelayMs).toBeGreaterThan(0);
  expect(retryDelayMs).toBeLessThanOrEqual(intervalMs);
}

describe.each(shapes)('a client that has written all it may, by %s', (shape) => {
  test('opens no session, not even with its resume token, until it is time', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session, clientId, welcome } = await testSessions.connect();
    await useUp(clientId);
    const { resumeToken, conversationId } = welcome;
    const refused = await refusalOf(testSessions.dial({ clientId, resumeToken, conversationId }));
    expect(refused).toMatchObject(tooMany);
    expectDelay(refused);
    // Nobody has taken the session over.
    await session.ping();
    await sleep(refused.retryDelayMs ?? 0);
    await testSessions.dial({ clientId, resumeToken, conversationId }).welcome();
  });

  test('begins no conversation, and turns to those that it has', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session, clientId, welcome } = await testSessions.connect();
    await useUp(clientId);
    expect(await session.join(welcome.conversationId)).toMatchObject({ conversationId: welcome.conversationId });
    expect(await refusal(session.join(''))).toMatchObject(tooMany);
  });

  test('says what it has to say', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session, clientId } = await testSessions.connect();
    await useUp(clientId);
    expect(await session.text('Is anybody there?')).toMatchObject({ messageId: expect.any(String) });
  });
});

test('a reply is not stopped when its client has written all it may', async () => {
  await using testSessions = new TestSessions(server, 'split');
  const { session, clientId } = await testSessions.connect();
  const { messageId } = await session.text('What time is it?');
  await useUp(clientId);
  const refused = await refusal(session.stopReply(messageId));
  expect(refused).toMatchObject(tooMany);
  expectDelay(refused);
  await session.ping();
  expect(session.all('rejected')).toEqual([]);
});

test('a stream whose client stops too many replies is ended', async () => {
  await using testSessions = new TestSessions(server, 'bidi');
  const { session, clientId } = await testSessions.connect();
  const { messageId } = await session.text('What time is it?');
  await useUp(clientId);
  await session.stopReply(messageId);
  const refused = await refusalOf(session);
  expect(refused).toMatchObject(tooMany);
  expectDelay(refused);
});

test('conversations are not renamed or deleted when their client has written all it may', async () => {
  await using testSessions = new TestSessions(server, 'bidi');
  const { clientId, welcome } = await testSessions.connect();
  const { conversationId } = welcome;
  await call(history, 'RenameConversation', { conversationId, title: 'First' });
  await useUp(clientId);
  const refused = await refusal(call(history, 'RenameConversation', { conversationId, title: 'Second' }));
  expect(refused).toMatchObject(tooMany);
  expectDelay(refused);
  expect(await refusal(call(history, 'DeleteConversation', { conversationId }))).toMatchObject(tooMany);
  expect(await call(history, 'GetConversation', { conversationId })).toMatchObject({
    conversation: { title: 'First' },
  });
});

test('uploads are not begun when their client has written all it may', async () => {
  const who = { address: server.address, clientId: `guest-${randomUUID()}` };
  await useUp(who.clientId);
  const refused = await refusal(reserve(who, picture));
  expect(refused).toMatchObject(tooMany);
  expectDelay(refused);
});

describe.each(shapes)('a client that has said all it may, by %s', (shape) => {
  test('is told when it may say more, and its session goes on', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session } = await testSessions.connect();
    for (let count = 0; count < messagesPerMinute; count += 1) await session.text(`one of ${count}`);
    const refused = await session.text('one too many').catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(MessageRefused);
    expect(refused).toMatchObject({ reason: 'TOO_MANY_MESSAGES', retryable: true });
    const { retryDelayMs = 0 } = refused as MessageRefused;
    expect(retryDelayMs).toBeGreaterThan(1_000);
    expect(retryDelayMs).toBeLessThanOrEqual(60_000 / messagesPerMinute);
    await session.ping();
  });
});

test('clients of one address have written all they may together, and those of another go on', async () => {
  const media = clientOf('chat.v1.MediaService', server.address);
  const { kind, contentType, bytes } = picture;
  const create = (address: string) => {
    const metadata = new Metadata();
    metadata.set('x-forwarded-for', address);
    const request = { clientId: `guest-${randomUUID()}`, kind, contentType, sizeBytes: bytes.length };
    return call(media, 'CreateUpload', { ...request, sha256: sha256(bytes) }, undefined, metadata);
  };
  try {
    for (let count = 0; count < 2 * perMinute; count += 1) await create('192.0.2.1');
    const refused = await refusal(create('192.0.2.1'));
    expect(refused).toMatchObject(tooMany);
    expectDelay(refused);
    await create('192.0.2.2');
  } finally {
    hangUp(media);
  }
});

test('what was refused is counted by its kind', async () => {
  const text = await (await fetch(`http://${server.httpAddress}/metrics`)).text();
  for (const kind of ['open', 'new_conversation', 'stop', 'rename', 'delete', 'create_upload', 'message'])
    expect(text).toMatch(new RegExp(`^parley_refused_writes_total\\{kind="${kind}"\\} [1-9]`, 'm'));
});
