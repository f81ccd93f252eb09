import { type Timestamp, timestampDate } from '@bufbuild/protobuf/wkt';
import { signal } from '@preact/signals';
import { Role } from '../../../../src/client/gen/chat/v1/content_pb.js';
import type {
  SearchMessagesResponse,
  Conversation as WireConversation,
} from '../../../../src/client/gen/chat/v1/history_service_pb.js';
import type { ConversationSummary, FoundText, Refusal } from './app.ts';
import { type Calls, orRefusal, shownRefusal } from './calls.ts';

/** As many as a tall sidebar shows. */
const pageSize = 50;
/** What is found on one page is enough to choose from. */
const maxFound = 50;
/** Read models follow the log, mostly within this. */
const followMs = 400;
/** A read model that is far behind is asked this often for what happened last. */
const maxReads = 6;

/** The conversations of one client, newest first: read in pages, and the first page again whenever something was said. */
export class ConversationListing {
  readonly items = signal<readonly ConversationSummary[]>([]);
  readonly isLoading = signal(false);
  readonly hasMore = signal(false);
  readonly trouble = signal<Refusal | undefined>(undefined);
  readonly found = signal<readonly FoundText[] | undefined>(undefined);
  readonly #calls: Calls;
  readonly #clientId: string;
  readonly #deleted = new Set<string>();
  /** Whose deletion was asked for here, until that is answered. */
  readonly #deleting = new Set<string>();
  #pageToken = '';
  #query = '';
  #refreshing: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;

  /** @param clientId '' where the token says who it is */
  constructor(calls: Calls, clientId: string) {
    this.#calls = calls;
    this.#clientId = clientId;
  }

  /** The first page, and then those after it. */
  async loadMore(): Promise<void> {
    if (this.isLoading.peek() || (this.items.peek().length > 0 && !this.hasMore.peek())) return;
    this.isLoading.value = true;
    await this.#read(this.#pageToken);
    this.isLoading.value = false;
  }

  /** The first page again. */
  async refresh(): Promise<void> {
    await this.#read('');
  }

  /** Something happened in the conversation: it comes first, and the server's words follow. @param title for one that is not in the list */
  touch(conversationId: string, title: string, updatedAt: Date): void {
    const known = this.items.peek().find((item) => item.conversationId === conversationId);
    const item = known ?? { conversationId, title, updatedAt, messageCount: 0 };
    const messageCount = item.messageCount + 1;
    this.#merge([{ ...item, updatedAt, messageCount }]);
    this.#refreshIn(followMs, maxReads, conversationId, (read) => read.messageCount < messageCount);
  }

  /** Somebody gave it this title; the server's list follows. */
  renamed(conversationId: string, title: string): void {
    const known = this.items.peek().find((item) => item.conversationId === conversationId);
    if (known === undefined || known.title === title) return;
    this.#merge([{ ...known, title }]);
    this.#refreshIn(followMs, maxReads, conversationId, (read) => read.title !== title);
  }

  async search(query: string): Promise<void> {
    this.#query = query.trim();
    const asked = this.#query;
    if (asked === '') {
      this.found.value = undefined;
      return;
    }
    try {
      const found = await this.#findAny(asked);
      // Another question may have been asked meanwhile.
      if (this.#query !== asked) return;
      this.found.value = found.filter(({ conversationId }) => !this.#deleted.has(conversationId));
      this.trouble.value = undefined;
    } catch (error) {
      if (this.#query !== asked) return;
      this.found.value = [];
      this.trouble.value = shownRefusal(error);
    }
  }

  /** The first page that has any. */
  async #findAny(query: string): Promise<readonly FoundText[]> {
    const asked = { query, pageSize: maxFound, clientId: this.#clientId };
    for (let pageToken = ''; ; ) {
      const answer = await this.#calls.history.searchMessages({ ...asked, pageToken });
      const found = foundIn(answer);
      if (found.length > 0 || answer.nextPageToken === '') return found;
      pageToken = answer.nextPageToken;
    }
  }

  rename(conversationId: string, title: string): Promise<Refusal | undefined> {
    return orRefusal(
      this.#calls.history.renameConversation({ conversationId, title }).then(({ conversation }) => {
        const known = this.items.peek().find((item) => item.conversationId === conversationId);
        if (known !== undefined && conversation !== undefined) this.#merge([{ ...known, title: conversation.title }]);
      }),
    );
  }

  async delete(conversationId: string): Promise<Refusal | undefined> {
    this.#deleting.add(conversationId);
    const why = await orRefusal(this.#calls.history.deleteConversation({ conversationId }));
    this.#deleting.delete(conversationId);
    // The stream may have told that it happened, though the call says otherwise.
    if (why !== undefined && why.reason !== 'NOT_FOUND' && !this.#deleted.has(conversationId)) return why;
    this.#remove(conversationId);
    return undefined;
  }

  /** It was deleted. @returns whether that is news; what was asked for here is shown when it is answered */
  deleted(conversationId: string): boolean {
    const isNews = !this.#deleting.has(conversationId) && !this.#deleted.has(conversationId);
    this.#deleted.add(conversationId);
    if (isNews) this.#remove(conversationId);
    return isNews;
  }

  stop(): void {
    this.#isOver = true;
    clearTimeout(this.#refreshing);
  }

  #remove(conversationId: string): void {
    this.#deleted.add(conversationId);
    this.items.value = this.items.peek().filter((item) => item.conversationId !== conversationId);
    this.found.value = this.found.peek()?.filter((message) => message.conversationId !== conversationId);
  }

  async #read(pageToken: string): Promise<void> {
    try {
      const answer = await this.#calls.history.listConversations({ pageSize, pageToken, clientId: this.#clientId });
      if (this.#isOver) return;
      this.#merge(answer.conversations.map(summaryOf));
      // A first page that is read again says nothing of how far the list was read.
      if (pageToken !== '' || this.#pageToken === '') {
        this.#pageToken = answer.nextPageToken;
        this.hasMore.value = answer.nextPageToken !== '';
      }
      this.trouble.value = undefined;
    } catch (error) {
      this.trouble.value = shownRefusal(error);
    }
  }

  /** Reads the first page again, until it holds what is known to have happened. */
  #refreshIn(
    delayMs: number,
    reads: number,
    conversationId: string,
    isBehind: (item: ConversationSummary) => boolean,
  ): void {
    clearTimeout(this.#refreshing);
    if (this.#isOver) return;
    this.#refreshing = setTimeout(() => {
      void this.#read('').then(() => {
        const item = this.items.peek().find((one) => one.conversationId === conversationId);
        const isAgain = (item !== undefined && isBehind(item)) || this.trouble.peek() !== undefined;
        if (reads > 1 && isAgain) this.#refreshIn(delayMs * 2, reads - 1, conversationId, isBehind);
      });
    }, delayMs);
  }

  #merge(news: readonly ConversationSummary[]): void {
    const byId = new Map(this.items.peek().map((item) => [item.conversationId, item]));
    for (const item of news) {
      const known = byId.get(item.conversationId);
      // A read model that is behind does not know what has happened since.
      const updatedAt = known !== undefined && known.updatedAt > item.updatedAt ? known.updatedAt : item.updatedAt;
      if (!this.#deleted.has(item.conversationId)) byId.set(item.conversationId, { ...item, updatedAt });
    }
    this.items.value = [...byId.values()].toSorted((one, other) => other.updatedAt.getTime() - one.updatedAt.getTime());
  }
}

function summaryOf({ conversationId, title, updateTime, messageCount }: WireConversation): ConversationSummary {
  return { conversationId, title, updatedAt: dateOf(updateTime), messageCount: Number(messageCount) };
}

function foundIn({ messages, excerpts, conversations }: SearchMessagesResponse): readonly FoundText[] {
  const titles = conversations.map(({ conversation, title }) => ({
    key: `title ${conversation?.conversationId}`,
    conversationId: conversation?.conversationId ?? '',
    role: undefined,
    excerpt: title?.pieces ?? [],
    at: dateOf(conversation?.updateTime),
  }));
  const said = messages.map(({ messageId, conversationId, role, createTime }, index) => ({
    key: messageId,
    conversationId,
    role: role === Role.ASSISTANT ? ('assistant' as const) : ('user' as const),
    excerpt: excerpts[index]?.pieces ?? [],
    at: dateOf(createTime),
  }));
  return [...titles, ...said];
}

function dateOf(time: Timestamp | undefined): Date {
  return time === undefined ? new Date(0) : timestampDate(time);
}
