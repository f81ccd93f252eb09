import type { Excerpt } from '../../domain/conversation/excerpt.ts';
import { wordsOf } from '../../domain/conversation/search-words.ts';
import { Refused } from '../../domain/errors/catalogue.ts';
import { historyWaitMs } from '../../domain/limits.ts';
import type {
  FoundConversation,
  History,
  HistoryConversation,
  HistoryMessage,
  HistoryProgress,
} from '../../ports/history.ts';
import type { Ids } from '../../ports/ids.ts';
import { actingClient, type Caller, checkOwner } from '../caller.ts';
import type { Conversations } from '../gateway/conversations.ts';
import { checkConversationId } from '../gateway/hello.ts';
import type { MediaLinks, PresentedMessage } from '../media/media-links.ts';
import { cutToBytes, effectivePageSize, pageToken, placeOfToken } from './page.ts';

export interface HistoryReadsDeps {
  readonly history: Pick<
    History,
    'getConversation' | 'listConversations' | 'listMessages' | 'searchMessages' | 'searchTitles'
  >;
  readonly progress: HistoryProgress;
  readonly conversations: Pick<Conversations, 'partition' | 'find'>;
  readonly ids: Pick<Ids, 'hash'>;
  readonly links: MediaLinks;
}

export interface PageArguments {
  readonly pageSize: number;
  readonly pageToken: string;
}

export interface ReadPage<T> {
  readonly items: readonly T[];
  readonly nextPageToken: string;
}

/** What was found. */
export interface FoundPage extends ReadPage<PresentedMessage & { readonly excerpt: Excerpt }> {
  readonly conversations: readonly FoundConversation[];
}

/** Reads the caller's own conversations and messages. All reads reject with ReadModelUnavailable. */
export class HistoryReads {
  readonly #deps: HistoryReadsDeps;

  constructor(deps: HistoryReadsDeps) {
    this.#deps = deps;
  }

  /** Newest activity first. Throws NOT_YOURS, CLIENT_ID_INVALID, PAGE_TOKEN_INVALID. */
  async listConversations(
    caller: Caller,
    namedClientId: string,
    page: PageArguments,
  ): Promise<ReadPage<HistoryConversation>> {
    const clientId = actingClient(caller, namedClientId);
    const list = `conversations/${clientId}`;
    const { items, next } = await this.#deps.history.listConversations(clientId, {
      after: placeOfToken(list, page.pageToken),
      limit: effectivePageSize(page.pageSize),
    });
    return { items, nextPageToken: pageToken(list, next) };
  }

  /** Throws CONVERSATION_ID_INVALID, NOT_FOUND, NOT_YOURS, and HISTORY_BEHIND while it may still be unknown; rejects with LogUnavailable. */
  async getConversation(caller: Caller, conversationId: string): Promise<HistoryConversation> {
    checkConversationId(conversationId);
    const conversation = await this.#deps.conversations.find(conversationId);
    if (conversation === null) throw new Refused('NOT_FOUND', 'there is no such conversation');
    checkOwner(caller, conversation.clientId);
    return conversation;
  }

  /**
   * By sequence, with fresh URLs of media. Throws CONVERSATION_ID_INVALID, NOT_FOUND, NOT_YOURS, PAGE_TOKEN_INVALID, HISTORY_BEHIND;
   * rejects with MediaUnavailable.
   */
  async listMessages(
    caller: Caller,
    conversationId: string,
    page: PageArguments & { readonly newestFirst: boolean; readonly atLeastSequence: number },
  ): Promise<ReadPage<PresentedMessage>> {
    checkConversationId(conversationId);
    const list = `messages/${conversationId}/${page.newestFirst}`;
    const after = placeOfToken(list, page.pageToken);
    const limit = effectivePageSize(page.pageSize);
    if (page.atLeastSequence > 0) await this.#reach(conversationId, page.atLeastSequence);
    await this.getConversation(caller, conversationId);
    const read = await this.#deps.history.listMessages(conversationId, { after, limit }, page.newestFirst);
    const { items, next } = cutToBytes(read, (message) => message.sequence);
    return { items: await this.#present(items), nextPageToken: pageToken(list, next) };
  }

  /**
   * The client's messages, and those that answer them, in which all words of the query are found, newest first; on the first page also conversations whose
   * titles have them. Throws NOT_YOURS, CLIENT_ID_INVALID, QUERY_INVALID, PAGE_TOKEN_INVALID; rejects with MediaUnavailable.
   */
  async searchMessages(caller: Caller, namedClientId: string, query: string, page: PageArguments): Promise<FoundPage> {
    const clientId = actingClient(caller, namedClientId);
    const words = searchedWords(query);
    // Hashed: a token with twenty long words in it would be longer than what they are looked for in.
    const list = `search/${this.#deps.ids.hash(`${words.join(' ')}/${clientId}`)}`;
    const after = placeOfToken(list, page.pageToken);
    const limit = effectivePageSize(page.pageSize);
    const { history } = this.#deps;
    const titles = after === undefined ? await history.searchTitles(clientId, words, { limit }) : { items: [] };
    const read = await history.searchMessages(clientId, words, { after, limit });
    const { items, next } = cutToBytes(read, (message) => message.createTimeMs);
    const presented = await this.#present(items);
    return {
      items: presented.map((one, index) => ({ ...one, excerpt: items[index]?.excerpt ?? [] })),
      conversations: titles.items,
      nextPageToken: pageToken(list, next),
    };
  }

  #present(messages: readonly HistoryMessage[]): Promise<readonly PresentedMessage[]> {
    return Promise.all(messages.map(async (message) => this.#deps.links.present(message, { inline: false })));
  }

  async #reach(conversationId: string, sequence: number): Promise<void> {
    const { progress, conversations } = this.#deps;
    const partition = conversations.partition(conversationId);
    if (await progress.reached(partition, sequence + 1, historyWaitMs)) return;
    const newest = progress.checkpoint(partition) - 1;
    const standing = newest < 0 ? 'history holds nothing yet' : `history has come to sequence ${newest}`;
    throw new Refused('HISTORY_BEHIND', `${standing}; ${sequence} did not come within ${historyWaitMs} ms`, {
      metadata: { history_sequence: String(Math.max(0, newest)), at_least_sequence: String(sequence) },
    });
  }
}

/** Maximum words of a query: each costs an index lookup. */
const maxQueryWords = 20;

/** UTF-16 units of a query: so many words of the greatest length that counts, and as much again between them. */
const maxQueryUnits = 2_560;

/** The words to look for, each once. Throws QUERY_INVALID unless there are 1 to 20. */
export function searchedWords(query: string): readonly string[] {
  // Before it is cut into words: a query may be as large as a frame.
  const words = query.length > maxQueryUnits ? undefined : wordsOf(query);
  if (words !== undefined && words.length > 0 && words.length <= maxQueryWords) return words;
  throw new Refused('QUERY_INVALID', undefined, {
    violations: [{ field: 'query', description: `1 to ${maxQueryWords} words of letters and numbers` }],
  });
}
