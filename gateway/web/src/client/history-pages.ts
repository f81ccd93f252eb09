import { batch } from '@preact/signals';
import { isOfConversation } from '../../../../src/client/dialogue.ts';
import type { ListMessagesResponse } from '../../../../src/client/gen/chat/v1/history_service_pb.js';
import { Refusal, refusalOf } from '../../../../src/client/refusal.ts';
import { type Calls, shownRefusal } from './calls.ts';
import type { Conversation } from './conversation.ts';

/** As many messages as a few screens hold. */
const newestPageSize = 50;
/** Who reads back is not kept waiting at every other screen. */
const olderPageSize = 100;

/** Reads what was said before, newest first, page by page. */
export class HistoryPages {
  readonly #calls: Calls;
  readonly #loading = new Map<Conversation, Promise<Refusal | undefined>>();

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  /** The newest page, once. @returns why it could not be read */
  loadNewest(conversation: Conversation): Promise<Refusal | undefined> {
    if (conversation.isLoaded || conversation.isGone) return Promise.resolve(undefined);
    return this.#once(conversation);
  }

  /** The page before the oldest that is here; while one is being read nothing is asked twice. */
  async loadOlder(conversation: Conversation): Promise<void> {
    if (conversation.hasOlder.peek()) await this.#once(conversation);
  }

  #once(conversation: Conversation): Promise<Refusal | undefined> {
    const loading = this.#loading.get(conversation) ?? this.#load(conversation);
    if (conversation.isLoadingOlder.peek()) this.#loading.set(conversation, loading);
    return loading;
  }

  async #load(conversation: Conversation): Promise<Refusal | undefined> {
    conversation.isLoadingOlder.value = true;
    const answer = await this.#read(conversation);
    // Whoever sees what has come may ask for more at once.
    return batch(() => {
      this.#loading.delete(conversation);
      conversation.isLoadingOlder.value = false;
      if (answer instanceof Refusal) {
        conversation.trouble.value = shownRefusal(answer);
        if (isOfConversation(answer)) conversation.isGone = true;
        return answer;
      }
      conversation.transcript.page(answer.messages.toReversed());
      conversation.olderToken = answer.nextPageToken;
      conversation.isLoaded = true;
      conversation.hasOlder.value = answer.nextPageToken !== '';
      conversation.trouble.value = undefined;
      return undefined;
    });
  }

  async #read({ id, olderToken }: Conversation): Promise<ListMessagesResponse | Refusal> {
    const pageSize = olderToken === '' ? newestPageSize : olderPageSize;
    const request = { conversationId: id.peek(), pageSize, pageToken: olderToken, newestFirst: true };
    try {
      return await this.#calls.history.listMessages(request);
    } catch (error) {
      return refusalOf(error);
    }
  }
}
