import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { voice } from '../testing/media-samples.ts';
import { type ParleyServer, startServer } from '../testing/server.ts';
import type { Chat } from './chat.ts';
import type { ChatEvent, ChatStatus, SessionState } from './chat-events.ts';
import { Kind, MessageStatus, Role } from './gen/chat/v1/content_pb.js';
import { grpcWeb } from './grpc-web.ts';
import { maxInstructionsBytes } from './instructions.ts';
import { textOf } from './message-text.ts';
import { grpc } from './node/grpc.ts';
import { Parley } from './parley.ts';
import { isRefusal, Refusal } from './refusal.ts';
import type { ReplyPiece } from './reply.ts';
import { blobSource } from './uploads.ts';
import type { Wire } from './wire.ts';

/** Replies that take about a second: long enough to break something amid them. */
const slowReplies = {
  PARLEY_SIMULATED_TEXT_DELAY_MS: '0',
  PARLEY_SIMULATED_PIECES: '10',
  PARLEY_SIMULATED_PIECE_INTERVAL_MS: '100',
};

const wires: Readonly<Record<string, (server: ParleyServer) => Wire>> = {
  'gRPC, on one stream': ({ address }) => grpc({ address }),
  'gRPC, with unary calls': ({ address }) => grpc({ address, shape: 'split' }),
  'gRPC-Web': ({ httpAddress }) => grpcWeb(`http://${httpAddress}`),
};

/** Resolves when the chat is told to be in this state. */
function reached<S extends ChatStatus['state']>(chat: Chat, state: S): Promise<Extract<ChatStatus, { state: S }>> {
  return new Promise((resolve) => {
    const off = chat.on('status', (status) => {
      if (status.state !== state) return;
      off();
      resolve(status as Extract<ChatStatus, { state: S }>);
    });
  });
}

/** All of an iteration. */
async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** What somebody sees who draws the pieces. */
function drawn(pieces: readonly ReplyPiece[]): string {
  return pieces.reduce((text, piece) => (piece.isReplacement ? piece.text : text + piece.text), '');
}

describe.each(Object.entries(wires))('over %s', (name, wireTo) => {
  let server: ParleyServer;
  let count = 0;

  beforeAll(async () => {
    server = await startServer({ env: slowReplies });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  /** Somebody new. */
  function client(clientId = `client-${count}`): Parley {
    count += 1;
    return new Parley({ wire: wireTo(server), clientId, timeZone: 'Asia/Tokyo' });
  }

  test('a message is sent, and its reply iterated as it is written, then awaited', async () => {
    using parley = client();
    await using chat = await parley.chat();
    const sent = await chat.send('hello');
    expect(sent.accepted).toMatchObject({ conversationId: chat.conversationId, duplicate: false });
    const pieces: ReplyPiece[] = [];
    for await (const piece of sent.reply) pieces.push(piece);
    expect(pieces.length).toBeGreaterThan(1);
    const reply = await sent.reply;
    expect(drawn(pieces)).toBe(textOf(reply));
    const again: ReplyPiece[] = [];
    for await (const piece of sent.reply) again.push(piece);
    expect(again).toEqual([{ text: textOf(reply), isReplacement: false }]);
  });

  test('each message has the instructions that its person has at the time, which nothing lists', async () => {
    let instructions = 'Answer in rhyme.';
    const mine = { clientId: `poet-${name}`.replaceAll(/\W+/g, '-'), instructions: () => instructions };
    using parley = new Parley({ wire: wireTo(server), ...mine });
    await using chat = await parley.chat();
    const answer = async () => textOf(await (await chat.send('hello')).reply);
    expect(await answer()).toContain('“Answer in rhyme.”');
    instructions = 'Answer in prose.';
    expect(await answer()).toContain('“Answer in prose.”');
    instructions = 'é'.repeat(maxInstructionsBytes / 2);
    expect(await answer()).toContain('éé…”');
    instructions = '';
    expect(await answer()).not.toContain('“');
    instructions = 'x'.repeat(maxInstructionsBytes + 1);
    await expect(answer()).rejects.toMatchObject({ reason: 'INSTRUCTIONS_TOO_LONG' });
    const messages = await all(parley.messages(chat.conversationId, { atLeastSequence: chat.receivedUpTo }));
    expect(messages.filter(({ role }) => role === Role.USER).map(textOf)).toEqual(Array(4).fill('hello'));
  });

  test('messages that are posted at once are accepted and answered in order', async () => {
    using parley = client();
    await using chat = await parley.chat();
    const posted = ['one', 'two', 'three'].map((text) => chat.post(text));
    const sequences = await Promise.all(posted.map(async ({ accepted }) => (await accepted).sequence));
    expect(sequences).toEqual(sequences.toSorted((a, b) => Number(a - b)));
    for (const { reply } of posted) expect((await reply).status).toBe(MessageStatus.COMPLETED);
  });

  test('what happens is iterated until the chat is closed', async () => {
    using parley = client();
    const chat = await parley.chat();
    const events: ChatEvent[] = [];
    const reading = (async () => {
      for await (const event of chat) events.push(event);
    })();
    await (await chat.send('hello')).reply;
    await chat.close();
    await reading;
    const types = new Set(events.map(({ type }) => type));
    for (const type of ['accepted', 'replyStarted', 'replyGrown', 'replyCompleted', 'session', 'status'] as const)
      expect(types).toContain(type);
    expect(events.at(-1)).toMatchObject({ type: 'status', data: { state: 'closed' } });
  });

  test('a chat goes on after its connection broke amid a reply, which is drawn once', async () => {
    using parley = client();
    await using chat = await parley.chat();
    const { reply } = await chat.send('hello');
    const pieces: ReplyPiece[] = [];
    for await (const piece of reply) if (pieces.push(piece) === 3) chat.dropConnection();
    expect(drawn(pieces)).toBe(textOf(await reply));
    expect(pieces.filter(({ isReplacement }) => isReplacement)).toEqual([]);
  });

  test('another process takes the session over with what the first one kept, and the first one ends', async () => {
    const clientId = `traveller-${name}`.replaceAll(/\W+/g, '-');
    using parley = client(clientId);
    const first = await parley.chat();
    let kept: SessionState | undefined;
    first.on('session', (state) => (kept = state));
    await (await first.send('I am off')).reply;
    const reading = (async () => {
      for await (const _event of first);
    })();
    using other = client(clientId);
    await using second = await other.chat(kept);
    expect(second.conversationId).toBe(first.conversationId);
    const ended = await reading.then(undefined, (error: unknown) => error);
    expect(isRefusal(ended, 'SESSION_TAKEN_OVER')).toBe(true);
    await expect(first.send('still there?')).rejects.toMatchObject({ reason: 'SESSION_TAKEN_OVER' });
    expect((await second.send('here again')).accepted.conversationId).toBe(kept?.conversationId);
  });

  test('a second session without the token is refused with its reason', async () => {
    using parley = client();
    await using chat = await parley.chat();
    expect(chat.isOver).toBe(false);
    const refused = await parley.chat().then(undefined, (error: unknown) => error);
    expect(isRefusal(refused, 'ALREADY_CONNECTED')).toBe(true);
    expect(refused).toMatchObject({ codeName: 'ALREADY_EXISTS', knownReason: 'ALREADY_CONNECTED' });
  });

  test('a message, a conversation and a call are refused with their reasons, and the session goes on', async () => {
    using parley = client();
    await using chat = await parley.chat();
    const maxTextBytes = chat.limits?.maxTextBytes ?? 0;
    await expect(chat.send('x'.repeat(maxTextBytes + 1))).rejects.toMatchObject({
      name: 'MessageRefused',
      reason: 'TEXT_TOO_LONG',
      codeName: 'INVALID_ARGUMENT',
    });
    await expect(chat.send('')).rejects.toMatchObject({ reason: 'EMPTY_MESSAGE' });
    await expect(chat.join('00000000-0000-4000-8000-000000000000')).rejects.toMatchObject({ reason: 'NOT_FOUND' });
    const call = parley.history.getConversation({ conversationId: '00000000-0000-4000-8000-000000000000' });
    await expect(call).rejects.toMatchObject({ name: 'Refusal', reason: 'NOT_FOUND', codeName: 'NOT_FOUND' });
    expect((await (await chat.send('hello')).reply).status).toBe(MessageStatus.COMPLETED);
  });

  test('turns to a new conversation and back', async () => {
    using parley = client();
    await using chat = await parley.chat();
    await chat.send('in the first');
    const first = chat.conversationId;
    const second = await chat.join();
    expect(second).not.toBe(first);
    expect((await chat.send('in the second')).accepted.conversationId).toBe(second);
    expect(await chat.join(first)).toBe(first);
    expect((await chat.send('in the first again')).accepted.conversationId).toBe(first);
  });

  test('lists conversations and messages, and finds them, page by page', async () => {
    using parley = client();
    await using chat = await parley.chat();
    const posted = Array.from({ length: 3 }, (_, index) => chat.post(`teapot ${index}`));
    const { sequence: atLeastSequence } = await posted[2]!.reply;
    for (const { reply } of posted) await reply;
    const listed = await all(parley.messages(chat.conversationId, { atLeastSequence }));
    const said = listed.filter(({ clientMessageId }) => clientMessageId !== '');
    expect(said.map(textOf)).toEqual(['teapot 0', 'teapot 1', 'teapot 2']);
    expect(listed).toHaveLength(6);
    const [newest] = await all(parley.messages(chat.conversationId, { newestFirst: true, limit: 1 }));
    expect(newest?.sequence).toBe(atLeastSequence);
    const conversations = await all(parley.conversations({ limit: 5 }));
    expect(conversations.map(({ conversationId }) => conversationId)).toEqual([chat.conversationId]);
    const found = await all(parley.search('teapot 1'));
    expect(found.some((message) => textOf(message) === 'teapot 1')).toBe(true);
    const marked = (await all(parley.find('teap'))).flatMap(({ excerpt }) => excerpt.filter((piece) => piece.found));
    expect(new Set(marked.map(({ text }) => text))).toEqual(new Set(['teapot']));
  });

  test('media go in the message where they are small, else to the store first', async () => {
    using parley = client();
    await using chat = await parley.chat();
    const sound = new Blob([new Uint8Array(voice.bytes)], { type: voice.contentType });
    const source = blobSource(sound, Kind.VOICE);
    const small = await parley.mediaPart(source, { limits: chat.limits });
    expect(small).toMatchObject({ value: { value: { inlineData: expect.anything() } } });
    const stored = await parley.mediaPart(source);
    expect(stored).toMatchObject({ value: { value: { mediaId: expect.stringMatching(/./) } } });
    const { reply } = await chat.send([stored]);
    expect((await reply).parts.map(({ value }) => value.case)).toEqual(['text', 'media']);
  });

  test('signals end a connect, a send and a list, each with the reason of the signal', async () => {
    using parley = client();
    const gone = AbortSignal.abort(new Error('Enough.'));
    await expect(parley.chat({}, gone)).rejects.toThrow('Enough.');
    await using chat = await parley.chat();
    await expect(chat.send('hello', { signal: gone })).rejects.toThrow('Enough.');
    await expect(all(parley.conversations({ signal: gone }))).rejects.toThrow('Enough.');
    const stop = new AbortController();
    const { reply } = await chat.send('a long story', { signal: stop.signal });
    for await (const _piece of reply) stop.abort();
    expect((await reply).status).toBe(MessageStatus.STOPPED);
  });

  test('a chat resumes after its server was killed amid a reply, and what was posted meanwhile is answered', async () => {
    using parley = client();
    await using chat = await parley.chat();
    const first = await chat.send('before');
    const pieces: ReplyPiece[] = [];
    const reading = (async () => {
      for await (const piece of first.reply) pieces.push(piece);
    })();
    await new Promise((resolve) => chat.once('replyGrown', resolve));
    const lost = reached(chat, 'reconnecting');
    await server.stop('SIGKILL');
    expect((await lost).refusal).toBeInstanceOf(Refusal);
    const second = chat.post('while it was away');
    server = await server.restart();
    expect(textOf(await second.reply)).not.toBe('');
    await reading;
    expect(drawn(pieces)).toBe(textOf(await first.reply));
    const { sequence: atLeastSequence } = await second.reply;
    expect(await all(parley.messages(chat.conversationId, { atLeastSequence }))).toHaveLength(4);
  });
});
