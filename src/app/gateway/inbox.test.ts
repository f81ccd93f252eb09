import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { openSqliteLog, type WritableSqliteLog } from '../../adapters/event-log/sqlite/sqlite-log.ts';
import { nodeCryptoIds } from '../../adapters/ids/node-crypto/node-crypto-ids.ts';
import { inProcessBus } from '../../adapters/live-bus/in-process/in-process-bus.ts';
import type { MessageReceived, Part } from '../../domain/conversation/events.ts';
import { Refused } from '../../domain/errors/catalogue.ts';
import type { HistoryMessage, HistoryProgress } from '../../ports/history.ts';
import { MediaUnavailable } from '../../ports/media-store.ts';
import { eventCodec } from '../../testing/event-codec.ts';
import { FaultyLog } from '../../testing/faulty-log.ts';
import { seededRandom, testSeeds } from '../../testing/random.ts';
import { Journal } from '../journal.ts';
import { Acceptance } from './acceptance.ts';
import { Inbox } from './inbox.ts';
import type { OutgoingMedia, OutgoingPart } from './outgoing-message.ts';
import { Replies } from './replies.ts';
import type { SessionEvent } from './session-event.ts';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const uncounted = { refused() {}, accepted() {}, replied() {}, historyRead() {}, sessionEnded() {} };
const clock = { nowMs: () => 0, monotonicMs: () => 0, sleep: async () => {} };
const maxPendingPerClient = 5;
const settings = { maxPendingPerClient, maxTextBytes: 1_000, maxInlineBytes: 1_000 };
const bytes = Buffer.from('bytes');
const voice: OutgoingMedia = {
  kind: 'media',
  mediaKind: 'voice',
  contentType: 'audio/mpeg',
  inlineData: bytes,
  mediaId: '',
  sizeBytes: 0,
  sha256: Buffer.alloc(0),
};
const stored: Part = { kind: 'voice', mediaId: 'v', contentType: 'audio/mpeg', sizeBytes: 5, sha256: '00' };

let folder: string;
let log: WritableSqliteLog;
let faulty: FaultyLog;
/** What history answers to the next questions about a message; then that it knows none. */
let known: (HistoryMessage | null)[];
let events: SessionEvent[];
let spoken: number;
/** What the library does with media; the test decides when and how it ends. */
let takes: { readonly resolve: () => void; readonly reject: (error: Error) => void }[];
let replies: Replies;
let inbox: Inbox;
/** The inbox of another session of the client in the same process. */
let nextInbox: Inbox;
/** Why the session takes nothing now. */
let inactive: Refused | undefined;
/** Another store has taken the place of the one whose progress is known. */
let isReplaced: boolean;
/** Awaited before history answers. */
let beforeAnswer: Promise<void>;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-inbox-'));
  log = await openSqliteLog({ mode: 'write', dataDir: folder, topics: { 't.connections': 1, 't.conversations': 1 } });
  faulty = new FaultyLog(log);
  [events, spoken, takes, known] = [[], 0, [], []];
  [inactive, isReplaced, beforeAnswer] = [undefined, false, Promise.resolve()];
  const journal = new Journal(faulty, eventCodec, 't');
  const progress: HistoryProgress = {
    checkpoint: () => 0,
    reached: async () => true,
    whole: async (_upTo, _timeoutMs, ask) => (isReplaced ? null : { answer: await ask() }),
  };
  // History lags, unless the test says otherwise: nothing that was said is in it yet.
  const getMessage = () => beforeAnswer.then(() => known.shift() ?? null);
  const history = { getMessage, async *replay() {} };
  const conversations = {
    partition: () => 0,
    caughtUp: async () => 0,
    isGone: async () => false,
    pendingOf: async () => ({ messages: [], ends: [0] }),
  };
  const common = { conversations, history, clock, ids: nodeCryptoIds, logger: quiet, metrics: uncounted };
  const output = { emit: (event: SessionEvent) => void events.push(event), writable: async () => {}, end() {} };
  replies = new Replies({ ...common, bus: inProcessBus(), output, onChange() {}, onFault() {} }, 'c');
  const deps: ConstructorParameters<typeof Inbox>[0] = {
    ...common,
    replies,
    clientId: 'ann',
    timeZone: 'UTC',
    acceptance: new Acceptance({ journal, history, progress, ids: nodeCryptoIds }),
    media: {
      take: (parts) =>
        new Promise((resolve, reject) => {
          const taken = parts.map((part): Part => (part.kind === 'text' ? part : stored));
          takes.push({ resolve: () => resolve(taken), reject });
        }),
    },
    settings,
    checkActive() {
      if (inactive !== undefined) throw inactive;
    },
    onSpoken: () => {
      spoken += 1;
    },
  };
  inbox = new Inbox(deps, Promise.resolve());
  nextInbox = new Inbox({ ...deps, checkActive() {} }, Promise.resolve());
});

afterEach(async () => {
  await log[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

function say(clientMessageId: string, ...parts: readonly OutgoingPart[]) {
  return inbox.take({ clientMessageId, parts }, 0);
}

const text = (words: string): OutgoingPart => ({ kind: 'text', text: words });

async function inLog(): Promise<string[]> {
  const entries = await new Journal(log, eventCodec, 't').read<MessageReceived>('t.conversations', 0, 0, 1_000);
  return entries.map(({ decoded }) => (decoded.kind === 'event' ? decoded.event.clientMessageId : '?'));
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
        for (const { messageId } of await all) replies.pending.remove(messageId);
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
    expect([spoken, replies.pending.size, events]).toEqual([0, 0, []]);
    const again = say('a', voice);
    await until(() => takes.length === 1);
    takes.shift()?.resolve();
    expect(await again).toMatchObject({ duplicate: false });
    expect(spoken).toBe(1);
    expect(await inLog()).toEqual(['a']);
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
    replies.pending.remove(first?.messageId ?? '');
    await say('text', text('now'));
    expect(takes).toHaveLength(0);
  });

  // A repeat was told that it is accepted, and never what came of it: as the session had been told that the append failed, it waited for nothing.
  test.each([
    ['history knows it by then', 0],
    ['history comes to know it only after the repeat', 1],
  ])('is told where it stands, and waited for, when its append only seemed to fail: %s', async (_, asksBefore) => {
    faulty.appendFault = () => 'lost-answer';
    await expect(say('a', text('words'))).rejects.toMatchObject({ reason: 'LOG_UNAVAILABLE' });
    expect(replies.pending.size).toBe(0);
    faulty.appendFault = () => 'none';
    const messageId = nodeCryptoIds.messageId('c', 'a');
    const first = { messageId, conversationId: 'c', sequence: 0, createTimeMs: 5 } as HistoryMessage;
    known = [...Array<null>(asksBefore).fill(null), first];
    expect(await say('a', text('words'))).toMatchObject({ messageId, sequence: 0, timeMs: 5, duplicate: true });
    expect(replies.pending.get(messageId)).toMatchObject({ sequence: 0 });
    expect(await inLog()).toHaveLength(1 + asksBefore);
  });

  // It was taken from a session that had lost its slot while history was asked whether the message is new.
  test('is not taken when the session has lost its slot meanwhile', async () => {
    const answer = Promise.withResolvers<void>();
    beforeAnswer = answer.promise;
    const refused = say('a', text('words'));
    await new Promise((resolve) => setImmediate(resolve));
    inactive = new Refused('LOG_UNAVAILABLE');
    answer.resolve();
    await expect(refused).rejects.toMatchObject({ reason: 'LOG_UNAVAILABLE' });
    expect([await inLog(), replies.pending.size]).toEqual([[], 0]);
  });

  test('is not taken when the session has lost its slot while its media were stored', async () => {
    const refused = say('a', voice);
    await until(() => takes.length === 1);
    inactive = new Refused('LOG_UNAVAILABLE');
    takes[0]?.resolve();
    await expect(refused).rejects.toMatchObject({ reason: 'LOG_UNAVAILABLE' });
    expect([await inLog(), replies.pending.size, spoken]).toEqual([[], 0, 0]);
  });

  // Cause: history was asked for the first of the two once it had come so far, and not whether it still had: the place of the repeat was told.
  test('in doubt and said again is told its place by no store that was replaced', async () => {
    faulty.appendFault = () => 'lost-answer';
    await expect(say('a', text('words'))).rejects.toMatchObject({ reason: 'LOG_UNAVAILABLE' });
    faulty.appendFault = () => 'none';
    isReplaced = true;
    await expect(say('a', text('words'))).rejects.toMatchObject({ reason: 'HISTORY_BEHIND' });
    expect(await inLog()).toEqual(['a', 'a']);
  });

  // The repeat shared the fate of the first, and the session that had been resumed ended with SESSION_NOT_FOUND, as if it were the one before.
  test('is taken by the session that goes on when the one before has ended while its media were stored', async () => {
    const first = say('a', voice);
    await until(() => takes.length === 1);
    const repeat = nextInbox.take({ clientMessageId: 'a', parts: [voice] }, 0);
    const after = nextInbox.take({ clientMessageId: 'b', parts: [text('after it')] }, 0);
    inactive = new Refused('SESSION_NOT_FOUND');
    takes[0]?.resolve();
    await expect(first).rejects.toMatchObject({ reason: 'SESSION_NOT_FOUND' });
    let isRefused = false;
    repeat.catch(() => {
      isRefused = true;
    });
    await until(() => takes.length === 2 || isRefused);
    takes[1]?.resolve();
    expect(await repeat).toMatchObject({ duplicate: false });
    await after;
    expect(await inLog()).toEqual(['a', 'b']);
  });

  test('is not waited for when its append has failed for certain, and new when it is said again', async () => {
    faulty.appendFault = () => 'refused';
    await expect(say('a', text('words'))).rejects.toMatchObject({ reason: 'LOG_UNAVAILABLE' });
    expect(replies.pending.isInDoubt(nodeCryptoIds.messageId('c', 'a'))).toBe(false);
    faulty.appendFault = () => 'none';
    expect(await say('a', text('words'))).toMatchObject({ sequence: 0, duplicate: false });
    expect(await inLog()).toEqual(['a']);
  });
});
