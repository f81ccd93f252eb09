import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { JournalEntry } from '../src/app/journal.ts';
import type { ConversationEvent } from '../src/domain/conversation/events.ts';
import { evolve, initialPartition, type PartitionState } from '../src/domain/conversation/partition-state.ts';
import type { ReadModelStore } from '../src/ports/read-model.ts';
import type { ConversationDocument, MessageDocument } from './history/document.ts';
import { historyProjection } from './models.ts';
import { openModel, PartitionFolder, retryNothing } from './partition-folder.ts';
import type { PartitionDocument } from './processing/document.ts';
import type { Projection } from './projection.ts';
import {
  conversationDeleted,
  conversationRenamed,
  conversationStarted,
  messageReceived,
  replyCompleted,
  replyFailed,
  replyStarted,
  stopRequested,
  workerClaimed,
} from './testing/conversation-events.ts';
import { Crash, MemoryStore } from './testing/memory-store.ts';

const runs = 2_000;

// Few ids, so that histories are full of repeats, late events and events about what is over.
const talk = fc.constantFrom('talk-0', 'talk-1');
const message = fc.constantFrom('m0', 'm1', 'm2', 'm3', 'm4');
const reply = fc.record({ claimId: fc.constantFrom('c0', 'c1', 'c2'), attempt: fc.integer({ min: 1, max: 3 }) });
const talkOf = (messageId: string) => `talk-${Number(messageId.slice(1)) % 2}`;
const clientOf = (conversationId: string) => `client of ${conversationId}`;

const event: fc.Arbitrary<ConversationEvent> = fc.oneof(
  { weight: 1, arbitrary: talk.map((id) => conversationStarted(id, clientOf(id))) },
  {
    weight: 6,
    arbitrary: message.map((id) => messageReceived(id, { conversationId: talkOf(id), clientId: clientOf(talkOf(id)) })),
  },
  { weight: 2, arbitrary: fc.constantFrom('c0', 'c1', 'c2').map(workerClaimed) },
  {
    weight: 5,
    arbitrary: fc
      .tuple(message, reply)
      .map(([id, fields]) => replyStarted(id, { ...fields, conversationId: talkOf(id) })),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(message, reply, fc.constantFrom('completed' as const, 'stopped' as const))
      .map(([id, fields, outcome]) => replyCompleted(id, { ...fields, outcome, conversationId: talkOf(id) })),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(message, reply, fc.constantFrom('STOPPED', 'POISON'))
      .map(([id, fields, reason]) => replyFailed(id, { ...fields, reason, conversationId: talkOf(id) })),
  },
  { weight: 1, arbitrary: message.map(stopRequested) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom('Plans', 'Dreams'), talk).map(([title, id]) => conversationRenamed(title, id)),
  },
  { weight: 1, arbitrary: talk.map(conversationDeleted) },
);

const events = fc.array(event, { maxLength: 60, size: 'max' });

/** One batch: how many records, whether the projector starts again before it, and how the store dies in it, if it does. */
const step = fc.record({
  records: fc.integer({ min: 1, max: 8 }),
  restart: fc.boolean(),
  crash: fc.option(fc.record({ written: fc.nat({ max: 6 }), order: fc.infiniteStream(fc.nat()) }), { freq: 3 }),
});

function recordsOf(happened: readonly ConversationEvent[]): readonly JournalEntry[] {
  return happened.map((each, offset) => ({ offset, timeMs: 1_000 + offset, decoded: { kind: 'event', event: each } }));
}

function resume(store: ReadModelStore): Promise<PartitionFolder> {
  return PartitionFolder.resume(openModel(historyProjection as Projection, store), 'conversations', 0, retryNothing);
}

async function inOnePass(records: readonly JournalEntry[]): Promise<MemoryStore> {
  const store = new MemoryStore();
  await (await resume(store)).fold(records);
  return store;
}

async function inSteps(
  records: readonly JournalEntry[],
  steps: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[],
) {
  const store = new MemoryStore();
  let folder = await resume(store);
  for (let turn = 0; folder.nextOffset < records.length; turn++) {
    // After the random steps, whatever is left in one go.
    const now = steps[turn] ?? { records: records.length, restart: false, crash: null };
    if (now.restart) folder = await resume(store);
    const { crash } = now;
    store.crash =
      crash === null ? undefined : (writes) => shuffle(writes, crash.order) && Math.min(crash.written, writes.length);
    try {
      await folder.fold(records.slice(folder.nextOffset, folder.nextOffset + now.records));
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      folder = await resume(store);
    }
  }
  return store;
}

function shuffle(items: unknown[], order: Iterator<number>): true {
  for (let index = items.length - 1; index > 0; index--) {
    const other = (order.next().value as number) % (index + 1);
    [items[index], items[other]] = [items[other], items[index]];
  }
  return true;
}

test('any batches, restarts and crashes give the same documents as one pass', async () => {
  await fc.assert(
    fc.asyncProperty(events, fc.array(step, { maxLength: 40, size: 'max' }), async (happened, steps) => {
      const records = recordsOf(happened);
      const once = await inOnePass(records);
      const often = await inSteps(records, steps);
      expect(often.everything()).toEqual(once.everything());
    }),
    { numRuns: runs },
  );
}, 120_000);

test('what is pending in the models is what the workers hold pending', async () => {
  await fc.assert(
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
      const waiting = messagesOf(documents).filter(({ pendingOf }) => pendingOf !== undefined);
      expect(waiting.map(({ messageId }) => messageId).sort()).toEqual(
        pending.map(({ messageId }) => messageId).sort(),
      );
    }),
    { numRuns: runs },
  );
}, 120_000);

test('each message has one final event, and each conversation counts its messages', async () => {
  await fc.assert(
    fc.asyncProperty(events, async (happened) => {
      const documents = (await inOnePass(recordsOf(happened))).everything();
      const messages = messagesOf(documents);
      const replies = messages.filter(({ role }) => role === 'assistant');
      for (const { messageId, replyToMessageId, sequence } of replies) {
        expect(documents[`messages/${replyToMessageId}`]).toMatchObject({
          replyMessageId: messageId,
          finalSequence: sequence,
        });
      }
      for (const { status, finalSequence, pendingOf } of messages) {
        expect(finalSequence !== null).toBe(['completed', 'failed', 'stopped'].includes(status));
        expect(pendingOf === undefined).toBe(finalSequence !== null);
      }
      for (const { conversationId, messageCount, lastSequence } of conversationsOf(documents)) {
        const said = messages.filter((each) => each.conversationId === conversationId);
        expect(messageCount).toBe(said.length);
        expect(lastSequence).toBe(Math.max(-1, ...said.map(({ sequence }) => sequence)));
      }
    }),
    { numRuns: runs },
  );
}, 120_000);

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
