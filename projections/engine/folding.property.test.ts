import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { JournalEntry } from '../../src/app/journal.ts';
import { type ConversationEvent, mediaOf } from '../../src/domain/conversation/events.ts';
import { toldUsage } from '../../src/domain/conversation/invariants.ts';
import { evolve, initialPartition, type PartitionState } from '../../src/domain/conversation/partition-state.ts';
import { hourMs, startOf, usagePeriods } from '../../src/domain/conversation/usage-periods.ts';
import { nothingUsed, type UsageSums, withAttempt, withSums } from '../../src/domain/conversation/usage-sums.ts';
import { ReadModelUnavailable } from '../../src/ports/read-model.ts';
import { MemoryReadModelServer } from '../../src/testing/memory/read-model/memory-read-models.ts';
import { assertProperty } from '../../src/testing/property.ts';
import { rounds } from '../../src/testing/rounds.ts';
import type {
  ConversationDocument,
  MediaReferenceDocument,
  MessageDocument,
  PartitionDocument,
} from '../history/document.ts';
import { historyProjection } from '../history/project.ts';
import type { UsageDocument } from '../history/usage.ts';
import {
  conversationDeleted,
  conversationErased,
  conversationRenamed,
  conversationStarted,
  media,
  messageReceived,
  replyCompleted,
  replyFailed,
  replyProgress,
  replyStarted,
  stopRequested,
  text,
  usageOf,
  workerClaimed,
  workerReleased,
} from '../testing/conversation-events.ts';
import type { Projection } from './projection.ts';
import { openModel, PartitionFolder, retryNothing } from './runner.ts';

/** `read-model-differs` of the simulation looks at the same folds, in the whole composition. */
const runs = rounds({ usual: 500, long: 5_000 });

// Few ids, so that histories are full of repeats, late events and events about what is over.
const talk = fc.constantFrom('talk-0', 'talk-1');
const message = fc.constantFrom('m0', 'm1', 'm2', 'm3', 'm4');
const reply = fc.record({ claimId: fc.constantFrom('c0', 'c1', 'c2'), attempt: fc.integer({ min: 1, max: 3 }) });
const ends = ['completed', 'failed', 'stopped', 'lost'] as const;
/** What a record tells of the attempts at a message up to this one: of an attempt that some release did not tell of, nothing. */
function endedUpTo(attempt: number, messageId: string) {
  const number = Number(messageId.slice(1));
  const told = Array.from({ length: attempt }, (_, index) => index + 1).filter((each) => (each + number) % 3 > 0);
  return told.map((each) =>
    usageOf(each, { end: ends[(each * number) % ends.length] ?? 'lost', model: each === 2 ? 'owl' : 'parrot' }),
  );
}
const talkOf = (messageId: string) => `talk-${Number(messageId.slice(1)) % 2}`;
const clientOf = (conversationId: string) => `client of ${conversationId}`;

/** What is said: words, or media of which others are named elsewhere too, or both. */
const said = fc.constantFrom(
  undefined,
  [media('p0')],
  [media('p0'), text('see'), media('p0')],
  [media('p1', 'video')],
  [media('p0'), media('p1', 'voice')],
);

const event: fc.Arbitrary<ConversationEvent> = fc.oneof(
  { weight: 1, arbitrary: talk.map((id) => conversationStarted(id, clientOf(id))) },
  {
    weight: 6,
    arbitrary: fc
      .tuple(message, said)
      .map(([id, parts]) =>
        messageReceived(id, { conversationId: talkOf(id), clientId: clientOf(talkOf(id)), ...(parts && { parts }) }),
      ),
  },
  { weight: 2, arbitrary: fc.constantFrom('c0', 'c1', 'c2').map(workerClaimed) },
  { weight: 1, arbitrary: fc.constantFrom('c0', 'c1', 'c2').map(workerReleased) },
  {
    weight: 5,
    arbitrary: fc
      .tuple(message, reply)
      .map(([id, fields]) =>
        replyStarted(id, { ...fields, ended: endedUpTo(fields.attempt - 1, id), conversationId: talkOf(id) }),
      ),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(message, reply)
      .map(([id, fields]) => replyProgress(id, 'so far', { ...fields, conversationId: talkOf(id) })),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(message, reply, fc.constantFrom('completed' as const, 'stopped' as const), said)
      .map(([id, fields, outcome, parts]) =>
        replyCompleted(id, {
          ...fields,
          outcome,
          ended: endedUpTo(fields.attempt, id),
          conversationId: talkOf(id),
          ...(parts && { parts }),
        }),
      ),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(message, reply, fc.constantFrom('STOPPED', 'POISON'))
      .map(([id, fields, reason]) =>
        replyFailed(id, { ...fields, reason, ended: endedUpTo(fields.attempt, id), conversationId: talkOf(id) }),
      ),
  },
  { weight: 1, arbitrary: message.map(stopRequested) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom('Plans', 'Dreams'), talk).map(([title, id]) => conversationRenamed(title, id)),
  },
  { weight: 1, arbitrary: talk.map(conversationDeleted) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(talk, fc.nat(60), fc.nat(3))
      .map(([id, through, records]) => ({ ...conversationErased(id, through), records })),
  },
);

const events = fc.array(event, { maxLength: 60, size: 'max' });

/** One batch: how many records, whether the projector starts again before it, and in which of its writes the store dies, if it does. */
const step = fc.record({
  records: fc.integer({ min: 1, max: 8 }),
  restart: fc.boolean(),
  crash: fc.option(
    fc.record({ before: fc.nat({ max: 4 }), written: fc.nat({ max: 6 }), order: fc.infiniteStream(fc.nat()) }),
    { freq: 3 },
  ),
});

function recordsOf(happened: readonly ConversationEvent[], stepMs = 1): readonly JournalEntry[] {
  return happened.map((each, offset) => ({
    offset,
    timeMs: 1_000 + offset * stepMs,
    decoded: { kind: 'event', event: each },
  }));
}

function resume(server: MemoryReadModelServer): Promise<PartitionFolder> {
  const model = openModel(historyProjection as Projection, server.handle('write'));
  return PartitionFolder.resume(model, 'conversations', 0, retryNothing);
}

async function inOnePass(records: readonly JournalEntry[]): Promise<MemoryReadModelServer> {
  const server = new MemoryReadModelServer();
  await (await resume(server)).fold(records);
  return server;
}

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** The log as it is at each turn, whose words may have left it meanwhile. */
async function inSteps(logAt: (turn: number) => readonly JournalEntry[], steps: readonly Step[]) {
  const server = new MemoryReadModelServer();
  let folder = await resume(server);
  for (let turn = 0; folder.nextOffset < logAt(turn).length; turn++) {
    // After the random steps, whatever is left in one go.
    const now = steps[turn] ?? { records: logAt(turn).length, restart: false, crash: null };
    if (now.restart) folder = await resume(server);
    server.interrupt = now.crash === null ? undefined : dyingAs(now.crash);
    try {
      await folder.fold(logAt(turn).slice(folder.nextOffset, folder.nextOffset + now.records));
    } catch (error) {
      if (!(error instanceof ReadModelUnavailable)) throw error;
      folder = await resume(server);
    }
  }
  return server;
}

function dyingAs({
  before,
  written,
  order,
}: NonNullable<Step['crash']>): NonNullable<MemoryReadModelServer['interrupt']> {
  let left = before;
  return (writes) => {
    if (left-- > 0) return undefined;
    shuffle(writes, order);
    return Math.min(written, writes.length);
  };
}

/** Conversations that were there when they were deleted. */
function deletedIn(happened: readonly ConversationEvent[]): ReadonlySet<string> {
  const known = new Set<string>();
  const deleted = new Set<string>();
  for (const each of happened) {
    if (each.type === 'ConversationStarted' || each.type === 'MessageReceived') known.add(each.conversationId);
    if (each.type === 'ConversationDeleted' && known.has(each.conversationId)) deleted.add(each.conversationId);
  }
  return deleted;
}

/** The events as the log has them once the words of deleted conversations are out of it. */
function redact(happened: readonly ConversationEvent[]): readonly ConversationEvent[] {
  const deleted = deletedIn(happened);
  return happened.map((each) => {
    if (!('conversationId' in each) || !deleted.has(each.conversationId)) return each;
    if ('parts' in each) return { ...each, parts: [] };
    return each.type === 'ConversationRenamed' ? { ...each, title: '' } : each;
  });
}

function shuffle(items: unknown[], order: Iterator<number>): true {
  for (let index = items.length - 1; index > 0; index--) {
    const other = (order.next().value as number) % (index + 1);
    [items[index], items[other]] = [items[other], items[index]];
  }
  return true;
}

test('any batches, restarts and crashes give the same documents as one pass', async () => {
  await assertProperty(
    fc.asyncProperty(events, fc.array(step, { maxLength: 40, size: 'max' }), async (happened, steps) => {
      const records = recordsOf(happened);
      const once = await inOnePass(records);
      const often = await inSteps(() => records, steps);
      expect(often.everything()).toEqual(once.everything());
    }),
    { numRuns: runs },
  );
});

test('whenever the words of deleted conversations leave the log, the documents are the same', async () => {
  await assertProperty(
    fc.asyncProperty(
      events,
      fc.array(step, { maxLength: 40, size: 'max' }),
      fc.nat(20),
      async (happened, steps, turn) => {
        const records = recordsOf(happened);
        const erased = recordsOf(redact(happened));
        const withWords = (await inOnePass(records)).everything();
        expect((await inOnePass(erased)).everything()).toEqual(withWords);
        const meanwhile = await inSteps((now) => (now < turn ? records : erased), steps);
        expect(meanwhile.everything()).toEqual(withWords);
      },
    ),
    { numRuns: runs },
  );
});

test('of a deleted conversation nothing that was said is left, and it waits to be erased until it was', async () => {
  await assertProperty(
    fc.asyncProperty(events, async (happened) => {
      const documents = (await inOnePass(recordsOf(happened))).everything();
      const deleted = deletedIn(happened);
      for (const conversation of conversationsOf(documents)) {
        const { conversationId } = conversation;
        expect(conversation.deleted).toBe(deleted.has(conversationId));
        expect(conversation.unerasedSinceMs !== undefined).toBe(awaitsErasure(happened, conversationId));
        if (conversation.deleted) expect(conversation).toMatchObject({ title: '', messageCount: 0 });
      }
      for (const message of messagesOf(documents)) {
        expect(message.deleted === true).toBe(deleted.has(message.conversationId));
        if (message.deleted) expect(message).toMatchObject({ role: 'user', parts: [], clientMessageId: '' });
      }
    }),
    { numRuns: runs },
  );
});

/** Whether something was said there, or the conversation deleted, that no erasure has found since. */
function awaitsErasure(happened: readonly ConversationEvent[], conversationId: string): boolean {
  let begun = false;
  let deleted = false;
  let awaits = false;
  let saidLate = -1;
  const received = new Set<string>();
  for (const [offset, event] of happened.entries()) {
    if (!('conversationId' in event) || event.conversationId !== conversationId) continue;
    const hasWords = ['MessageReceived', 'ReplyProgress', 'ReplyCompleted', 'ConversationRenamed'].includes(event.type);
    if (deleted && hasWords) [awaits, saidLate] = [true, offset];
    else if (event.type === 'ConversationErased')
      awaits &&= saidLate > event.throughSequence || event.records < received.size;
    else if (begun && !deleted && event.type === 'ConversationDeleted') [deleted, awaits] = [true, true];
    else if (!deleted && event.type === 'MessageReceived') received.add(event.messageId);
    begun ||= event.type === 'ConversationStarted' || event.type === 'MessageReceived';
  }
  return awaits;
}

test('media are referred to by exactly the messages that are shown', async () => {
  await assertProperty(
    fc.asyncProperty(events, async (happened) => {
      const documents = (await inOnePass(recordsOf(happened))).everything();
      const expected: Record<string, number> = {};
      for (const { conversationId, parts } of messagesOf(documents)) {
        for (const mediaId of new Set(mediaOf(parts).map((part) => part.mediaId))) {
          const key = `media_references/${mediaId}@${conversationId}`;
          expected[key] = (expected[key] ?? 0) + 1;
        }
      }
      const found = Object.entries(documents).filter(([key]) => key.startsWith('media_references/'));
      const counts = found.map(([key, document]) => [key, (document as MediaReferenceDocument).messageCount]);
      expect(Object.fromEntries(counts)).toEqual(expected);
    }),
    { numRuns: runs },
  );
});

test('what is pending in the models is what the workers hold pending', async () => {
  await assertProperty(
    fc.asyncProperty(events, async (happened) => {
      const documents = (await inOnePass(recordsOf(happened))).everything();
      const state = happened.reduce<PartitionState>(
        (before, each, offset) => evolve(before, each, { offset, timeMs: 1_000 + offset }),
        initialPartition,
      );
      const pending = [...state.pending].map(({ messageId, processing, receivedAtMs }) => ({
        messageId,
        processing,
        receivedAtMs,
      }));
      const document = documents['processing/0'] as PartitionDocument | undefined;
      expect(document?.pending ?? []).toEqual(pending);
      const waiting = messagesOf(documents).filter(
        ({ role, finalSequence, deleted: isGone }) => role === 'user' && finalSequence === null && !isGone,
      );
      const deleted = deletedIn(happened);
      const shown = pending.filter(({ messageId }) => !deleted.has(talkOf(messageId)));
      expect(waiting.map(({ messageId }) => messageId).sort()).toEqual(shown.map(({ messageId }) => messageId).sort());
    }),
    { numRuns: runs },
  );
});

test('usage is what the rule of the partition counts, by client and for all, by model, hour, day and month', async () => {
  await assertProperty(
    fc.asyncProperty(events, async (happened) => {
      const records = recordsOf(happened, 7 * hourMs);
      const documents = (await inOnePass(records)).everything();
      const found = Object.entries(documents).flatMap(([key, document]) =>
        key.startsWith('usage/') ? [document as UsageDocument] : [],
      );
      const keys = found.map(({ period, startMs, clientId = 'all', model }) =>
        [period, startMs, clientId, model].join(),
      );
      expect(new Set(keys).size).toBe(found.length);
      const sums = found.map((document, index) => [keys[index], withSums(nothingUsed, document)]);
      expect(Object.fromEntries(sums)).toEqual(usageOfAll(records));
    }),
    { numRuns: runs },
  );
});

/** By period, its beginning, client or all, and model: what the log's rule counts. */
function usageOfAll(records: readonly JournalEntry[]): Record<string, UsageSums> {
  const sums: Record<string, UsageSums> = {};
  let state = initialPartition;
  for (const { decoded, offset, timeMs } of records) {
    if (decoded.kind !== 'event') continue;
    const event = decoded.event as ConversationEvent;
    const before = state;
    state = evolve(before, event, { offset, timeMs });
    const told = toldUsage(before, event, state);
    for (const usage of told?.usages ?? []) {
      for (const period of usagePeriods) {
        for (const whose of [told?.clientId, 'all']) {
          const key = [period, startOf(period, timeMs), whose, usage.model].join();
          sums[key] = withAttempt(sums[key] ?? nothingUsed, usage);
        }
      }
    }
  }
  return sums;
}

test('each message has one final event, and each conversation counts its messages', async () => {
  await assertProperty(
    fc.asyncProperty(events, async (happened) => {
      const documents = (await inOnePass(recordsOf(happened))).everything();
      const messages = messagesOf(documents).filter(({ deleted }) => !deleted);
      const replies = messages.filter(({ role }) => role === 'assistant');
      for (const { messageId, replyToMessageId, sequence } of replies) {
        expect(documents[`messages/${replyToMessageId}`]).toMatchObject({
          replyMessageId: messageId,
          finalSequence: sequence,
        });
      }
      for (const { status, finalSequence } of messages)
        expect(finalSequence !== null).toBe(['completed', 'failed', 'stopped'].includes(status));
      for (const { conversationId, messageCount, lastSequence } of conversationsOf(documents)) {
        const said = messages.filter((each) => each.conversationId === conversationId);
        expect(messageCount).toBe(said.length);
        expect(lastSequence).toBe(Math.max(-1, ...said.map(({ sequence }) => sequence)));
      }
    }),
    { numRuns: runs },
  );
});

function messagesOf(documents: Record<string, unknown>): MessageDocument[] {
  return Object.entries(documents).flatMap(([key, document]) =>
    key.startsWith('messages/') ? [document as MessageDocument] : [],
  );
}

function conversationsOf(documents: Record<string, unknown>): ConversationDocument[] {
  return Object.entries(documents).flatMap(([key, document]) =>
    key.startsWith('conversations/') ? [document as ConversationDocument] : [],
  );
}
