import { textOf } from '../../src/domain/conversation/events.ts';
import { wordsOf } from '../../src/domain/conversation/search-words.ts';
import type { HistoryConversation, HistoryMessage } from '../../src/ports/history.ts';
import type { CollectionSpec } from '../../src/ports/read-model.ts';
import { withUnicode } from '../engine/unicode-version.ts';

/** The read model that conversations, their messages and what is in processing belong to. */
export const historyModel = 'history';

/** One message, said by a client or in answer to it. */
export interface MessageDocument extends HistoryMessage {
  /** IANA zone of the client when it spoke. */
  readonly timeZone: string;
  /** Of the client when it spoke; absent: none. */
  readonly group?: string | undefined;
  /** Offset of the last event that changed it. */
  readonly changedSequence: number;
  /** Offset of the event that made the status final; null before. */
  readonly finalSequence: number | null;
  /** The conversation, when the message ended without a reply: only then is the document in that index. */
  readonly unansweredIn?: string | undefined;
  /** When it was given up because it cost too many workers: only then is the document in that index. */
  readonly poisonedAtMs?: number | undefined;
  /**
   * A message of a deleted conversation, without content. It is never returned, but without it a late repeat would look like a new message, and stay
   * pending forever, and what its attempts use would count twice or not at all.
   */
  readonly deleted?: true | undefined;
  /** Attempts whose usage is counted because the start of a later one said what they used. */
  readonly told?: readonly ToldAttempt[] | undefined;
}

/** An attempt, and the offset of the start that was the first to say what it used. */
export interface ToldAttempt {
  readonly attempt: number;
  readonly at: number;
}

/** A conversation, without its messages. `lastSequence` is −1 before the first. */
export interface ConversationDocument extends HistoryConversation {
  /** Offset of the record that began it: the eraser looks from there on. */
  readonly firstSequence: number;
  /** Messages of its client that count, without those after its deletion: an erasure of fewer records is not complete. */
  readonly sentMessages: number;
  /** Of its messages, as domain/conversation/history-bytes.ts counts them. */
  readonly historyBytes: number;
  readonly deleted: boolean;
  /** Offset of the record that gave it its title; absent while nobody has renamed it. */
  readonly titleSequence?: number | undefined;
  /** The client, once something was said and unless deleted: only then is it listed. */
  readonly listedFor?: string | undefined;
  /** Of a deleted one, when that was, as long as its words may still be in the log: only then is it in that index. */
  readonly unerasedSinceMs?: number | undefined;
  /** Of a deleted one: the last record that put words into the log after the deletion. */
  readonly saidLateSequence?: number | undefined;
}

/** How many messages of a conversation, which is not deleted, name an object. */
export interface MediaReferenceDocument {
  readonly mediaId: string;
  readonly conversationId: string;
  readonly messageCount: number;
}

/** A message that waits for its answer. */
export interface PendingMessage {
  readonly messageId: string;
  readonly receivedAtMs: number;
  readonly processing: boolean;
}

/** What one partition has to do, oldest first: no longer than clients may have unanswered. */
export interface PartitionDocument {
  readonly partition: number;
  readonly pending: readonly PendingMessage[];
}

export const messagesSpec: CollectionSpec<MessageDocument> = {
  name: 'messages',
  model: historyModel,
  version: withUnicode(7),
  indexes: {
    bySequence: { equals: ['conversationId'], order: 'sequence' },
    byUnanswered: { equals: ['unansweredIn'], order: 'finalSequence' },
    byPoison: { equals: [], order: 'poisonedAtMs' },
  },
  search: { equals: 'clientId', order: 'createTimeMs', words: wordsSaid },
  constant: ['conversationId', 'sequence', 'createTimeMs'],
};

export const conversationsSpec: CollectionSpec<ConversationDocument> = {
  name: 'conversations',
  model: historyModel,
  version: withUnicode(7),
  indexes: {
    byUpdate: { equals: ['listedFor'], order: 'updateTimeMs' },
    byUnerased: { equals: [], order: 'unerasedSinceMs' },
  },
  search: { equals: 'listedFor', order: 'createTimeMs', words: wordsOfTitle },
};

export const mediaReferencesSpec: CollectionSpec<MediaReferenceDocument> = {
  name: 'media_references',
  model: historyModel,
  version: 1,
  indexes: {
    byMedia: { equals: ['mediaId'], order: 'conversationId' },
    byConversation: { equals: ['conversationId'], order: 'mediaId' },
  },
  constant: ['mediaId', 'conversationId'],
};

/** In this model, because its messages tell which events count. */
export const processingSpec: CollectionSpec<PartitionDocument> = {
  name: 'processing',
  model: historyModel,
  version: 1,
  indexes: {},
};

/** Neither id holds an @. */
export function mediaReferenceId(mediaId: string, conversationId: string): string {
  return `${mediaId}@${conversationId}`;
}

/** The words of a message that it is found by, each once or more. */
export function wordsSaid({ parts }: MessageDocument): readonly string[] {
  return wordsOf(textOf(parts));
}

/** Only of a title that somebody gave: the words of others are those of a message, and would be kept twice. */
function wordsOfTitle({ title, titleSequence }: ConversationDocument): readonly string[] {
  return titleSequence === undefined ? [] : wordsOf(title);
}
