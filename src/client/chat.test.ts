import { once } from 'node:events';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Caller, Chat, type ChatOptions } from './chat.ts';
import type { ChatEvents, ChatStatus } from './chat-events.ts';
import type { Accepted } from './gen/chat/v1/chat_service_pb.js';
import type { Message } from './gen/chat/v1/content_pb.js';
import { textOf } from './message-text.ts';
import { grpc } from './node/grpc.ts';
import type { KeptMessage, OutboxStorage } from './outbox.ts';
import { MessageRefused } from './refusal.ts';
import type { Frame } from './testing/scripted-server.ts';
import { answerAtOnce, complete, piece, ScriptedServer } from './testing/scripted-server.ts';

let server: ScriptedServer;
const clients: Chat[] = [];

beforeEach(async () => {
  server = await new ScriptedServer().start();
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.abandon()));
  await server[Symbol.asyncDispose]();
});

function clientOf(more: Partial<Caller & ChatOptions> = {}): Chat {
  const backoff = { initialMs: 5, maxMs: 20 };
  const wire = grpc({ address: server.address });
  const client = new Chat({ wire, clientId: 'ann', timeZone: 'Asia/Tokyo', backoff, ...more });
  clients.push(client);
  return client;
}

/** What it tells next by this name. */
function next<Name extends keyof ChatEvents>(client: Chat, name: Name): Promise<ChatEvents[Name]> {
  return new Promise((resolve) => client.once(name, resolve));
}

/** Says something, and waits for the whole reply. */
async function say(client: Chat, text: string): Promise<{ readonly accepted: Accepted; readonly reply: Message }> {
  const { accepted, reply } = await client.send(text);
  return { accepted, reply: await reply };
}

/** Waits for a status of the client. */
async function reached<S extends ChatStatus['state']>(
  client: Chat,
  state: S,
): Promise<Extract<ChatStatus, { state: S }>> {
  for (;;) {
    const told = await next(client, 'status');
    if (told.state === state) return told as Extract<ChatStatus, { state: S }>;
  }
}

/** Waits for a frame of the client. */
async function frame($case: Frame['$case']): Promise<unknown> {
  for (;;) {
    const [received] = await once(server, 'frame');
    if (received.$case === $case) return received.value;
  }
}

/** Everything drawn of replies, a line feed where a reply began again. */
function drawnBy(client: Chat): { text: string } {
  const drawn = { text: '' };
  client.on('replyGrown', ({ text }) => (drawn.text += text));
  client.on('replyRestarted', () => (drawn.text += '\n'));
  return drawn;
}

describe('a chat client', () => {
  test('says who it is, and is welcomed', async () => {
    const welcome = await clientOf({ waitForSlotMs: 1_500 }).connect();
    expect(welcome.conversationId).toBe('c1');
    expect(server.hellos).toMatchObject([
      {
        clientId: 'ann',
        timeZone: 'Asia/Tokyo',
        conversationId: '',
        resumeToken: '',
        waitForSlot: { seconds: 1n, nanos: 500_000_000 },
      },
    ]);
  });

  test('gives back what was accepted and the whole reply', async () => {
    const client = clientOf();
    const drawn = drawnBy(client);
    await client.connect();
    const { accepted, reply } = await say(client, 'hello');
    expect(accepted).toMatchObject({ conversationId: 'c1', duplicate: false });
    expect(reply.replyToMessageId).toBe(accepted.messageId);
    expect(textOf(reply)).toBe('You said: hello');
    expect(drawn.text).toBe('You said: hello');
    expect(client.pendingCount).toBe(0);
  });

  test('takes messages before it is connected', async () => {
    const client = clientOf();
    const posted = client.post('early');
    await client.connect();
    expect(textOf(await posted.reply)).toBe('You said: early');
  });

  test('frees its slot with a goodbye', async () => {
    const client = clientOf();
    await client.connect();
    await client.close();
    expect(server.frames.at(-1)).toEqual({ $case: 'goodbye', value: {} });
    expect(() => client.post('late')).toThrow('closed');
  });

  test('sends heartbeats as often as Welcome says', async () => {
    server.heartbeatMs = 5;
    const client = clientOf();
    await client.connect();
    const pongs: unknown[] = [];
    await new Promise<void>((resolve) => {
      client.on('event', (event) => {
        if (event.case === 'pong' && pongs.push(event) === 3) resolve();
      });
    });
  });
});

describe('after a lost connection', () => {
  test('a client resumes with its token, its conversation and what it has received', async () => {
    const client = clientOf();
    await client.connect();
    const { reply } = await say(client, 'one');
    client.dropConnection();
    await reached(client, 'connected');
    expect(server.hellos[1]).toMatchObject({
      resumeToken: 'token-1',
      conversationId: 'c1',
      afterSequence: reply.sequence,
    });
  });

  test('a client resumes behind the title that it was told, and is not told it again', async () => {
    const client = clientOf();
    const titles: string[] = [];
    client.on('renamed', ({ title }) => titles.push(title));
    await client.connect();
    const { reply } = await say(client, 'one');
    server.change('c1', 'Plans');
    await next(client, 'renamed');
    client.dropConnection();
    await reached(client, 'connected');
    expect(server.hellos[1]).toMatchObject({ afterSequence: reply.sequence + 1n });
    server.tell({ $case: 'renamed', value: { conversationId: 'c1', title: 'Plans', sequence: reply.sequence + 1n } });
    await say(client, 'two');
    expect(titles).toEqual(['Plans']);
  });

  test('a client whose conversation was deleted comes back in a new one; what it had not got there is refused', async () => {
    const client = clientOf();
    await client.connect();
    server.change('c1');
    await next(client, 'deleted');
    server.frozen = true;
    const refused = say(client, 'too late');
    refused.catch(() => undefined);
    client.dropConnection();
    server.frozen = false;
    await reached(client, 'connected');
    expect(server.hellos[1]).toMatchObject({ conversationId: '', afterSequence: 0n });
    await expect(refused).rejects.toMatchObject({ reason: 'NOT_FOUND' });
    expect((await say(client, 'here')).accepted.conversationId).toBe('c2');
  });

  test('a message whose Accepted was lost is sent again under its id, and is answered once', async () => {
    const client = clientOf();
    const drawn = drawnBy(client);
    await client.connect();
    server.losses = 1;
    const { accepted, reply } = await say(client, 'once');
    expect(accepted.duplicate).toBe(true);
    expect(textOf(reply)).toBe('You said: once');
    expect(drawn.text).toBe('You said: once');
    expect(server.messages).toHaveLength(2);
  });

  test('a client goes on after the server was killed and came back', async () => {
    const client = clientOf();
    await client.connect();
    server.kill();
    const posted = client.post('are you there?');
    await reached(client, 'reconnecting');
    await server.start();
    expect(textOf(await posted.reply)).toBe('You said: are you there?');
  });

  test('pieces that are told again are drawn once', async () => {
    const client = clientOf();
    const drawn = drawnBy(client);
    server.answer = ({ messageId }, tell) => {
      tell({
        $case: 'replyStarted',
        value: { messageId, replyMessageId: `reply-to-${messageId}`, attempt: 1, continuedBytes: 0n },
      });
      tell(piece(`reply-to-${messageId}`, 1, 0, 'Grüße, '));
    };
    await client.connect();
    const posted = client.post('hello');
    await next(client, 'replyGrown');
    client.dropConnection();
    await reached(client, 'connected');
    const { messageId } = await posted.accepted;
    const [question] = server.messages;
    const tell = server.tell.bind(server);
    tell({
      $case: 'replyStarted',
      value: { messageId, replyMessageId: `reply-to-${messageId}`, attempt: 1, continuedBytes: 0n },
    });
    tell(piece(`reply-to-${messageId}`, 1, 0, 'Grüße, W'));
    tell(piece(`reply-to-${messageId}`, 1, 10, 'elt'));
    complete(question!, 'Grüße, Welt', tell, server);
    await posted.reply;
    expect(drawn.text).toBe('Grüße, Welt');
  });

  test('a failure that was told meanwhile is learnt from the replay', async () => {
    const client = clientOf();
    server.answer = () => undefined;
    await client.connect();
    const posted = client.post('poison');
    const { messageId } = await posted.accepted;
    const index = server.messages.findIndex((one) => one.messageId === messageId);
    server.messages[index] = { ...server.messages[index]!, failureReason: 'POISON' };
    client.dropConnection();
    const failed = await posted.reply.then(undefined, (error: unknown) => error);
    expect(failed).toBeInstanceOf(MessageRefused);
    expect(failed).toMatchObject({ reason: 'POISON' });
  });

  test('messages of two conversations go to the one that they were said in', async () => {
    const client = clientOf();
    await client.connect();
    await say(client, 'in the first');
    server.kill();
    const first = client.post('still in the first');
    const joined = client.join();
    const second = client.post('in the second');
    await server.start();
    await joined;
    expect((await first.accepted).conversationId).toBe('c1');
    const { conversationId } = await second.accepted;
    expect(conversationId).toBe(await joined);
    expect(client.conversationId).toBe(conversationId);
    await client.join('c1');
    expect(textOf(await first.reply)).toBe('You said: still in the first');
  });

  test('a server that has gone silent is taken for lost', async () => {
    server.heartbeatMs = 50;
    const client = clientOf();
    await client.connect();
    server.frozen = true;
    const { refusal } = await reached(client, 'reconnecting');
    expect(refusal?.message).toContain('silent');
  });
});

/** Keeps messages in memory, as another process would find them. */
class Kept implements OutboxStorage {
  readonly messages = new Map<string, KeptMessage>();
  load(): readonly KeptMessage[] {
    return [...this.messages.values()];
  }
  put(message: KeptMessage): void {
    this.messages.set(message.clientMessageId, message);
  }
  remove(clientMessageId: string): void {
    this.messages.delete(clientMessageId);
  }
}

describe('with a storage', () => {
  test('what was not accepted is sent by the next process, once, each in its conversation', async () => {
    const storage = new Kept();
    const first = clientOf({ storage });
    await first.connect();
    server.losses = 1;
    const lost = first.post('is it there?');
    lost.accepted.catch(() => undefined);
    await next(first, 'status');
    await first.abandon();
    expect(storage.load()).toMatchObject([{ clientMessageId: lost.clientMessageId, conversationId: 'c1' }]);
    const second = clientOf({ storage });
    await second.connect();
    const [again] = second.restored;
    expect(await again?.accepted).toMatchObject({ duplicate: true, conversationId: 'c1' });
    expect(textOf(await again!.reply)).toBe('You said: is it there?');
    expect(storage.load()).toEqual([]);
    expect(server.messages).toHaveLength(2);
  });

  test('what was said before there was a session is sent by the next process', async () => {
    const storage = new Kept();
    const first = clientOf({ storage });
    first.post('early');
    await first.abandon();
    expect(storage.load()).toMatchObject([{ conversationId: '' }]);
    const second = clientOf({ storage });
    await second.connect();
    expect(textOf(await second.restored[0]!.reply)).toBe('You said: early');
    expect(storage.load()).toEqual([]);
  });

  test('what was refused, or taken back, is not kept', async () => {
    const storage = new Kept();
    const client = clientOf({ storage });
    const back = new AbortController();
    const taken = client.send('never mind', { signal: back.signal });
    back.abort(new Error('Never mind.'));
    await expect(taken).rejects.toThrow('Never mind.');
    server.answer = ({ messageId, clientMessageId }, tell) => {
      const value = { clientMessageId, messageId, reason: 'POISON', detail: '', retryable: false };
      tell({ $case: 'rejected', value });
    };
    await client.connect();
    const { reply } = client.post('poison');
    await expect(reply).rejects.toMatchObject({ reason: 'POISON' });
    expect(storage.load()).toEqual([]);
  });
});

describe('a reply', () => {
  test('that begins again replaces what was drawn', async () => {
    const client = clientOf();
    const drawn = drawnBy(client);
    server.answer = (message, tell) => {
      tell({
        $case: 'replyStarted',
        value: {
          messageId: message.messageId,
          replyMessageId: `reply-to-${message.messageId}`,
          attempt: 1,
          continuedBytes: 0n,
        },
      });
      tell(piece(`reply-to-${message.messageId}`, 1, 0, 'lost'));
      tell({
        $case: 'replyStarted',
        value: {
          messageId: message.messageId,
          replyMessageId: `reply-to-${message.messageId}`,
          attempt: 2,
          continuedBytes: 0n,
        },
      });
      tell(piece(`reply-to-${message.messageId}`, 1, 4, ' words'));
      tell(piece(`reply-to-${message.messageId}`, 2, 0, 'found'));
      complete(message, 'found', tell, server);
    };
    await client.connect();
    await say(client, 'try twice');
    expect(drawn.text).toBe('lost\nfound');
  });

  test('that another worker goes on with is drawn on, each byte once', async () => {
    const client = clientOf();
    const drawn = drawnBy(client);
    server.answer = (message, tell) => {
      const { messageId } = message;
      const replyMessageId = `reply-to-${messageId}`;
      tell({ $case: 'replyStarted', value: { messageId, replyMessageId, attempt: 1, continuedBytes: 0n } });
      tell(piece(replyMessageId, 1, 0, 'Grüße, W'));
      tell({ $case: 'replyStarted', value: { messageId, replyMessageId, attempt: 2, continuedBytes: 7n } });
      tell(piece(replyMessageId, 2, 0, 'Grüße'));
      tell(piece(replyMessageId, 2, 7, ', Wel'));
      complete(message, 'Grüße, Welt', tell, server);
    };
    await client.connect();
    await say(client, 'hello');
    expect(drawn.text).toBe('Grüße, Welt');
  });

  test('that another worker goes on with in its own way is drawn again where the two part', async () => {
    const client = clientOf();
    const drawn = drawnBy(client);
    server.answer = (message, tell) => {
      const { messageId } = message;
      const replyMessageId = `reply-to-${messageId}`;
      tell({ $case: 'replyStarted', value: { messageId, replyMessageId, attempt: 1, continuedBytes: 0n } });
      tell(piece(replyMessageId, 1, 0, 'one two'));
      tell({ $case: 'replyStarted', value: { messageId, replyMessageId, attempt: 2, continuedBytes: 4n } });
      tell(piece(replyMessageId, 2, 0, 'one '));
      tell(piece(replyMessageId, 2, 4, 'more'));
      complete(message, 'one more', tell, server);
    };
    await client.connect();
    await say(client, 'count');
    expect(drawn.text).toBe('one two\none more');
  });

  test('that waits for another attempt says so, until that is made', async () => {
    const client = clientOf();
    const told: string[] = [];
    client.on('replyStarted', ({ attempt }) => told.push(`started ${attempt}`));
    client.on('replyRestarted', () => told.push('restarted'));
    client.on('replyDelayed', ({ attempt, retryDelay }) => told.push(`delayed ${attempt} ${retryDelay?.seconds}`));
    server.answer = (message, tell) => {
      const { messageId } = message;
      const replyMessageId = `reply-to-${messageId}`;
      const start = (attempt: number, continuedBytes = 0n) =>
        tell({ $case: 'replyStarted', value: { messageId, replyMessageId, attempt, continuedBytes } });
      const delay = (attempt: number, seconds: bigint) =>
        tell({
          $case: 'replyDelayed',
          value: { messageId, replyMessageId, attempt, retryDelay: { seconds, nanos: 0 }, reason: '' },
        });
      start(1);
      delay(1, 5n);
      start(2);
      delay(1, 6n);
      tell(piece(replyMessageId, 2, 0, 'one '));
      delay(2, 7n);
      start(3, 4n);
      delay(3, 8n);
      start(4);
      complete(message, 'one two', tell, server);
    };
    await client.connect();
    await say(client, 'count');
    const continued = ['delayed 2 7', 'started 3', 'delayed 3 8', 'restarted'];
    expect(told).toEqual(['started 1', 'delayed 1 5', 'started 2', ...continued]);
  });

  test('with a hole is mended by the complete one', async () => {
    const client = clientOf();
    const drawn = drawnBy(client);
    server.answer = (message, tell) => {
      const replyMessageId = `reply-to-${message.messageId}`;
      tell({
        $case: 'replyStarted',
        value: { messageId: message.messageId, replyMessageId, attempt: 1, continuedBytes: 0n },
      });
      tell(piece(replyMessageId, 1, 0, 'one '));
      tell(piece(replyMessageId, 1, 8, 'three'));
      complete(message, 'one two three', tell, server);
    };
    await client.connect();
    await say(client, 'count');
    expect(drawn.text).toBe('one two three');
  });

  test('is stopped at the wish of the user, even when it is not accepted yet', async () => {
    const client = clientOf();
    server.answer = () => undefined;
    const posted = client.post('a long story');
    expect(client.stop()).toBe(1);
    const stopped = frame('stopMessageId');
    await client.connect();
    const { messageId } = await posted.accepted;
    expect(await stopped).toBe(messageId);
    const stoppedAgain = frame('stopMessageId');
    client.dropConnection();
    expect(await stoppedAgain).toBe(messageId);
  });
});

describe('a refusal', () => {
  test('of the first connect is told with its reason and is the end', async () => {
    server.refusals.push({
      code: status.RESOURCE_EXHAUSTED,
      reason: 'TOO_MANY_CLIENTS',
      detail: 'Full.',
      retryDelayMs: 2_000,
    });
    const client = clientOf();
    const refused = await client.connect().catch((error: unknown) => error);
    expect(refused).toMatchObject({ reason: 'TOO_MANY_CLIENTS', message: 'Full.', retryDelayMs: 2_000 });
    expect(server.hellos).toHaveLength(1);
  });

  test('of a client that had a session is sat out for as long as the server says', async () => {
    const client = clientOf();
    await client.connect();
    server.refusals.push({ code: status.RESOURCE_EXHAUSTED, reason: 'TOO_MANY_CLIENTS', retryDelayMs: 60 });
    client.dropConnection();
    await reached(client, 'reconnecting');
    expect((await reached(client, 'reconnecting')).delayMs).toBeGreaterThanOrEqual(60);
    await reached(client, 'connected');
  });

  test('after a take-over ends the client and fails what was unanswered', async () => {
    const client = clientOf();
    server.answer = () => undefined;
    await client.connect();
    const posted = client.post('hello');
    await posted.accepted;
    server.refuse({ code: status.ABORTED, reason: 'SESSION_TAKEN_OVER' });
    await expect(posted.reply).rejects.toMatchObject({ reason: 'SESSION_TAKEN_OVER' });
    expect(server.hellos).toHaveLength(1);
  });

  test('after a take-over is what everything said later is answered with', async () => {
    const client = clientOf();
    await client.connect();
    const isClosed = reached(client, 'closed');
    server.refuse({ code: status.ABORTED, reason: 'SESSION_TAKEN_OVER' });
    await isClosed;
    expect(client.isOver).toBe(true);
    expect(() => client.post('hello')).toThrow(expect.objectContaining({ reason: 'SESSION_TAKEN_OVER' }));
    await expect(client.join('c1')).rejects.toMatchObject({ reason: 'SESSION_TAKEN_OVER' });
  });

  test('for silence parks the client until there is something to say', async () => {
    const client = clientOf();
    await client.connect();
    server.refuse({ code: status.DEADLINE_EXCEEDED, reason: 'FIRST_MESSAGE_TIMEOUT' });
    await reached(client, 'parked');
    expect(server.hellos).toHaveLength(1);
    expect(textOf((await say(client, 'sorry')).reply)).toBe('You said: sorry');
  });

  test('of a conversation leaves the session in the one before', async () => {
    const client = clientOf();
    await client.connect();
    await say(client, 'here');
    await expect(client.join('nowhere')).rejects.toMatchObject({ reason: 'NOT_FOUND' });
    expect(textOf((await say(client, 'back')).reply)).toBe('You said: back');
    expect(client.conversationId).toBe('c1');
  });

  test('of the conversation remembered begins a new one, where that is wanted', async () => {
    const client = clientOf({ conversationId: 'gone', elseNewConversation: true });
    expect((await client.connect()).conversationId).toBe('c1');
    await expect(clientOf({ conversationId: 'gone' }).connect()).rejects.toMatchObject({ reason: 'NOT_FOUND' });
  });

  test('of a message that may be sent later is followed by sending it again', async () => {
    const client = clientOf();
    let refusals = 1;
    server.answer = (message, tell) => answerAtOnce(message, tell, server);
    await client.connect();
    client.on('event', (event) => {
      if (event.case === 'accepted' && refusals > 0) refusals -= 1;
    });
    server.frozen = true;
    const posted = client.post('stallTimeout');
    server.tell({
      $case: 'rejected',
      value: {
        clientMessageId: posted.clientMessageId,
        messageId: '',
        reason: 'TOO_MANY_PENDING',
        detail: '',
        retryable: true,
        retryDelay: { seconds: 0n, nanos: 1e6 },
      },
    });
    await next(client, 'rejected');
    server.frozen = false;
    expect(textOf(await posted.reply)).toBe('You said: stallTimeout');
  });

  test('that cannot be overcome ends a client that does not wait for ever', async () => {
    server.kill();
    const client = clientOf({ giveUpAfterMs: 50 });
    await expect(client.connect()).rejects.toMatchObject({ code: status.UNAVAILABLE, reason: '' });
  });
});
