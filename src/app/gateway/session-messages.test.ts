import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { nodeCryptoIds } from '../../adapters/node/node-crypto-ids.ts';
import type { ConversationEvent, Part } from '../../domain/conversation/events.ts';
import { Refused } from '../../domain/errors/catalogue.ts';
import { LogUnavailable } from '../../ports/event-log.ts';
import { MediaUnavailable } from '../../ports/media-store.ts';
import { messageReceived, replyFailed } from '../../testing/conversation-events.ts';
import { seededRandom, testSeeds } from '../../testing/random.ts';
import { FollowedLog, settled } from '../following/testing/followed-log.ts';
import type { OutgoingMedia, OutgoingMessage, OutgoingPart } from './accept-message.ts';
import { knownRefusal } from './refusal.ts';
import type { Session, SessionSettings } from './session.ts';
import { SentEvents, SessionWorld } from './testing/session-world.ts';

const maxPendingPerClient = 5;
const bytes = Buffer.from('bytes');
const voice: OutgoingMedia = {
  kind: 'media',
  mediaKind: 'voice',
  contentType: 'audio/mpeg',
  inlineData: bytes,
  mediaId: '',
  sizeBytes: 0,
  sha256: Buffer.alloc(0),
  fileName: '',
};
const stored: Part = { kind: 'voice', mediaId: 'v', contentType: 'audio/mpeg', sizeBytes: 5, sha256: '00' };

let world: SessionWorld;
let sent: SentEvents;
let messageWaitMs: number;
let settings: SessionSettings & { maxHistoryBytesPerClient: number | undefined };
/** What the library does with media; the test decides when and how it ends. */
let takes: { readonly resolve: () => void; readonly reject: (error: Error) => void }[];
let session: Session;
/** Whether the session `session` holds its slot for certain. */
let mayServe: boolean;

beforeEach(async () => {
  [takes, messageWaitMs, mayServe] = [[], 0, true];
  settings = {
    ...{ maxWaitForSlotMs: 0, firstMessageDeadlineMs: 60_000, staleAfterMs: 45_000 },
    ...{
      maxPendingPerClient,
      maxTextBytes: 1_000,
      maxMediaBytes: 1_000_000,
      maxInlineBytes: 1_000,
      maxHistoryBytesPerClient: undefined,
    },
  };
  world = new SessionWorld();
  await world.append({ type: 'ConversationStarted', conversationId: 'c', clientId: 'client' });
  await begin();
});
afterEach(() => world[Symbol.asyncDispose]());

/** A session in conversation `c`, live. */
async function begin(): Promise<void> {
  sent = new SentEvents();
  session = await opened(sent, () => mayServe);
}

async function opened(output: SentEvents, isServed: () => boolean): Promise<Session> {
  const media = {
    take: (parts: readonly { kind: string }[]) =>
      new Promise<readonly Part[]>((resolve, reject) => {
        const taken = parts.map((part) => (part.kind === 'text' ? (part as Part) : stored));
        takes.push({ resolve: () => resolve(taken), reject });
      }),
  };
  const writes = { take() {}, messageWaitMs: () => messageWaitMs, takeMessage() {} };
  const one = await world.session('c', output, { settings, media, writes, mayServe: isServed });
  // The welcome.
  output.events.splice(0);
  return one;
}

/** As whoever calls tells it: an error of a port by its refusal. */
function send(to: Session, message: OutgoingMessage) {
  return to.send(message).catch((error: unknown) => {
    throw knownRefusal(error) ?? error;
  });
}

function say(clientMessageId: string, ...parts: readonly OutgoingPart[]) {
  return send(session, { clientMessageId, parts });
}

const text = (words: string): OutgoingPart => ({ kind: 'text', text: words });

async function inLog(): Promise<string[]> {
  const { journal } = world.followed;
  const entries = await journal.read<ConversationEvent>('test.conversations', 0, 0, 1_000);
  return entries.flatMap(({ decoded }) =>
    decoded.kind === 'event' && decoded.event.type === 'MessageReceived' ? [decoded.event.clientMessageId] : [],
  );
}

const idOf = (clientMessageId: string) => nodeCryptoIds.messageId('c', clientMessageId);

/** The message has its end. */
async function ended(messageId: string): Promise<void> {
  await world.append({ ...replyFailed('c/x', ''), messageId });
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

describe('what a client says', () => {
  test.each(testSeeds)(
    'stands in the log in the order in which it came, however long its media take (TEST_SEED=%i)',
    async (seed) => {
      const random = seededRandom(seed);
      const said: string[] = [];
      for (let round = 0; round < 10; round += 1) {
        const answers = Array.from({ length: maxPendingPerClient }, (_, index) => {
          const id = `${round}.${index}`;
          said.push(id);
          return say(id, ...(random() < 0.5 ? [text(id)] : [text(id), voice]));
        });
        let settled = false;
        const all = Promise.all(answers).finally(() => {
          settled = true;
        });
        await until(() => {
          if (random() < 0.5) takes.shift()?.resolve();
          return settled;
        });
        for (const { messageId } of await all) await ended(messageId);
      }
      expect(await inLog()).toEqual(said);
    },
  );

  test('is one message when it is repeated while its media are being stored', async () => {
    const first = say('a', voice);
    await until(() => takes.length === 1);
    const repeat = say('a', voice);
    takes[0]?.resolve();
    expect(await repeat).toEqual({ ...(await first), duplicate: true });
    expect(takes).toHaveLength(1);
    expect(await inLog()).toEqual(['a']);
  });

  test.each([
    [new Refused('MEDIA_MISMATCH'), 'MEDIA_MISMATCH'],
    [new MediaUnavailable('away'), 'MEDIA_UNAVAILABLE'],
  ])('was not said when its media are refused: %s', async (error, reason) => {
    const refused = say('a', voice);
    await until(() => takes.length === 1);
    takes.shift()?.reject(error);
    await expect(refused).rejects.toMatchObject({ reason });
    expect([world.spoken, session.unanswered, sent.events]).toEqual([0, 0, []]);
    const again = say('a', voice);
    await until(() => takes.length === 1);
    takes.shift()?.resolve();
    expect(await again).toMatchObject({ duplicate: false });
    expect(world.spoken).toBe(1);
    expect(await inLog()).toEqual(['a']);
  });

  test('is refused when history has no room for it, and is taken once it has, or while it is away', async () => {
    settings.maxHistoryBytesPerClient = 256;
    const tooMuch = { reason: 'HISTORY_QUOTA_EXCEEDED' };
    await expect(say('a', text('more'))).rejects.toMatchObject(tooMuch);
    await expect(say('b', voice, text('more'))).rejects.toMatchObject(tooMuch);
    expect([takes.length, world.writesRefused]).toEqual([0, ['history', 'history']]);
    settings.maxHistoryBytesPerClient = 260;
    await say('a', text('more'));
    settings.maxHistoryBytesPerClient = 1;
    world.isHistoryAway = true;
    await say('c', text('more'));
    expect(await inLog()).toEqual(['a', 'c']);
  });

  test('is refused before anything is written when it is too much in a minute; what was said before may be repeated', async () => {
    const first = await say('a', text('once'));
    messageWaitMs = 1_233.5;
    const tooMany = { reason: 'TOO_MANY_MESSAGES', retryDelayMs: 1_234 };
    await expect(say('b', text('more'))).rejects.toMatchObject(tooMany);
    expect(await say('a', text('once'))).toEqual({ ...first, duplicate: true });
    expect([takes.length, world.writesRefused]).toEqual([0, ['message']]);
    messageWaitMs = 0;
    await say('b', text('more'));
    expect(await inLog()).toEqual(['a', 'b']);
  });

  test('is bounded in what waits with media, and text goes on', async () => {
    const waiting = Array.from({ length: maxPendingPerClient }, (_, index) => say(`${index}`, voice));
    await expect(say('one more', voice)).rejects.toMatchObject({ reason: 'TOO_MANY_PENDING' });
    for (const _ of waiting) {
      await until(() => takes.length > 0);
      takes.shift()?.resolve();
    }
    const [first] = await Promise.all(waiting);
    await expect(say('text', text('too many all the same'))).rejects.toMatchObject({ reason: 'TOO_MANY_PENDING' });
    await ended(first?.messageId ?? '');
    await say('text', text('now'));
    expect(takes).toHaveLength(0);
  });

  // A repeat was told that it is accepted, and never what came of it: as the session had been told that the append failed, it waited for nothing.
  test('is told where it stands, and what comes of it, when its append only seemed to fail', async () => {
    world.followed.log.appendFault = () => 'lost-answer';
    world.followed.stall();
    await expect(say('a', text('words'))).rejects.toMatchObject({ reason: 'LOG_UNAVAILABLE' });
    world.followed.log.appendFault = () => 'none';
    const repeat = say('a', text('words'));
    await settled();
    world.followed.goOn();
    const messageId = idOf('a');
    expect(await repeat).toMatchObject({ messageId, sequence: 1 });
    expect(await say('a', text('words'))).toMatchObject({ messageId, sequence: 1, duplicate: true });
    // The log was not read when it was said again: the fold knows the second for a repeat.
    expect(await inLog()).toEqual(['a', 'a']);
    await ended(messageId);
    expect(sent.lines).toEqual([
      `accepted ${messageId} 1`,
      `accepted ${messageId} 1 again`,
      `rejected ${messageId} PROVIDER_FAILED`,
    ]);
  });

  test('is told where it stands though its append is answered with a failure later', async () => {
    const { log } = world.followed;
    const append = log.append.bind(log);
    log.append = async (records) => {
      const [at] = await append(records);
      await world.following.folded(0, (at?.offset ?? 0) + 1);
      throw new LogUnavailable('answer lost by the test', 'unknown');
    };
    expect(await say('a', text('words'))).toMatchObject({ sequence: 1, duplicate: false });
    expect(sent.lines).toEqual([`accepted ${idOf('a')} 1`]);
  });

  test('is not taken in a conversation that was deleted', async () => {
    await world.append({ type: 'ConversationDeleted', conversationId: 'c' });
    await expect(say('a', text('words'))).rejects.toMatchObject({ reason: 'NOT_FOUND' });
    expect(await inLog()).toEqual([]);
  });

  // It was taken from a session that had lost its slot while history was asked whether the message is new.
  test('is not taken when the session has lost its slot meanwhile', async () => {
    await beginLate();
    const answer = Promise.withResolvers<void>();
    const { conversations } = world;
    const said = conversations.said.bind(conversations);
    conversations.said = (...about) => answer.promise.then(() => said(...about));
    const refused = say('b', text('words'));
    await settled();
    mayServe = false;
    answer.resolve();
    await expect(refused).rejects.toMatchObject({ reason: 'LOG_UNAVAILABLE' });
    expect([await inLog(), session.unanswered]).toEqual([['a'], 0]);
  });

  test('is known for a repeat from before what the log that is followed knows', async () => {
    await beginLate();
    expect(await say('a', text('words'))).toMatchObject({ sequence: 1, duplicate: true });
    expect([await inLog(), world.spoken]).toEqual([['a'], 1]);
  });

  test('is not taken when the session has lost its slot while its media were stored', async () => {
    const refused = say('a', voice);
    await until(() => takes.length === 1);
    mayServe = false;
    takes[0]?.resolve();
    await expect(refused).rejects.toMatchObject({ reason: 'LOG_UNAVAILABLE' });
    expect([await inLog(), session.unanswered, world.spoken]).toEqual([[], 0, 0]);
  });

  // The repeat shared the fate of the first, and the session that had been resumed ended with SESSION_NOT_FOUND, as if it were the one before.
  test('is taken by the session that goes on when the one before has ended while its media were stored', async () => {
    const first = say('a', voice);
    await until(() => takes.length === 1);
    const next = await opened(new SentEvents(), () => true);
    const repeat = send(next, { clientMessageId: 'a', parts: [voice] });
    const after = send(next, { clientMessageId: 'b', parts: [text('after it')] });
    session.lost();
    takes[0]?.resolve();
    await expect(first).rejects.toMatchObject({ reason: 'SESSION_NOT_FOUND' });
    await until(() => takes.length === 2);
    takes[1]?.resolve();
    expect(await repeat).toMatchObject({ duplicate: false });
    await after;
    expect(await inLog()).toEqual(['a', 'b']);
  });

  test('in two sessions at once is one message, and each is told where that stands', async () => {
    const other = await opened(new SentEvents(), () => true);
    const message = { clientMessageId: 'a', parts: [text('words')] };
    const told = await Promise.all([send(session, message), send(other, message)]);
    expect(told.map(({ sequence }) => sequence)).toEqual([1, 1]);
    expect([session.unanswered, other.unanswered]).toEqual([1, 1]);
  });

  test('is not waited for when its append has failed for certain, and new when it is said again', async () => {
    world.followed.log.appendFault = () => 'refused';
    await expect(say('a', text('words'))).rejects.toMatchObject({ reason: 'LOG_UNAVAILABLE' });
    expect(session.unanswered).toBe(0);
    world.followed.log.appendFault = () => 'none';
    expect(await say('a', text('words'))).toMatchObject({ sequence: 1, duplicate: false });
    expect(await inLog()).toEqual(['a']);
  });

  // What is said in the other conversation would stand in the log before it, or its Accepted be told there.
  test('is told where it stands before the session turns to another conversation', async () => {
    await world.append({ type: 'ConversationStarted', conversationId: 'd', clientId: 'client' });
    const said = say('a', text('words'));
    const turned = session.join('d', Number.MAX_SAFE_INTEGER);
    await Promise.all([said, turned]);
    const next = await say('b', text('words'));
    expect([(await said).conversationId, next.conversationId]).toEqual(['c', 'd']);
    expect(sent.lines).toEqual([`accepted ${idOf('a')} 2`, 'joined', `accepted ${next.messageId} 3`]);
  });
});

/** A session at a gateway that knows of message `a` in conversation `c` only what the log holds from its beginning. */
async function beginLate(): Promise<void> {
  await world[Symbol.asyncDispose]();
  const log = new FollowedLog();
  await log.append({ type: 'ConversationStarted', conversationId: 'c', clientId: 'client' });
  const messageId = idOf('a');
  await log.append(messageReceived('c/a', { messageId, clientMessageId: 'a' }), {
    ...replyFailed('c/a', ''),
    messageId,
  });
  await log.commit(3);
  world = new SessionWorld({ lookBackRecords: 0 }, log);
  world.isHistoryAway = true;
  await settled();
  await begin();
}
