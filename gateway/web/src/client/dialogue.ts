import { timestampDate } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import { batch, type ReadonlySignal, signal } from '@preact/signals';
import type { Chat } from '../../../../src/client/chat.ts';
import { Conversation as Place } from '../../../../src/client/conversation.ts';
import { isOfConversation } from '../../../../src/client/dialogue.ts';
import type { Accepted, ConversationDeleted } from '../../../../src/client/gen/chat/v1/chat_service_pb.js';
import type { Message } from '../../../../src/client/gen/chat/v1/content_pb.js';
import type { Event } from '../../../../src/client/line.ts';
import { refusalOf } from '../../../../src/client/refusal.ts';
import type { Refusal } from './app.ts';
import { pageRefusal, shownRefusal } from './calls.ts';
import { Conversation } from './conversation.ts';
import type { HistoryPages } from './history-pages.ts';

export interface DialogueDeps {
  /** Reads conversations by `catchUp`. */
  readonly chat: Pick<Chat, 'on' | 'join'>;
  readonly pages: Pick<HistoryPages, 'loadNewest'>;
  /** A message of ours was accepted, or a reply is complete. */
  readonly onNews: (conversation: Conversation, at: Date) => void;
  /** The conversation got its name. */
  readonly onNamed: (conversation: Conversation) => void;
  /** Somebody gave it this title. */
  readonly onRenamed: (conversation: Conversation, title: string) => void;
  /** Somebody deleted it. */
  readonly onDeleted: (conversation: Conversation) => void;
}

/** The conversations of this page: which one is shown, and where what the chat brings belongs. */
export class Dialogue {
  readonly #deps: DialogueDeps;
  readonly #open;
  readonly #known = new Map<string, Conversation>();
  readonly #byPlace = new WeakMap<Place, Conversation>();
  readonly #replyListeners = new Set<(reply: string | Refusal) => void>();
  /** Where the session is, and what comes without naming a conversation belongs. */
  #heard: Conversation | undefined;

  constructor(deps: DialogueDeps, first: Conversation) {
    this.#deps = deps;
    this.#open = signal(first);
    this.#join(this.#remember(first));
    deps.chat.on('entered', (place) => this.#entered(place));
    // Whoever looks sees all of it at once.
    deps.chat.on('event', (event) => batch(() => this.#receive(event)));
    deps.chat.on('replyStarted', (started) => batch(() => this.#heard?.transcript.replyStarted(started)));
    deps.chat.on('replyDelayed', (delayed) => this.#heard?.transcript.replyDelayed(delayed));
    deps.chat.on('replyGrown', (grown) => this.#heard?.transcript.replyGrown(grown));
    deps.chat.on('replyRestarted', (restarted) => this.#heard?.transcript.replyRestarted(restarted));
  }

  /** The conversation that is shown. */
  get open(): ReadonlySignal<Conversation> {
    return this.#open;
  }

  /** Replies are awaited in the conversation in which the session is. */
  get awaitsReply(): boolean {
    return this.#heard?.transcript.hasPending === true;
  }

  /** The one object for the conversation of this id; '': the one that has no name yet. @param isNew nothing was said in it */
  conversationOf(id: string, isNew = false): Conversation {
    const open = this.#open.peek();
    if (id === '') return this.#remember(open.id.peek() === '' ? open : new Conversation());
    return this.#remember(this.#known.get(id) ?? new Conversation(id, isNew));
  }

  /** Turns to a conversation. Its newest messages are read even while there is no session. */
  turnTo(conversation: Conversation): void {
    this.#open.value = this.#remember(conversation);
    void this.#deps.pages.loadNewest(conversation);
    this.#join(conversation);
  }

  /** It was deleted. */
  forget(conversation: Conversation): void {
    conversation.isGone = true;
    this.#known.delete(conversation.id.peek());
  }

  /**
   * Reads the newest messages of a conversation before the session is in it.
   * @returns from where its stream is to bring what happened
   * @throws Refusal when it cannot be read
   */
  async catchUp(place: Place): Promise<bigint> {
    const conversation = this.#byPlace.get(place);
    // The chat's own, in which nothing is said.
    if (conversation === undefined) return 0n;
    const why = await this.#deps.pages.loadNewest(conversation);
    if (why !== undefined) throw why;
    if (conversation.isGone) throw pageRefusal('NOT_FOUND', Code.NotFound);
    return BigInt(conversation.transcript.resumeAfter);
  }

  /** Its id is no good (any more): if nothing of it is in the log, another one is as good. @returns whether that is so */
  renew(conversation: Conversation): boolean {
    if (!conversation.isUnspoken) return false;
    if (conversation.id.peek() === '') return true;
    this.#known.delete(conversation.id.peek());
    conversation.id.value = '';
    conversation.place = new Place();
    this.#remember(conversation);
    if (conversation === this.#open.peek()) this.#join(conversation);
    return true;
  }

  onReply(listener: (reply: string | Refusal) => void): () => void {
    this.#replyListeners.add(listener);
    return () => this.#replyListeners.delete(listener);
  }

  #join(conversation: Conversation): void {
    if (conversation.isGone) return;
    this.#deps.chat.join(conversation.place).catch((error: unknown) => {
      const why = refusalOf(error);
      if (isOfConversation(why) && !this.renew(conversation)) this.#gone(conversation, shownRefusal(why));
    });
  }

  #gone(conversation: Conversation, why: Refusal): void {
    this.forget(conversation);
    conversation.trouble.value ??= why;
  }

  #entered(place: Place): void {
    const conversation = this.#byPlace.get(place);
    this.#heard = conversation;
    if (conversation === undefined || conversation.id.peek() === place.id) return;
    conversation.id.value = place.id;
    this.#remember(conversation);
    this.#deps.onNamed(conversation);
  }

  #receive(event: Event): void {
    switch (event.case) {
      case 'accepted':
        return this.#accepted(event.value);
      case 'message':
        return this.#message(event.value);
      case 'rejected':
        return this.#announce(this.#heard, this.#heard?.transcript.failed(event.value));
      case 'renamed':
        return this.#changed(event.value, (conversation) => this.#deps.onRenamed(conversation, event.value.title));
      case 'deleted':
        return this.#changed(event.value, this.#deps.onDeleted);
      default:
        // About the session, not about what is said in it.
        return;
    }
  }

  #accepted(accepted: Accepted): void {
    const conversation = this.#of(accepted.conversationId);
    if (conversation?.transcript.accepted(accepted) === true)
      this.#deps.onNews(conversation, dateOf(accepted.createTime));
  }

  #message(message: Message): void {
    const conversation = this.#of(message.conversationId);
    const reply = conversation?.transcript.message(message);
    if (conversation === undefined || reply === undefined) return;
    this.#deps.onNews(conversation, dateOf(message.createTime));
    this.#announce(conversation, reply);
  }

  #announce(conversation: Conversation | undefined, reply: string | Refusal | undefined): void {
    if (reply === undefined || conversation !== this.#open.peek()) return;
    for (const listener of this.#replyListeners) listener(reply);
  }

  #changed(
    { conversationId, sequence }: Pick<ConversationDeleted, 'conversationId' | 'sequence'>,
    tell: (conversation: Conversation) => void,
  ): void {
    const conversation = this.#of(conversationId);
    if (conversation === undefined) return;
    conversation.transcript.passed(Number(sequence));
    tell(conversation);
  }

  #of(conversationId: string): Conversation | undefined {
    return this.#known.get(conversationId) ?? (this.#heard?.id.peek() === conversationId ? this.#heard : undefined);
  }

  #remember(conversation: Conversation): Conversation {
    const id = conversation.id.peek();
    if (id !== '') this.#known.set(id, conversation);
    this.#byPlace.set(conversation.place, conversation);
    return conversation;
  }
}

function dateOf(time: Accepted['createTime']): Date {
  return time === undefined ? new Date() : timestampDate(time);
}
