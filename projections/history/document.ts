import type { HistoryConversation, HistoryMessage } from '../../src/ports/history.ts';
import type { CollectionSpec } from '../../src/ports/read-model.ts';

/** The read model that conversations, their messages and what is in processing belong to. */
export const historyModel = 'history';

/** One message, said by a client or in answer to it. */
export interface MessageDocument extends HistoryMessage {
  /** IANA zone of the client when it spoke. */
  readonly timeZone: string;
  /** Offset of the last event that changed it. */
  readonly changedSequence: number;
  /** Offset of the event that made the status final; null before. */
  readonly finalSequence: number | null;
  /** The client, while it waits for an answer to this message: only then is the document in that index. */
  readonly pendingOf?: string | undefined;
  /** The conversation, when the message ended without a reply: only then is the document in that index. */
  readonly unansweredIn?: string | undefined;
}

/** A conversation, without its messages. `lastSequence` is −1 before the first. */
export interface ConversationDocument extends HistoryConversation {
  readonly deleted: boolean;
  /** The client, once something was said and unless deleted: only then is it listed. */
  readonly listedFor?: string | undefined;
}

export const messagesSpec: CollectionSpec<MessageDocument> = {
  name: 'messages',
  model: historyModel,
  version: 1,
  indexes: {
    bySequence: { equals: ['conversationId'], order: 'sequence' },
    byPendingClient: { equals: ['pendingOf'], order: 'createTimeMs' },
    byUnanswered: { equals: ['unansweredIn'], order: 'finalSequence' },
  },
  constant: ['conversationId', 'sequence', 'createTimeMs'],
};

export const conversationsSpec: CollectionSpec<ConversationDocument> = {
  name: 'conversations',
  model: historyModel,
  version: 1,
  indexes: { byUpdate: { equals: ['listedFor'], order: 'updateTimeMs' } },
};
