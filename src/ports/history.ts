import type { Part } from '../domain/conversation/events.ts';
import type { Excerpt } from '../domain/conversation/excerpt.ts';

/** What was said, as far as the projection has come: the queries of projections/history. All reads reject with ReadModelUnavailable. */
export interface History {
  /** The conversation, also before something was said in it; null when there is none or it was deleted. */
  getConversation(conversationId: string): Promise<HistoryConversation | null>;
  /** Tells a conversation that was deleted from one that the model lacks: only the former is for ever. */
  conversationStatus(conversationId: string): Promise<ConversationStatus>;
  getMessage(messageId: string): Promise<HistoryMessage | null>;
  /** What the client's conversations, as `listConversations` gives them, come to. */
  usageOf(clientId: string): Promise<HistoryUsage>;
  /** The client's conversations in which something was said, newest activity first. */
  listConversations(clientId: string, page: HistoryPageRequest): Promise<HistoryPage<HistoryConversation>>;
  /** The messages of a conversation by sequence, oldest first unless told otherwise. */
  listMessages(
    conversationId: string,
    page: HistoryPageRequest,
    newestFirst?: boolean,
  ): Promise<HistoryPage<HistoryMessage>>;
  /**
   * The messages in the client's conversations in which all of these words (domain/conversation/search-words.ts) are found: themselves, words that
   * begin with them, and their other forms in English and German. Newest first by the log's time. At least one word. A page may have fewer than its
   * limit, or none, and another one after it.
   */
  searchMessages(
    clientId: string,
    words: readonly string[],
    page: HistoryPageRequest,
  ): Promise<HistoryPage<FoundMessage>>;
  /** Likewise the client's conversations with a title that somebody gave them, those begun last first. Other titles are of a message, which is found. */
  searchTitles(
    clientId: string,
    words: readonly string[],
    page: HistoryPageRequest,
  ): Promise<HistoryPage<FoundConversation>>;
  /**
   * Everything that a client who knows all up to `afterSequence` has missed, in order, in batches of at most `batchSize`: the messages
   * after it, the user messages up to it that ended without a reply after it (at the place where they ended), and the newest title, if it was given
   * after it.
   */
  replay(conversationId: string, afterSequence: number, batchSize: number): AsyncIterable<readonly Missed[]>;
}

/** What was missed, and where it stands in the partition: a message, or its end; or a title that somebody gave the conversation. */
export type Missed =
  | { readonly at: number; readonly message: HistoryMessage }
  | { readonly at: number; readonly title: string };

/** What the sweep and the eraser ask. */
export interface MediaReferences {
  /** How many messages of conversations that are not deleted name each of the objects; one that is missing is named by none. */
  references(mediaIds: readonly string[]): Promise<ReadonlyMap<string, number>>;
}

/** Conversations that were deleted and whose content is still in the log: no ConversationErased that covers it was met. Longest ago first. */
export interface AwaitingErasure {
  awaitingErasure(limit: number): Promise<readonly DeletedConversation[]>;
}

/** A deleted conversation, and what the log must hold of it. */
export interface DeletedConversation {
  readonly conversationId: string;
  /** The log's time of its deletion, milliseconds since the epoch. */
  readonly updateTimeMs: number;
  /** Offset of the record that began it. */
  readonly firstSequence: number;
  /** Messages of its client before it was deleted: at least so many records hold its content. */
  readonly sentMessages: number;
}

/** How far the history read model has come. */
export interface HistoryProgress {
  /** The offset of the next record of the partition that the model needs. */
  checkpoint(partition: number): number;
  /** True as soon as the checkpoint has reached `offset`: everything before it is in the model. False after the time limit. */
  reached(partition: number, offset: number, timeoutMs: number): Promise<boolean>;
  /**
   * What `ask` answers of a model that held everything before these offsets, by partition, from before it was asked until after. Null when the
   * model does not come so far in time, or begins again meanwhile: it would answer as if most had never been. Rejects as `ask` and `reached`.
   */
  whole<T>(upTo: ReadonlyMap<number, number>, timeoutMs: number, ask: () => Promise<T>): Promise<WholeAnswer<T> | null>;
}

/** An answer, which may itself be null. */
export interface WholeAnswer<T> {
  readonly answer: T;
}

/** `unknown`: the model never met it, or does not hold it (yet, or any more). What was deleted stays known as deleted. */
export type ConversationStatus = 'present' | 'deleted' | 'unknown';

/** A place in a list, for the page after it. */
export interface HistoryPlace {
  readonly order: number | string;
  readonly id: string;
}

export interface HistoryPageRequest {
  /** `next` of the page before; absent for the first. */
  readonly after?: HistoryPlace | undefined;
  readonly limit: number;
}

export interface HistoryPage<D> {
  readonly items: readonly D[];
  /** null on the last page. */
  readonly next: HistoryPlace | null;
}

export interface HistoryConversation {
  readonly conversationId: string;
  readonly clientId: string;
  readonly title: string;
  readonly createTimeMs: number;
  readonly updateTimeMs: number;
  readonly messageCount: number;
  readonly lastSequence: number;
}

/** A conversation whose title was found. */
export interface FoundConversation extends HistoryConversation {
  /** Of the title. */
  readonly excerpt: Excerpt;
}

/** What a client's conversations come to. */
export interface HistoryUsage {
  readonly conversations: number;
  readonly messages: number;
  /** As domain/conversation/history-bytes.ts counts them. */
  readonly bytes: number;
}

export type HistoryStatus = 'queued' | 'processing' | 'completed' | 'failed' | 'stopped';

export interface HistoryMessage {
  readonly messageId: string;
  readonly conversationId: string;
  readonly clientId: string;
  readonly sequence: number;
  readonly role: 'user' | 'assistant';
  readonly parts: readonly Part[];
  readonly status: HistoryStatus;
  /** Of a reply: it has no end. */
  readonly incomplete?: true | undefined;
  /** For a reply: the user message it answers, else ''. */
  readonly replyToMessageId: string;
  /** Of a message that has its reply: that reply; else ''. */
  readonly replyMessageId: string;
  readonly clientMessageId: string;
  readonly createTimeMs: number;
  /** null until the status is final. */
  readonly completeTimeMs: number | null;
  readonly model: string;
  readonly failureReason: string;
  readonly failureDetail: string;
  /** Of a user message: the last attempt begun, 0 before the first. */
  readonly attempt: number;
}

/** A message that was found. */
export interface FoundMessage extends HistoryMessage {
  /** Of its text. */
  readonly excerpt: Excerpt;
}
