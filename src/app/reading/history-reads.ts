import { textOf } from '../../domain/conversation/events.ts';
import { utf8Length } from '../../domain/conversation/utf8.ts';
import { Refused } from '../../domain/errors/catalogue.ts';
import { historyWaitMs, maxPageBytes } from '../../domain/limits.ts';
import type {
  History,
  HistoryConversation,
  HistoryMessage,
  HistoryPlace,
  HistoryProgress,
} from '../../ports/history.ts';
import type { Ids } from '../../ports/ids.ts';
import { checkConversationId, isChosenId } from '../gateway/hello.ts';
import { effectivePageSize, pageToken, placeOfToken } from './page.ts';

export interface HistoryReadsDeps {
  readonly history: History;
  readonly progress: HistoryProgress;
  readonly ids: Ids;
  /** Of the conversations topic. */
  readonly partitions: number;
}

export interface PageArguments {
  readonly pageSize: number;
  readonly pageToken: string;
}

export interface ReadPage<T> {
  readonly items: readonly T[];
  readonly nextPageToken: string;
}

/** Reads what was said. */
export class HistoryReads {
  readonly #deps: HistoryReadsDeps;

  constructor(deps: HistoryReadsDeps) {
    this.#deps = deps;
  }

  /** Newest activity first. Throws CLIENT_ID_INVALID, PAGE_TOKEN_INVALID. */
  async listConversations(clientId: string, page: PageArguments): Promise<ReadPage<HistoryConversation>> {
    if (!isChosenId(clientId)) {
      throw new Refused('CLIENT_ID_INVALID', undefined, {
        violations: [{ field: 'client_id', description: 'whose conversations; needed where authentication is off' }],
      });
    }
    const list = `conversations/${clientId}`;
    const { items, next } = await this.#deps.history.listConversations(clientId, {
      after: placeOfToken(list, page.pageToken),
      limit: effectivePageSize(page.pageSize),
    });
    return { items, nextPageToken: pageToken(list, next) };
  }

  /** Throws CONVERSATION_ID_INVALID, NOT_FOUND. */
  async getConversation(conversationId: string): Promise<HistoryConversation> {
    checkConversationId(conversationId);
    const conversation = await this.#deps.history.getConversation(conversationId);
    if (conversation === null) throw new Refused('NOT_FOUND', 'there is no such conversation');
    return conversation;
  }

  /** By sequence. Throws CONVERSATION_ID_INVALID, NOT_FOUND, PAGE_TOKEN_INVALID, HISTORY_BEHIND. */
  async listMessages(
    conversationId: string,
    page: PageArguments & { readonly newestFirst: boolean; readonly atLeastSequence: number },
  ): Promise<ReadPage<HistoryMessage>> {
    checkConversationId(conversationId);
    const list = `messages/${conversationId}/${page.newestFirst}`;
    const after = placeOfToken(list, page.pageToken);
    const limit = effectivePageSize(page.pageSize);
    if (page.atLeastSequence > 0) await this.#reach(conversationId, page.atLeastSequence);
    await this.getConversation(conversationId);
    const read = await this.#deps.history.listMessages(conversationId, { after, limit }, page.newestFirst);
    const { items, next } = cutToBytes(read.items, read.next);
    return { items, nextPageToken: pageToken(list, next) };
  }

  async #reach(conversationId: string, sequence: number): Promise<void> {
    const { progress, ids, partitions } = this.#deps;
    const partition = ids.partition(conversationId, partitions);
    if (await progress.reached(partition, sequence + 1, historyWaitMs)) return;
    throw new Refused('HISTORY_BEHIND', `history is at ${progress.checkpoint(partition) - 1}, not yet at ${sequence}`);
  }
}

/** Long messages make a short page: the rest comes with the next token. */
function cutToBytes(items: readonly HistoryMessage[], next: HistoryPlace | null) {
  let bytes = 0;
  const over = items.findIndex((message) => {
    bytes += utf8Length(textOf(message.parts));
    return bytes > maxPageBytes;
  });
  if (over < 1) return { items, next };
  const kept = items.slice(0, over);
  const last = kept.at(-1);
  return { items: kept, next: last === undefined ? next : { order: last.sequence, id: last.messageId } };
}
