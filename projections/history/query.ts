import { textOf } from '../../src/domain/conversation/events.ts';
import type { Excerpt } from '../../src/domain/conversation/excerpt.ts';
import type {
  AwaitingErasure,
  History,
  HistoryPage,
  HistoryPageRequest,
  MediaReferences,
  Missed,
} from '../../src/ports/history.ts';
import type { OperationsViews } from '../../src/ports/operations-views.ts';
import type { Collection, PageQuery, Place, ReadModelStore } from '../../src/ports/read-model.ts';
import { AskedWords } from './asked-words.ts';
import {
  type ConversationDocument,
  conversationsSpec,
  type MediaReferenceDocument,
  type MessageDocument,
  mediaReferenceId,
  mediaReferencesSpec,
  messagesSpec,
  processingSpec,
} from './document.ts';

/** The port's queries, and those of whoever calls a model, sweeps media or erases. All reads reject with ReadModelUnavailable. */
export interface HistoryQueries extends History, MediaReferences, AwaitingErasure {
  /** At most `maxMessages` messages before this sequence, newest first. */
  contextBefore(conversationId: string, sequence: number, maxMessages: number): Promise<readonly MessageDocument[]>;
}

/** The queries of the history read model on this store. */
export function history(store: ReadModelStore): HistoryQueries {
  const messages = store.collection(messagesSpec);
  const conversations = store.collection(conversationsSpec);
  const references = store.collection(mediaReferencesSpec);
  return {
    async getConversation(conversationId) {
      const found = await conversations.get(conversationId);
      return found?.deleted ? null : found;
    },
    async conversationStatus(conversationId) {
      const found = await conversations.get(conversationId);
      if (found === null) return 'unknown';
      return found.deleted ? 'deleted' : 'present';
    },
    async getMessage(messageId) {
      const found = await messages.get(messageId);
      return found?.deleted ? null : found;
    },
    async usageOf(clientId) {
      const sum = (field: 'messageCount' | 'historyBytes') => conversations.sum('byUpdate', [clientId], field);
      const [count, messageCount, bytes] = await Promise.all([
        conversations.count('byUpdate', [clientId]),
        sum('messageCount'),
        sum('historyBytes'),
      ]);
      return { conversations: count, messages: messageCount, bytes };
    },
    listConversations: (clientId, page) =>
      readPage(
        (range) => conversations.page({ index: 'byUpdate', equals: [clientId], descending: true, ...range }),
        page,
        (found) => ({ order: found.updateTimeMs, id: found.conversationId }),
      ),
    listMessages: (conversationId, page, newestFirst = false) =>
      readPage(
        (range) =>
          pageOf(messages, { index: 'bySequence', equals: [conversationId], descending: newestFirst, ...range }),
        page,
        (found) => ({ order: found.sequence, id: found.messageId }),
      ),
    searchMessages: (clientId, words, page) =>
      search(messages, clientId, words, page, {
        placeOf: (found) => ({ order: found.createTimeMs, id: found.messageId }),
        textOf: ({ parts }) => textOf(parts),
      }),
    searchTitles: (clientId, words, page) =>
      search(conversations, clientId, words, page, {
        placeOf: (found) => ({ order: found.createTimeMs, id: found.conversationId }),
        textOf: ({ title }) => title,
      }),
    replay: (...asked) => replay({ messages, conversations }, ...asked),
    contextBefore: (conversationId, sequence, maxMessages) =>
      pageOf(messages, {
        index: 'bySequence',
        equals: [conversationId],
        after: { order: sequence, id: '' },
        descending: true,
        limit: maxMessages,
      }),
    references: (mediaIds) => countReferences(references, mediaIds),
    awaitingErasure: (limit) => conversations.page({ index: 'byUnerased', equals: [], limit }),
  };
}

/** A conversation's messages that are not deleted: either none of them is, or all are. */
async function pageOf(messages: Collection<MessageDocument>, query: PageQuery): Promise<readonly MessageDocument[]> {
  const found = await messages.page(query);
  return found.some(({ deleted }) => deleted) ? found.filter(({ deleted }) => !deleted) : found;
}

interface Range {
  readonly after?: Place;
  readonly limit: number;
}

/** Reads one extra item, to know whether there is a next page. */
async function readPage<D extends object>(
  read: (range: Range) => Promise<readonly D[]>,
  { after, limit }: HistoryPageRequest,
  placeOf: (document: D) => Place,
): Promise<HistoryPage<D>> {
  const found = await read({ limit: limit + 1, ...(after && { after }) });
  const items = found.slice(0, limit);
  const last = items.at(-1);
  return { items, next: found.length > limit && last !== undefined ? placeOf(last) : null };
}

/** Pages of documents that an index names, and that are looked through for one page of what is found: most of them are found. */
const maxPagesLookedThrough = 10;

interface Searched<D> {
  readonly placeOf: (document: D) => Place;
  readonly textOf: (document: D) => string;
}

/** The index names every document that is found and a few others. Their texts tell, by the same rule that marks the words. */
async function search<D extends object>(
  collection: Collection<D>,
  clientId: string,
  words: readonly string[],
  { after: first, limit }: HistoryPageRequest,
  { placeOf, textOf: textIn }: Searched<D>,
): Promise<HistoryPage<D & { readonly excerpt: Excerpt }>> {
  const asked = new AskedWords(words);
  const found: (D & { readonly excerpt: Excerpt })[] = [];
  let after = first;
  for (let pages = 0; pages < maxPagesLookedThrough; pages++) {
    const range = { limit: limit + 1, ...(after && { after }) };
    const named = await collection.search({ equals: clientId, ...asked.terms, ...range });
    for (const document of named) {
      const excerpt = asked.excerptOf(textIn(document));
      const last = found.at(-1);
      if (excerpt !== null && found.length === limit) return { items: found, next: last ? placeOf(last) : null };
      if (excerpt !== null) found.push({ ...document, excerpt });
      after = placeOf(document);
    }
    if (named.length <= limit) return { items: found, next: null };
  }
  return { items: found, next: after ?? null };
}

/** Conversations that name one object, read at once: a client names its own, so there are few. */
const referencesBatch = 100;

async function countReferences(
  references: Collection<MediaReferenceDocument>,
  mediaIds: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (const mediaId of new Set(mediaIds)) {
    const count = await countMessages(references, mediaId);
    if (count > 0) counts.set(mediaId, count);
  }
  return counts;
}

async function countMessages(references: Collection<MediaReferenceDocument>, mediaId: string): Promise<number> {
  let count = 0;
  for (let after: Place | undefined; ; ) {
    const range = { limit: referencesBatch, ...(after && { after }) };
    const found = await references.page({ index: 'byMedia', equals: [mediaId], ...range });
    for (const { messageCount } of found) count += messageCount;
    const last = found.at(-1);
    if (last === undefined || found.length < referencesBatch) return count;
    after = { order: last.conversationId, id: mediaReferenceId(mediaId, last.conversationId) };
  }
}

/** Ids are greater than this: a place with it is past everything at its order. */
const pastAllIds = '\u{10ffff}';

interface Replayed {
  readonly messages: Collection<MessageDocument>;
  readonly conversations: Collection<ConversationDocument>;
}

async function* replay(
  { messages, conversations }: Replayed,
  conversationId: string,
  afterSequence: number,
  batchSize: number,
): AsyncIterable<readonly Missed[]> {
  const title = titleOf(await conversations.get(conversationId));
  for (let after = afterSequence; ; ) {
    const range = { equals: [conversationId], after: { order: after, id: pastAllIds }, limit: batchSize };
    const said = await pageOf(messages, { index: 'bySequence', ...range });
    const ended = await messages.page({ index: 'byUnanswered', ...range });
    const changes: readonly Missed[] = [
      ...said.map((message) => ({ at: message.sequence, message })),
      ...ended.map((message) => ({ at: message.finalSequence ?? message.sequence, message })),
      ...title.filter(({ at }) => at > after),
    ]
      .sort((left, right) => left.at - right.at)
      .slice(0, batchSize);
    const last = changes.at(-1);
    if (last === undefined) return;
    after = last.at;
    const missed = changes.filter((change) => isMissed(change, afterSequence));
    if (missed.length > 0) yield missed;
    // The usual case: a client that resumes has missed little, and many may resume at once.
    if (said.length + ended.length < batchSize) return;
  }
}

/** The title that somebody gave the conversation, if anybody did. */
function titleOf(conversation: ConversationDocument | null): readonly Missed[] {
  if (conversation?.titleSequence === undefined) return [];
  return [{ at: conversation.titleSequence, title: conversation.title }];
}

/** The later final event of a message has its outcome. */
function isMissed(change: Missed, afterSequence: number): boolean {
  if ('title' in change) return true;
  return change.at === change.message.sequence || change.message.sequence <= afterSequence;
}

/** More partitions than anybody configures. */
const maxPartitions = 10_000;

/** What is being answered and what waits, over all partitions. Rejects with ReadModelUnavailable. */
export async function processingTotals(store: ReadModelStore): ReturnType<OperationsViews['processing']> {
  const documents = await store.collection(processingSpec).scan('', maxPartitions);
  const pending = documents.flatMap(({ document }) => document.pending);
  const queued = pending.filter((message) => !message.processing);
  return {
    processing: pending.length - queued.length,
    queued: queued.length,
    oldestQueuedAtMs: queued.length === 0 ? null : Math.min(...queued.map(({ receivedAtMs }) => receivedAtMs)),
  };
}
