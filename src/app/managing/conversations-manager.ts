import type { ConversationDeleted, ConversationRenamed } from '../../domain/conversation/events.ts';
import { Refused } from '../../domain/errors/catalogue.ts';
import { historyWaitMs } from '../../domain/limits.ts';
import type { History, HistoryConversation, HistoryProgress } from '../../ports/history.ts';
import { type Caller, checkOwner } from '../caller.ts';
import type { Conversations } from '../gateway/conversations.ts';
import { checkConversationId } from '../gateway/hello.ts';
import type { Journal } from '../journal.ts';
import type { ClientWrites } from '../rate-limits/client-writes.ts';

export interface ConversationsManagerDeps {
  readonly journal: Journal;
  readonly history: Pick<History, 'getConversation'>;
  readonly progress: HistoryProgress;
  readonly conversations: Pick<Conversations, 'partition' | 'partitionWhole'>;
  readonly writes: Pick<ClientWrites, 'take'>;
}

/**
 * Renames and deletes conversations. Everything rejects with LogUnavailable or ReadModelUnavailable; doing it again is safe, whatever
 * became of the first time.
 */
export class ConversationsManager {
  readonly #deps: ConversationsManagerDeps;
  /** By conversation: a second deletion waits for the first, and finds nothing left. */
  readonly #deletions = new Map<string, Promise<void>>();

  constructor(deps: ConversationsManagerDeps) {
    this.#deps = deps;
  }

  /**
   * The conversation as it stands after its new title. Throws CONVERSATION_ID_INVALID, TITLE_INVALID, NOT_FOUND, NOT_YOURS, TOO_MANY_WRITES,
   * and HISTORY_BEHIND also when the title is in the log and history does not show it in time.
   */
  async rename(caller: Caller, conversationId: string, wish: string): Promise<HistoryConversation> {
    checkConversationId(conversationId);
    const title = checkedTitle(wish);
    const { clientId } = await this.#find(caller, conversationId);
    this.#deps.writes.take(clientId, 'rename', caller.clientAddress);
    await this.#append({ type: 'ConversationRenamed', conversationId, title }, 'the new title');
    return this.#find(caller, conversationId);
  }

  /**
   * Deletes a conversation. Once this has answered, no read gives anything of it; its words and media go for good a little later. Throws
   * CONVERSATION_ID_INVALID, NOT_FOUND, NOT_YOURS, TOO_MANY_WRITES, and HISTORY_BEHIND also when the deletion is in the log and history does not show it in time.
   */
  async delete(caller: Caller, conversationId: string): Promise<void> {
    checkConversationId(conversationId);
    const remove = () => this.#delete(caller, conversationId);
    // What became of the one before is told to its own caller; this one finds out whether there is still something to delete.
    const deletion = (this.#deletions.get(conversationId) ?? Promise.resolve()).then(remove, remove);
    this.#deletions.set(conversationId, deletion);
    try {
      await deletion;
    } finally {
      if (this.#deletions.get(conversationId) === deletion) this.#deletions.delete(conversationId);
    }
  }

  async #delete(caller: Caller, conversationId: string): Promise<void> {
    const { clientId } = await this.#find(caller, conversationId);
    this.#deps.writes.take(clientId, 'delete', caller.clientAddress);
    await this.#append({ type: 'ConversationDeleted', conversationId }, 'the deletion');
  }

  /** As far as the log goes now: a conversation that has just begun, or just gone, is known. */
  async #find(caller: Caller, conversationId: string): Promise<HistoryConversation> {
    const { conversations, history } = this.#deps;
    const partition = conversations.partition(conversationId);
    const conversation = await conversations.partitionWhole(partition, () => history.getConversation(conversationId));
    if (conversation === null) throw new Refused('NOT_FOUND', 'there is no such conversation');
    checkOwner(caller, conversation.clientId);
    return conversation;
  }

  /** Resolves when history shows it. */
  async #append(event: ConversationRenamed | ConversationDeleted, what: string): Promise<void> {
    const { journal, progress, conversations } = this.#deps;
    const partition = conversations.partition(event.conversationId);
    const [at] = await journal.appendConversation(partition, event.conversationId, [event]);
    if (at === undefined) throw new Error('the log answered an append of one record with none');
    if (await progress.reached(partition, at.offset + 1, historyWaitMs)) return;
    throw new Refused('HISTORY_BEHIND', `${what} is in the log, and history does not show it yet`);
  }
}

/** Characters of a title: what a list shows of a conversation, not a place to write in. */
const maxTitleCharacters = 200;

/** Control characters and the breaks of lines and paragraphs: a title is one line. */
const unprintable = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u;

/** The title without spaces around it. Throws TITLE_INVALID unless 1 to 200 characters are left, none of them a control character. */
export function checkedTitle(wish: string): string {
  const title = wish.trim();
  // Two units at most are one character: a title as large as a frame is not spelled out to be counted.
  const fits = title.length <= 2 * maxTitleCharacters && Array.from(title).length <= maxTitleCharacters;
  if (title !== '' && fits && !unprintable.test(title)) return title;
  throw new Refused('TITLE_INVALID', undefined, {
    violations: [{ field: 'title', description: `1 to ${maxTitleCharacters} characters, no control characters` }],
  });
}
