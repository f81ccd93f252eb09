import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { MessageRefused, type Session, shapes, textOf } from '../testing/black-box-client.ts';
import type { Dynamic } from '../testing/contract.ts';
import { wholeConversation } from '../testing/oracle.ts';
import { type ParleyServer, startServer } from '../testing/server.ts';
import { eventually, refusalOf, TestSessions } from '../testing/test-sessions.ts';

const pieces = 20;
const maxPending = 3;
let server: ParleyServer;

beforeAll(async () => {
  server = await startServer({
    env: {
      PARLEY_SIMULATED_TEXT_DELAY_MS: '0',
      PARLEY_SIMULATED_PIECES: String(pieces),
      // Slow enough for a reply to be stopped or left between its pieces, on any machine.
      PARLEY_SIMULATED_PIECE_INTERVAL_MS: '100',
      PARLEY_MAX_PENDING_PER_CLIENT: String(maxPending),
    },
  });
});
afterAll(() => server?.[Symbol.asyncDispose]());

/** Waits until the session has got at least so many pieces of replies. */
async function got(session: Session, count: number): Promise<void> {
  await session.find('replyDelta', () => session.all('replyDelta').length >= count);
}

/** What history holds in reply to a message. */
async function storedReply(conversationId: string, accepted: Dynamic): Promise<Dynamic> {
  const isReply = (message: Dynamic) => message.replyToMessageId === accepted.messageId;
  const messages = await eventually(
    () => wholeConversation(server.address, conversationId),
    (all) => all.some(isReply),
  );
  return messages.find(isReply);
}

describe.each(shapes)('%s', (shape) => {
  test('a stolen resume token takes nothing over under another client id', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session, welcome } = await testSessions.connect();
    const { resumeToken, conversationId } = welcome;
    expect(await refusalOf(testSessions.dial({ resumeToken, conversationId }))).toMatchObject({ reason: 'NOT_YOURS' });
    const { welcome: thiefs } = await testSessions.connect({ resumeToken });
    expect(thiefs.conversationId).not.toBe(conversationId);
    expect(thiefs.sessionId).not.toBe(welcome.sessionId);
    await session.ping();
    expect(session.isOver).toBe(false);
  });

  test.each(['lost', 'taken over'])(
    'a session %s in the middle of a reply goes on without hole or repeat',
    async (how) => {
      await using testSessions = new TestSessions(server, shape);
      const { session: before, welcome, clientId } = await testSessions.connect();
      const accepted = await before.text('Tell me a long story');
      await got(before, 5);
      if (how === 'lost') before.drop();
      const { session: after } = await testSessions.connect({
        clientId,
        resumeToken: welcome.resumeToken,
        conversationId: welcome.conversationId,
        afterSequence: accepted.sequence,
      });
      const reply = await after.reply(accepted.messageId);
      expect(reply.status).toBe('MESSAGE_STATUS_COMPLETED');
      expect(after.pieces(reply.messageId)).toEqual(new Map([[1, textOf(reply)]]));
      expect(textOf(reply).startsWith(before.pieces(reply.messageId).get(1) ?? 'nothing')).toBe(true);
      expect(after.all('message')).toHaveLength(1);
      expect(textOf(await storedReply(welcome.conversationId, accepted))).toBe(textOf(reply));
    },
  );

  test('what was said after the sequence is told again, each once and in order', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session, welcome, clientId } = await testSessions.connect();
    const first = await session.ask('first');
    const second = await session.ask('second');
    const third = await session.text('third');
    session.drop();
    const { conversationId, resumeToken } = welcome;
    const { session: back } = await testSessions.connect({
      clientId,
      conversationId,
      resumeToken,
      afterSequence: first.reply.sequence,
    });
    const thirdReply = await back.reply(third.messageId);
    const told = back.all('message').map((message) => message.messageId);
    expect(told).toEqual([second.accepted.messageId, second.reply.messageId, third.messageId, thirdReply.messageId]);
    expect(back.all('message')[1]).toEqual(second.reply);
  });

  // Cause: a client that took the end of a message for a refusal of its repeat connected again, was sent the end again, and so on for ever.
  test('the end of a message that was stopped before its reply began comes again, and is no refusal of its repeat', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session, welcome, clientId } = await testSessions.connect();
    const first = await session.text('A long story');
    await got(session, 1);
    const second = await session.text('Another', 'another');
    await session.stopReply(second.messageId);
    await session.find('rejected', ({ messageId }) => messageId === second.messageId);
    session.drop();
    const { conversationId, resumeToken } = welcome;
    const back = testSessions.dial({ clientId, conversationId, resumeToken, afterSequence: second.sequence });
    const { messageId, sequence } = second;
    expect(await back.text('Another', 'another')).toMatchObject({ messageId, sequence, duplicate: true });
    expect(back.all('rejected')).toMatchObject([{ messageId, reason: 'STOPPED', retryable: false }]);
    expect((await back.reply(first.messageId)).status).toBe('MESSAGE_STATUS_COMPLETED');
  });

  test('from sequence 0 the whole conversation is told again', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session, welcome, clientId } = await testSessions.connect();
    const { accepted, reply } = await session.ask('everything');
    await session.goodbye();
    const { session: back } = await testSessions.connect({ clientId, conversationId: welcome.conversationId });
    await back.find('message', (message) => message.messageId === reply.messageId);
    expect(back.all('message').map((message) => message.messageId)).toEqual([accepted.messageId, reply.messageId]);
  });

  test('a session turns to another conversation and back while a reply goes on', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session, welcome } = await testSessions.connect();
    const story = await session.text('A story for the first conversation');
    await got(session, 3);
    const joined = await session.join('');
    expect(joined.conversationId).not.toBe(welcome.conversationId);
    const aside = await session.text('Something else');
    expect(aside.conversationId).toBe(joined.conversationId);
    await session.find('replyStarted', ({ messageId }) => messageId === aside.messageId);
    const mark = session.events.length;
    expect(await session.join(welcome.conversationId, story.sequence)).toEqual({
      conversationId: welcome.conversationId,
    });
    const reply = await session.reply(story.messageId);
    const backTold = session.events
      .slice(mark)
      .filter((event) => event.event === 'replyDelta')
      .map((event) => event.replyDelta);
    const draft = backTold.filter((delta) => delta.replyMessageId === reply.messageId);
    expect(draft[0].offsetBytes).toBe(0);
    expect(draft.map((delta) => delta.text).join('')).toBe(textOf(reply));
    expect((await storedReply(joined.conversationId, aside)).status).toBe('MESSAGE_STATUS_COMPLETED');
  });

  test("a session cannot turn to another client's conversation, and stays where it is", async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session: owner, welcome: theirs } = await testSessions.connect();
    await owner.text('Mine alone');
    const { session } = await testSessions.connect();
    const refused = session.join(theirs.conversationId);
    if (shape === 'bidi') {
      refused.catch(() => {});
      expect(await session.ended).toMatchObject({ code: 'PERMISSION_DENIED', reason: 'NOT_YOURS' });
    } else {
      await expect(refused).rejects.toMatchObject({ code: 'PERMISSION_DENIED', reason: 'NOT_YOURS' });
      expect((await session.ask('Still in my own')).reply.status).toBe('MESSAGE_STATUS_COMPLETED');
    }
  });

  test('StopReply keeps what was said, as STOPPED, and the next message is answered', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session, welcome } = await testSessions.connect();
    const accepted = await session.text('Talk until I stop you');
    await got(session, 4);
    await session.stopReply(accepted.messageId);
    const reply = await session.reply(accepted.messageId);
    expect(reply.status).toBe('MESSAGE_STATUS_STOPPED');
    expect(textOf(reply)).not.toBe('');
    expect(session.all('replyDelta').length).toBeLessThan(pieces);
    expect(session.pieces(reply.messageId)).toEqual(new Map([[1, textOf(reply)]]));
    const stored = await storedReply(welcome.conversationId, accepted);
    expect(stored).toMatchObject({ status: 'MESSAGE_STATUS_STOPPED', messageId: reply.messageId });
    expect((await session.ask('And now?')).reply.status).toBe('MESSAGE_STATUS_COMPLETED');
  });

  test('a message stopped before it was begun is told as STOPPED without a reply', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session } = await testSessions.connect();
    const begun = await session.text('This one is being answered');
    const queued = await session.text('This one waits');
    await session.find('replyStarted', ({ messageId }) => messageId === begun.messageId);
    await session.stopReply(queued.messageId);
    expect(await session.find('rejected', ({ messageId }) => messageId === queued.messageId)).toMatchObject({
      reason: 'STOPPED',
      clientMessageId: queued.clientMessageId,
      retryable: false,
    });
    await session.reply(begun.messageId);
    expect(session.all('replyStarted')).toHaveLength(1);
  });

  test('one unanswered message too many is refused with a delay, over all conversations of the client', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session } = await testSessions.connect();
    const accepted = [await session.text('one'), await session.text('two')];
    await session.join('');
    accepted.push(await session.text('three'));
    const refused = await session.text('four').catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(MessageRefused);
    expect(refused).toMatchObject({ reason: 'TOO_MANY_PENDING', retryable: true, retryDelayMs: expect.any(Number) });
    for (const { messageId } of accepted) await session.stopReply(messageId);
  });

  test('a lost connection stops no reply', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session, welcome } = await testSessions.connect();
    const accepted = await session.text('I shall be gone');
    await got(session, 2);
    session.drop();
    const stored = await storedReply(welcome.conversationId, accepted);
    expect(stored.status).toBe('MESSAGE_STATUS_COMPLETED');
  });
});
