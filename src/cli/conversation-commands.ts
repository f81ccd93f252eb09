import type { Chat } from '../client/chat.ts';
import { connect } from './endpoint.ts';
import { type Identity, noConversations } from './identity.ts';
import { conversationLine, foundLines, messageLines } from './message-lines.ts';
import { printableLine } from './text.ts';

/** What fits a screen. */
const MAX_FOUND = 20;

/** What can be done about conversations while chatting. Each answers with lines to show, and throws Refusal. */
export class ConversationCommands {
  readonly #client: Chat;
  readonly #identity: Identity;
  readonly #timeZone: string;
  /** What it has asked for, and the stream has not told yet. */
  readonly #asked = new Set<string>();

  constructor(client: Chat, identity: Identity, timeZone: string) {
    this.#client = client;
    this.#identity = identity;
    this.#timeZone = timeZone;
  }

  /** The last messages of the conversation, with all that this chat has seen of it. */
  async history(limit: number): Promise<string> {
    using parley = connect(this.#identity.endpoint);
    const { conversationId, receivedUpTo: atLeastSequence } = this.#client;
    const lines: string[] = [];
    for await (const message of parley.messages(conversationId, { newestFirst: true, limit, atLeastSequence }))
      lines.unshift(messageLines(message, { timeZone: this.#timeZone }));
    return lines.length === 0 ? 'Nothing has been said here.' : lines.join('').trimEnd();
  }

  /** The last conversations of this client. */
  async conversations(): Promise<string> {
    using parley = connect(this.#identity.endpoint, this.#identity);
    const lines: string[] = [];
    for await (const one of parley.conversations({ limit: MAX_FOUND }))
      lines.push(conversationLine(one, this.#timeZone));
    return lines.length === 0 ? noConversations(this.#identity.clientId) : lines.join('').trimEnd();
  }

  async search(query: string): Promise<string> {
    using parley = connect(this.#identity.endpoint, this.#identity);
    const lines: string[] = [];
    for await (const found of parley.find(query, { limit: MAX_FOUND }))
      lines.push(foundLines(found, { timeZone: this.#timeZone }));
    return lines.length === 0 ? 'Nothing was found.' : lines.join('').trimEnd();
  }

  async rename(title: string): Promise<string> {
    const { conversationId } = this.#client;
    using parley = connect(this.#identity.endpoint);
    const { conversation } = await this.#asking({ conversationId, title }, () =>
      parley.history.renameConversation({ conversationId, title }),
    );
    return `This conversation is now called ${printableLine(conversation?.title ?? title)}.`;
  }

  /** The change was asked for here. True once for each time. */
  isOwn(change: Change): boolean {
    return this.#asked.delete(nameOf(change));
  }

  /** Deletes the conversation and turns to a new one. */
  async delete(): Promise<string> {
    const { conversationId } = this.#client;
    using parley = connect(this.#identity.endpoint);
    await this.#asking({ conversationId }, () => parley.history.deleteConversation({ conversationId }));
    await this.#client.join();
    return `${printableLine(conversationId)} is deleted. This is a new conversation.`;
  }

  async #asking<T>(change: Change, act: () => Promise<T>): Promise<T> {
    this.#asked.add(nameOf(change));
    try {
      return await act();
    } catch (error) {
      this.#asked.delete(nameOf(change));
      throw error;
    }
  }
}

/** A new title of a conversation, or its deletion. */
interface Change {
  readonly conversationId: string;
  readonly title?: string;
}

function nameOf({ conversationId, title }: Change): string {
  return JSON.stringify([conversationId, title]);
}
