import type { History, HistoryPage } from '../../src/ports/history.ts';
import type { Collection, PageQuery, Place, ReadModelStore } from '../../src/ports/read-model.ts';
import { conversationsSpec, type MessageDocument, messagesSpec } from './document.ts';

/** The port's queries, and those of whoever calls a model. All reads reject with ReadModelUnavailable. */
export interface HistoryQueries extends History {
  /** At most `maxMessages` messages before this sequence, newest first. */
  contextBefore(conversationId: string, sequence: number, maxMessages: number): Promise<readonly MessageDocument[]>;
}

/** The queries of the history read model on this store. */
export function history(store: ReadModelStore): HistoryQueries {
  const messages = store.collection(messagesSpec);
  const conversations = store.collection(conversationsSpec);
  return {
    async getConversation(conversationId) {
      const found = await conversations.get(conversationId);
      return found?.deleted ? null : found;
    },
    getMessage: (messageId) => messages.get(messageId),
    listConversations: (clientId, page) =>
      readPage(conversations, { index: 'byUpdate', equals: [clientId], descending: true, ...page }, (found) => ({
        order: found.updateTimeMs,
        id: found.conversationId,
      })),
    listMessages: (conversationId, page, newestFirst = false) =>
      readPage(messages, { index: 'bySequence', equals: [conversationId], descending: newestFirst, ...page }, placeOf),
    replay: (conversationId, afterSequence, batchSize) => replay(messages, conversationId, afterSequence, batchSize),
    contextBefore: (conversationId, sequence, maxMessages) =>
      messages.page({
        index: 'bySequence',
        equals: [conversationId],
        after: { order: sequence, id: '' },
        descending: true,
        limit: maxMessages,
      }),
    searchMessages: () => Promise.reject(new Error('not built yet')),
    pendingOf: (clientId, limit) => messages.page({ index: 'byPendingClient', equals: [clientId], limit }),
  };
}

function placeOf(message: MessageDocument): Place {
  return { order: message.sequence, id: message.messageId };
}

/** One more than asked for tells whether there is a next page. */
async function readPage<D extends object>(
  collection: Collection<D>,
  query: PageQuery,
  place: (document: D) => Place,
): Promise<HistoryPage<D>> {
  const found = await collection.page({ ...query, limit: query.limit + 1 });
  const items = found.slice(0, query.limit);
  const last = items.at(-1);
  return { items, next: found.length > query.limit && last !== undefined ? place(last) : null };
}

/** Ids are greater than this: a place with it is past everything at its order. */
const pastAllIds = '\u{10ffff}';

async function* replay(
  messages: Collection<MessageDocument>,
  conversationId: string,
  afterSequence: number,
  batchSize: number,
): AsyncIterable<readonly MessageDocument[]> {
  for (let after = afterSequence; ; ) {
    const range = { equals: [conversationId], after: { order: after, id: pastAllIds }, limit: batchSize };
    const said = await messages.page({ index: 'bySequence', ...range });
    const ended = await messages.page({ index: 'byUnanswered', ...range });
    const changes = [
      ...said.map((message) => ({ at: message.sequence, message })),
      ...ended.map((message) => ({ at: message.finalSequence ?? message.sequence, message })),
    ]
      .sort((left, right) => left.at - right.at)
      .slice(0, batchSize);
    const last = changes.at(-1);
    if (last === undefined) return;
    after = last.at;
    const missed = changes.filter(({ at, message }) => at === message.sequence || message.sequence <= afterSequence);
    if (missed.length > 0) yield missed.map(({ message }) => message);
  }
}
