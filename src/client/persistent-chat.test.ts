import { once } from 'node:events';
import { Code } from '@connectrpc/connect';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { AccessTokens } from './access-tokens.ts';
import { type Caller, Chat, type ChatOptions } from './chat.ts';
import type { ChatStatus } from './chat-events.ts';
import { Conversation } from './conversation.ts';
import { textOf } from './message-text.ts';
import { grpc } from './node/grpc.ts';
import { Refusal } from './refusal.ts';
import { complete, piece, ScriptedServer } from './testing/scripted-server.ts';

let server: ScriptedServer;
const chats: Chat[] = [];

beforeEach(async () => {
  server = await new ScriptedServer().start();
});

afterEach(async () => {
  await Promise.all(chats.splice(0).map((chat) => chat.abandon()));
  await server[Symbol.asyncDispose]();
});

function chatOf(more: Partial<Caller & ChatOptions> = {}): Chat {
  const backoff = { initialMs: 5, maxMs: 20 };
  const wire = grpc({ address: server.address });
  const chat = new Chat({ wire, clientId: 'ann', timeZone: 'Asia/Tokyo', persistent: true, backoff, ...more });
  chats.push(chat);
  return chat;
}

/** Waits for a status. */
function reached<S extends ChatStatus['state']>(chat: Chat, state: S): Promise<Extract<ChatStatus, { state: S }>> {
  return new Promise((resolve) => {
    const off = chat.on('status', (told) => {
      if (told.state !== state) return;
      off();
      resolve(told as Extract<ChatStatus, { state: S }>);
    });
  });
}

describe('a persistent chat', () => {
  test('sits out a full house from the first attempt on', async () => {
    server.refusals.push({ code: status.RESOURCE_EXHAUSTED, reason: 'TOO_MANY_CLIENTS', retryDelayMs: 10 });
    await chatOf().connect();
    expect(server.hellos).toHaveLength(2);
  });

  test('asks for the session of another device only when told to, and once', async () => {
    // That of a device that is gone would be free within 2 s, which are not waited for here.
    server.refusals.push({ code: status.ALREADY_EXISTS, reason: 'ALREADY_CONNECTED' });
    const chat = chatOf({ persistent: false });
    await expect(chat.connect()).rejects.toMatchObject({ reason: 'ALREADY_CONNECTED' });
    const second = chatOf({ takeOver: true });
    await second.connect();
    second.dropConnection();
    await reached(second, 'connected');
    const third = chatOf();
    third.takeOver();
    await third.connect();
    expect(server.hellos.map(({ takeOver }) => takeOver)).toEqual([false, true, false, true]);
  });

  // Cause: with the token of a session that was over, a minute passed before anybody was asked.
  test('leaves the question to who is signed in, and waits where nobody can be asked', async () => {
    const refusal = { code: status.ALREADY_EXISTS, reason: 'ALREADY_CONNECTED' };
    const tokens = { fresh: async () => ({ text: 'access', renewAtMs: undefined }) };
    const former = { persistent: false, resumeToken: 'of a former process' };
    server.refusals.push(refusal);
    await expect(chatOf({ ...former, tokens }).connect()).rejects.toMatchObject({ reason: 'ALREADY_CONNECTED' });
    server.refusals.push(refusal);
    await chatOf(former).connect();
    expect(server.hellos).toHaveLength(3);
  });

  test('waits after a refusal until it is started again, and then sends what was posted', async () => {
    const chat = chatOf();
    await chat.connect();
    const isRefused = reached(chat, 'refused');
    server.refuse({ code: status.ABORTED, reason: 'DISCONNECTED' });
    expect((await isRefused).refusal).toMatchObject({ reason: 'DISCONNECTED' });
    const posted = chat.post('still here');
    // Neither of them is a wish to be connected.
    chat.check();
    chat.wake();
    expect(server.hellos).toHaveLength(1);
    chat.start();
    expect(textOf(await posted.reply)).toBe('You said: still here');
    expect(chat.isOver).toBe(false);
  });

  test('is connected again for silence as soon as something is about to be said', async () => {
    const chat = chatOf();
    await chat.connect();
    const isParked = reached(chat, 'parked');
    server.refuse({ code: status.DEADLINE_EXCEEDED, reason: 'FIRST_MESSAGE_TIMEOUT' });
    await isParked;
    chat.wake();
    await reached(chat, 'connected');
  });

  test('makes its next attempt at once when it is told to check', async () => {
    const chat = chatOf({ backoff: { initialMs: 3_600_000, maxMs: 3_600_000 } });
    await chat.connect();
    const isWaiting = reached(chat, 'reconnecting');
    chat.dropConnection();
    await isWaiting;
    chat.check();
    await reached(chat, 'connected');
  });

  test('asks a connected server at once whether it is there', async () => {
    const chat = chatOf();
    await chat.connect();
    chat.check();
    const [frame] = await once(server, 'frame');
    expect(frame.$case).toBe('ping');
  });

  test('leaves its session to another process, whose token it takes it back with', async () => {
    let token = '';
    const [first, second] = [chatOf({ resumeToken: () => token }), chatOf({ resumeToken: () => token })];
    for (const chat of [first, second]) chat.on('session', ({ resumeToken }) => (token = resumeToken));
    await first.connect();
    const isLeft = reached(first, 'left');
    first.leave(3_600_000);
    await isLeft;
    const posted = first.post('for later');
    await second.connect();
    second.leave();
    first.start();
    expect((await posted.accepted).conversationId).toBe('c1');
    expect(server.hellos.map(({ resumeToken }) => resumeToken)).toEqual(['', 'token-1', 'token-2']);
  });

  test('begins a new conversation where the one that it asks for is not there', async () => {
    const chat = chatOf({ conversationId: 'gone' });
    const refused = chat.join('gone');
    chat.start();
    await expect(refused).rejects.toMatchObject({ reason: 'NOT_FOUND' });
    await reached(chat, 'connected');
    expect(server.hellos.at(-1)).toMatchObject({ conversationId: '' });
  });
});

describe('a conversation that is read before the session is in it', () => {
  test('is begun behind what was read', async () => {
    const read: string[] = [];
    const catchUp = async ({ id }: Conversation) => {
      read.push(id);
      return 7n;
    };
    server.conversations.add('c1').add('c2');
    const chat = chatOf({ conversationId: 'c1', catchUp });
    await chat.connect();
    await chat.join('c2');
    expect(read).toEqual(['c1', 'c2']);
    expect(server.hellos).toMatchObject([{ afterSequence: 7n }]);
    expect(server.frames).toContainEqual({ $case: 'join', value: { conversationId: 'c2', afterSequence: 7n } });
  });

  test('is read again while it cannot be, and refused where it is not there', async () => {
    const failures = [new Refusal(Code.Unavailable, 'Away.', { retryDelayMs: 5 })];
    const catchUp = async ({ id }: Conversation) => {
      const failure = id === '' ? undefined : failures.shift();
      if (failure !== undefined) throw failure;
      return 0n;
    };
    server.conversations.add('old');
    const chat = chatOf({ catchUp });
    await chat.connect();
    expect(await chat.join('old')).toBe('old');
    failures.push(new Refusal(Code.NotFound, 'Gone.', { reason: 'NOT_FOUND' }));
    const posted = chat.post('hello', undefined, new Conversation('gone'));
    await expect(posted.accepted).rejects.toMatchObject({ reason: 'NOT_FOUND' });
    expect((await chat.post('here').accepted).conversationId).toBe('old');
    expect(server.hellos).toHaveLength(1);
  });
});

describe('a message', () => {
  test('goes to its own conversation, also to one that has no id yet, and the session comes back', async () => {
    const chat = chatOf();
    await chat.connect();
    const [other, entered] = [new Conversation(), [] as string[]];
    chat.on('entered', ({ id }) => entered.push(id));
    const posted = chat.post('over there', undefined, other);
    expect((await posted.accepted).conversationId).toBe('c2');
    expect((await chat.send('here')).accepted.conversationId).toBe('c1');
    expect([other.id, entered]).toEqual(['c2', ['c2', 'c1']]);
  });

  test('has its reply stopped by its id in the log', async () => {
    server.answer = () => undefined;
    const chat = chatOf();
    expect(chat.stopReply('m')).toBe(false);
    await chat.connect();
    expect(chat.stopReply('m')).toBe(true);
    const [frame] = await once(server, 'frame');
    expect(frame).toEqual({ $case: 'stopMessageId', value: 'm' });
  });
});

test('a reply with a hole is asked for again by joining again', async () => {
  const chat = chatOf();
  let drawn = '';
  chat.on('replyGrown', ({ text }) => (drawn += text));
  await chat.connect();
  server.answer = (message, tell) => {
    const { messageId } = message;
    const replyMessageId = `reply-to-${messageId}`;
    const started = { messageId, replyMessageId, attempt: 1, continuedBytes: 0n };
    tell({ $case: 'replyStarted', value: started });
    tell(piece(replyMessageId, 1, 6, ' three'));
    server.on('frame', ({ $case }) => {
      if ($case !== 'join') return;
      tell({ $case: 'replyStarted', value: started });
      tell(piece(replyMessageId, 1, 0, 'one two'));
      tell(piece(replyMessageId, 1, 7, ' three'));
      complete(message, 'one two three', tell, server);
    });
  };
  const { reply } = await chat.send('count');
  await reply;
  expect(server.frames.some(({ $case }) => $case === 'join')).toBe(true);
  expect(drawn).toBe('one two three');
});

describe('a token that the server refuses', () => {
  test('is replaced by another one, and ends the attempts where there is none', async () => {
    const others = ['other'];
    const tokens: AccessTokens = {
      fresh: async () => ({ text: 'refused', renewAtMs: undefined }),
      instead: async () => {
        const text = others.shift();
        return text === undefined ? undefined : { text, renewAtMs: undefined };
      },
    };
    const unauthenticated = { code: status.UNAUTHENTICATED, reason: 'UNAUTHENTICATED' };
    server.refusals.push(unauthenticated);
    const chat = chatOf({ tokens });
    await chat.connect();
    expect(server.authorizations).toEqual(['Bearer refused', 'Bearer other']);
    const isRefused = reached(chat, 'refused');
    server.refuse(unauthenticated);
    expect((await isRefused).refusal).toMatchObject({ reason: 'UNAUTHENTICATED' });
    expect(server.authorizations).toHaveLength(2);
  });
});
