import { randomUUID } from 'node:crypto';
import type * as grpc from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { BidiSession, MessageRefused, shapes, textOf } from '../testing/black-box-client.ts';
import { CallRefused, call, clientOf, durationMs, hangUp, timestampMs } from '../testing/contract.ts';
import { type ParleyServer, startServer } from '../testing/server.ts';
import { bidi, refusalOf, TestSessions } from '../testing/test-sessions.ts';

const maxTextBytes = 32 * 1024;
const env = { PARLEY_SIMULATED_TEXT_DELAY_MS: '0', PARLEY_SIMULATED_PIECES: '8', PARLEY_SIMULATED_SEED: '1' };
let server: ParleyServer;

beforeAll(async () => {
  server = await startServer({ env });
});
afterAll(() => server?.[Symbol.asyncDispose]());

describe.each(shapes)('a session (%s)', (shape) => {
  test('is welcomed with its ids, its deadlines, the clock and the limits', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { welcome } = await testSessions.connect();
    expect(welcome.sessionId).toMatch(/^[\w-]{10,}$/);
    expect(welcome.resumeToken).toMatch(/^[\w-]{40,}$/);
    expect(welcome.conversationId).toMatch(/^[\w-]+$/);
    expect(durationMs(welcome.heartbeatInterval)).toBe(15_000);
    expect(durationMs(welcome.firstMessageDeadline)).toBe(60_000);
    expect(Math.abs(timestampMs(welcome.serverTime) - Date.now())).toBeLessThan(60_000);
    expect(welcome.limits).toMatchObject({ maxClients: 50, maxProcessing: 500, maxTextBytes });
  });

  test('hears Accepted, ReplyStarted, the pieces and the whole reply, in this order', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session, welcome } = await testSessions.connect();
    const clientMessageId = randomUUID();
    const { accepted, reply } = await session.ask('How are you?', clientMessageId);
    expect(accepted).toMatchObject({ clientMessageId, duplicate: false, conversationId: welcome.conversationId });
    expect(Math.abs(timestampMs(accepted.createTime) - Date.now())).toBeLessThan(60_000);
    expect(reply).toMatchObject({
      conversationId: welcome.conversationId,
      role: 'ROLE_ASSISTANT',
      status: 'MESSAGE_STATUS_COMPLETED',
      replyToMessageId: accepted.messageId,
    });
    expect(reply.sequence).toBeGreaterThan(accepted.sequence);
    expect(reply.model).not.toBe('');
    const kinds = session.events.map((event) => event.event);
    const order = ['welcome', 'accepted', 'replyStarted', 'replyDelta', 'message'];
    expect(kinds.filter((kind, index) => kinds.indexOf(kind) === index)).toEqual(order);
    expect(session.all('replyStarted')).toEqual([
      { messageId: accepted.messageId, replyMessageId: reply.messageId, attempt: 1, continuedBytes: 0 },
    ]);
    expect(session.pieces(reply.messageId)).toEqual(new Map([[1, textOf(reply)]]));
  });

  // What there is of a reply when the log has its start is sent as one piece: how many of the eight that is depends on how fast the log is.
  test('hears the pieces one by one while the reply is being made', async () => {
    await using slow = await startServer({ env: { ...env, PARLEY_SIMULATED_PIECE_INTERVAL_MS: '200' } });
    await using testSessions = new TestSessions(slow, shape);
    const { session } = await testSessions.connect();
    const { reply } = await session.ask('How are you?');
    expect(session.all('replyDelta').length).toBeGreaterThan(1);
    expect(session.pieces(reply.messageId)).toEqual(new Map([[1, textOf(reply)]]));
  });

  test('is told that a repeat is a repeat, and it is answered once', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session, welcome } = await testSessions.connect();
    const first = await session.ask('Say it once', 'the-same-id');
    const again = await session.text('Say it once', 'the-same-id');
    expect(again).toMatchObject({
      messageId: first.accepted.messageId,
      sequence: first.accepted.sequence,
      duplicate: true,
    });
    await session.ask('And something else');
    const history = clientOf('chat.v1.HistoryService', server.address);
    const { messages } = await call(history, 'ListMessages', {
      conversationId: welcome.conversationId,
      atLeastSequence: again.sequence,
    });
    expect(
      messages.filter((message: { clientMessageId: string }) => message.clientMessageId === 'the-same-id'),
    ).toHaveLength(1);
    expect(session.all('message').filter((reply) => reply.replyToMessageId === again.messageId)).toHaveLength(1);
    hangUp(history);
  });

  test('gets the replies of one conversation in the order of its messages', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session } = await testSessions.connect();
    const accepted = await Promise.all(['one', 'two', 'three', 'four'].map((text) => session.text(text)));
    await Promise.all(accepted.map(({ messageId }) => session.reply(messageId)));
    const inOrder = accepted.toSorted((one, other) => one.sequence - other.sequence).map(({ messageId }) => messageId);
    expect(session.all('message').map((reply) => reply.replyToMessageId)).toEqual(inOrder);
  });

  test('gets answers that depend on what was said', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session } = await testSessions.connect();
    const tea = await session.ask('I would like some tea');
    const trains = await session.ask('When does the train to Kyoto leave?');
    expect(textOf(tea.reply)).not.toBe(textOf(trains.reply));
  });

  test('is answered when it pings', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session } = await testSessions.connect();
    const { serverTime } = await session.ping();
    expect(Math.abs(timestampMs(serverTime) - Date.now())).toBeLessThan(60_000);
    // On the stream in both shapes: one on which nothing passes is taken for dead by whatever stands between.
    await session.find('pong');
  });

  test('ends without error at its own word, and the client can come again', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session, clientId } = await testSessions.connect();
    await session.goodbye();
    expect(await session.ended).toBeNull();
    await testSessions.connect({ clientId });
  });

  test('takes a text of exactly the limit, in bytes', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session } = await testSessions.connect();
    const { reply } = await session.ask('é'.repeat(maxTextBytes / 2));
    expect(reply.status).toBe('MESSAGE_STATUS_COMPLETED');
  });

  const refusedMessages: [what: string, reason: string, parts: object[], clientMessageId: string][] = [
    ['a text one byte too long', 'TEXT_TOO_LONG', [{ text: `${'é'.repeat(maxTextBytes / 2)}!` }], 'long'],
    ['a message without parts', 'EMPTY_MESSAGE', [], 'no-parts'],
    ['a part without content', 'EMPTY_MESSAGE', [{}], 'no-content'],
    ['an empty text', 'EMPTY_MESSAGE', [{ text: '' }], 'no-text'],
    ['a message without id', 'CLIENT_MESSAGE_ID_INVALID', [{ text: 'hello' }], ''],
    ['an id too long', 'CLIENT_MESSAGE_ID_INVALID', [{ text: 'hello' }], 'x'.repeat(129)],
    ['an id with control characters', 'CLIENT_MESSAGE_ID_INVALID', [{ text: 'hello' }], 'two\nlines'],
    [
      'media',
      'MEDIA_TYPE_UNSUPPORTED',
      [{ media: { kind: 'KIND_VOICE', contentType: 'audio/flac', inlineData: Buffer.from('fLaC') } }],
      'voice',
    ],
  ];

  test.each(refusedMessages)('refuses %s with %s and goes on', async (_what, reason, parts, clientMessageId) => {
    await using testSessions = new TestSessions(server, shape);
    const { session } = await testSessions.connect();
    const refused = await session.say(parts, clientMessageId).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(MessageRefused);
    expect(refused).toMatchObject({ reason, retryable: false, clientMessageId });
    expect((await session.ask('still here')).reply.status).toBe('MESSAGE_STATUS_COMPLETED');
  });

  const refusedHellos: [what: string, hello: object, reason: string, field: RegExp][] = [
    ['no client id', { clientId: '' }, 'CLIENT_ID_INVALID', /client_id$/],
    ['a client id too long', { clientId: 'c'.repeat(129) }, 'CLIENT_ID_INVALID', /client_id$/],
    ['a client id with control characters', { clientId: 'a\u0000b' }, 'CLIENT_ID_INVALID', /client_id$/],
    ['no time zone', { timeZone: '' }, 'TIME_ZONE_REFUSED', /time_zone$/],
    ['a time zone that is none', { timeZone: 'Mars/Olympus_Mons' }, 'TIME_ZONE_REFUSED', /time_zone$/],
    [
      'a conversation id that cannot be one',
      { conversationId: 'not an id!' },
      'CONVERSATION_ID_INVALID',
      /conversation_id$/,
    ],
    ['a conversation id too long', { conversationId: 'c'.repeat(129) }, 'CONVERSATION_ID_INVALID', /conversation_id$/],
    ['a negative sequence', { afterSequence: -1 }, 'FRAME_INVALID', /after_sequence$/],
    ['a negative wait', { waitForSlotMs: -1000 }, 'FRAME_INVALID', /wait_for_slot$/],
  ];

  test.each(refusedHellos)('is refused with %s', async (_what, hello, reason, field) => {
    await using testSessions = new TestSessions(server, shape);
    const refused = await refusalOf(testSessions.dial(hello));
    expect(refused).toMatchObject({ code: 'INVALID_ARGUMENT', reason, domain: 'parley', retryDelayMs: undefined });
    expect(refused.fields).toEqual([expect.stringMatching(field)]);
  });

  test("is refused another client's conversation, and one that never was", async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session, welcome } = await testSessions.connect();
    await session.ask('This is mine');
    const { conversationId } = welcome;
    expect(await refusalOf(testSessions.dial({ conversationId }))).toMatchObject({
      code: 'PERMISSION_DENIED',
      reason: 'NOT_YOURS',
    });
    const never = await refusalOf(testSessions.dial({ conversationId: 'there-never-was-such-a-conversation' }));
    expect(never).toMatchObject({ code: 'NOT_FOUND', reason: 'NOT_FOUND', domain: 'parley' });
  });
});

describe('the bidirectional stream', () => {
  const wrongFirst: [string, object][] = [
    ['a message', { message: { clientMessageId: 'a', parts: [{ text: 'hello' }] } }],
    ['a ping', { ping: {} }],
    ['a goodbye', { goodbye: {} }],
    ['a stop', { stopMessageId: 'a' }],
    ['a join', { join: {} }],
  ];

  test.each(wrongFirst)('must begin with hello, not with %s', async (_what, frame) => {
    const session = new BidiSession({ address: server.address, shape: 'bidi' });
    session.frame(frame);
    expect(await refusalOf(session)).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'HELLO_EXPECTED',
      domain: 'parley',
    });
  });

  test('takes hello only once', async () => {
    await using testSessions = new TestSessions(server, 'bidi');
    const { session } = await testSessions.connect();
    bidi(session).frame({ hello: { clientId: 'again', timeZone: 'Europe/Paris' } });
    expect(await refusalOf(session)).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'HELLO_EXPECTED' });
  });

  test('refuses a frame that says nothing', async () => {
    await using testSessions = new TestSessions(server, 'bidi');
    const { session } = await testSessions.connect();
    bidi(session).frame({});
    expect(await refusalOf(session)).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'FRAME_INVALID',
      domain: 'parley',
    });
  });

  test('ends in order when the client half-closes, and the slot is free', async () => {
    await using testSessions = new TestSessions(server, 'bidi');
    const { session, clientId } = await testSessions.connect();
    bidi(session).stream.end();
    expect(await session.ended).toBeNull();
    await testSessions.connect({ clientId });
  });
});

describe('the split calls', () => {
  test.each([
    ['Send', { message: { clientMessageId: 'a', parts: [{ text: 'hello' }] } }],
    ['Join', { conversation: {} }],
    ['StopReply', { messageId: 'a' }],
    ['Heartbeat', {}],
    ['Close', {}],
  ])('refuse %s in a session that is not there', async (method, request) => {
    const client = clientOf('chat.v1.ChatService', server.address);
    const refused = await call(client, method, { sessionId: 'no-such-session', ...request }).catch(
      (error: unknown) => error,
    );
    expect(refused).toBeInstanceOf(CallRefused);
    expect(refused).toMatchObject({ code: 'NOT_FOUND', reason: 'SESSION_NOT_FOUND', domain: 'parley' });
    hangUp(client);
  });

  test('refuse Open without hello', async () => {
    const client = clientOf('chat.v1.ChatService', server.address);
    const refused = await new Promise<CallRefused>((resolve) => {
      client['Open']({})
        .on('data', () => {})
        .on('error', (error: grpc.ServiceError) => resolve(new CallRefused(error)));
    });
    expect(refused).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'HELLO_EXPECTED', domain: 'parley' });
    hangUp(client);
  });

  test('carry Accepted on the stream as well as in the answer', async () => {
    await using testSessions = new TestSessions(server, 'split');
    const { session } = await testSessions.connect();
    const answered = await session.text('twice told');
    expect(await session.find('accepted')).toEqual(answered);
  });
});
