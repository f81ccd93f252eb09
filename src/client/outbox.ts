import type { MessageInitShape } from '@bufbuild/protobuf';
import { durationMs } from '@bufbuild/protobuf/wkt';
import type { Conversation } from './conversation.ts';
import type { Accepted, MessageRejected } from './gen/chat/v1/chat_service_pb.js';
import { type Message, type PartSchema, Role } from './gen/chat/v1/content_pb.js';
import { MessageRefused } from './refusal.ts';
import { Reply } from './reply.ts';

/** What a message is made of: text, and media by their bytes or by the id of an upload. */
export type OutgoingPart = MessageInitShape<typeof PartSchema>;

/** A message that is kept until it is known to be in the log, or refused. */
export interface KeptMessage {
  readonly clientMessageId: string;
  /** Empty before the server has named a new one; no message is sent before that. */
  readonly conversationId: string;
  readonly parts: readonly OutgoingPart[];
}

/** Keeps messages over the end of a process. A later chat of the same client sends them under the same ids, so that they are said once. */
export interface OutboxStorage {
  /** Those that a former process left, oldest first. */
  load(): readonly KeptMessage[];
  /** Adds a message at the end, or replaces the one with this id in its place. */
  put(message: KeptMessage): void;
  remove(clientMessageId: string): void;
}

/** A message that was handed to the client, and what became of it. */
export interface Posted {
  readonly clientMessageId: string;
  /** The message is in the log. Rejects with MessageRefused, or with the Refusal that ended the client. */
  readonly accepted: Promise<Accepted>;
  /** Its reply, complete or piece by piece. Rejects likewise. */
  readonly reply: Reply;
}

/** A message from `post` to its reply. */
export class OutgoingItem implements Posted {
  readonly clientMessageId: string;
  readonly parts: readonly OutgoingPart[];
  readonly conversation: Conversation;
  /** Number of the session in which it was last sent; 0: none. */
  sentInSession = 0;
  /** The server cannot take it now; it is sent again later, and what comes behind it in its conversation waits. */
  isPostponed = false;
  /** The user wants no reply any more. */
  stopWanted = false;
  acceptance: Accepted | undefined;
  readonly #accepted = Promise.withResolvers<Accepted>();
  readonly reply = new Reply();

  constructor(clientMessageId: string, parts: readonly OutgoingPart[], conversation: Conversation) {
    this.clientMessageId = clientMessageId;
    this.parts = parts;
    this.conversation = conversation;
    // A caller may wait for the reply alone, whose rejection is the same.
    this.#accepted.promise.catch(() => undefined);
  }

  get accepted(): Promise<Accepted> {
    return this.#accepted.promise;
  }

  accept(accepted: Accepted): void {
    this.acceptance = accepted;
    this.#accepted.resolve(accepted);
  }

  fail(error: Error): void {
    this.#accepted.reject(error);
    this.reply.fail(error);
  }
}

type Outcome = { readonly reply: Message } | { readonly reason: string; readonly detail: string };

/** Our messages that have no final answer yet, in the order in which they were posted. */
export class Outbox {
  readonly #items = new Map<string, OutgoingItem>();
  readonly #byMessageId = new Map<string, OutgoingItem>();
  /**
   * Outcomes that came before the Accepted of their message: a replay tells them before the repeat of a send is
   * answered.
   */
  readonly #early = new Map<string, Outcome>();
  readonly #storage: OutboxStorage | undefined;

  /** @param storage default: messages that are not accepted end with the process */
  constructor(storage?: OutboxStorage) {
    this.#storage = storage;
  }

  get size(): number {
    return this.#items.size;
  }

  add(item: OutgoingItem): void {
    this.#items.set(item.clientMessageId, item);
    this.#keep(item);
  }

  /** The server has named the conversation. */
  named(conversation: Conversation): void {
    for (const item of this.#items.values()) if (item.conversation === conversation) this.#keep(item);
  }

  get(clientMessageId: string): OutgoingItem | undefined {
    return this.#items.get(clientMessageId);
  }

  /** The message of ours that this one in the log is. */
  byMessageId(messageId: string): OutgoingItem | undefined {
    return this.#byMessageId.get(messageId);
  }

  /** It is not wanted any more. @returns false when it was sent, and may be in the log */
  withdraw(item: OutgoingItem, why: Error): boolean {
    if (item.sentInSession !== 0) return false;
    this.#drop(item);
    item.fail(why);
    return true;
  }

  values(): Iterable<OutgoingItem> {
    return this.#items.values();
  }

  /**
   * From where to resume a conversation. Before the oldest message of ours there without an answer, so that its outcome
   * is told again even if it was a failure, which has no sequence of its own.
   */
  resumeAfter(conversation: Conversation): bigint {
    let after = conversation.receivedUpTo;
    for (const item of this.#items.values()) {
      const sequence = item.conversation === conversation ? item.acceptance?.sequence : undefined;
      if (sequence !== undefined && sequence <= after) after = sequence - 1n;
    }
    return after;
  }

  /** The oldest message that is not known to be in the log and was not sent in this session, and that no message of its conversation holds up. */
  nextUnsent(session: number): OutgoingItem | undefined {
    const heldUp = new Set<Conversation>();
    for (const item of this.#items.values()) {
      if (item.isPostponed) heldUp.add(item.conversation);
      else if (item.acceptance === undefined && item.sentInSession !== session && !heldUp.has(item.conversation))
        return item;
    }
    return undefined;
  }

  /** The message is in the log; its outcome may be known already. */
  accept(accepted: Accepted): void {
    const item = this.#items.get(accepted.clientMessageId);
    if (item === undefined || item.acceptance !== undefined) return;
    item.isPostponed = false;
    item.accept(accepted);
    this.#storage?.remove(item.clientMessageId);
    this.#byMessageId.set(accepted.messageId, item);
    const outcome = this.#early.get(accepted.messageId);
    if (outcome !== undefined) this.#settle(item, outcome);
    this.#forgetEarly();
  }

  /** A message as history holds it: perhaps the reply to one of ours, or one of ours that was given up. */
  learn(message: Message): void {
    if (message.role === Role.ASSISTANT) this.#outcome(message.replyToMessageId, { reply: message });
    // A message that was stopped or failed carries a reason only when it has no reply.
    else if (message.failureReason !== '') {
      this.#outcome(message.messageId, { reason: message.failureReason, detail: 'The message was given up.' });
    }
  }

  /**
   * The server refused a message, or gave up its reply.
   * @returns milliseconds after which to send it again, when that is what the refusal asks for
   */
  reject(rejected: MessageRejected): number | undefined {
    const item = this.#items.get(rejected.clientMessageId) ?? this.#byMessageId.get(rejected.messageId);
    if (item === undefined) return undefined;
    if (rejected.retryable && item.acceptance === undefined)
      return rejected.retryDelay ? durationMs(rejected.retryDelay) : 0;
    this.#settle(item, { reason: rejected.reason, detail: rejected.detail });
    return undefined;
  }

  /** There is no such conversation for us. */
  failIn(conversation: Conversation, error: Error): void {
    for (const item of this.#items.values()) {
      if (item.conversation !== conversation) continue;
      this.#drop(item);
      item.fail(error);
    }
  }

  /** The client is over: nothing more will be heard of any message. What is kept stays kept. */
  failAll(error: Error): void {
    for (const item of this.#items.values()) item.fail(error);
    this.#items.clear();
    this.#byMessageId.clear();
    this.#early.clear();
  }

  #outcome(messageId: string, outcome: Outcome): void {
    const item = this.#byMessageId.get(messageId);
    if (item !== undefined) this.#settle(item, outcome);
    else if (this.#hasUnaccepted()) this.#early.set(messageId, outcome);
  }

  #keep({ clientMessageId, conversation, parts, acceptance }: OutgoingItem): void {
    if (acceptance === undefined) this.#storage?.put({ clientMessageId, conversationId: conversation.id, parts });
  }

  #drop({ clientMessageId }: OutgoingItem): void {
    this.#items.delete(clientMessageId);
    this.#storage?.remove(clientMessageId);
  }

  #settle(item: OutgoingItem, outcome: Outcome): void {
    this.#drop(item);
    if (item.acceptance !== undefined) {
      this.#byMessageId.delete(item.acceptance.messageId);
      // A failure has no sequence of its own: without this, a resume would show the message again.
      item.conversation.receive(item.acceptance.sequence);
    }
    if ('reply' in outcome) item.reply.complete(outcome.reply);
    else item.fail(new MessageRefused(item.clientMessageId, outcome.reason, outcome.detail));
  }

  #hasUnaccepted(): boolean {
    for (const item of this.#items.values()) if (item.acceptance === undefined) return true;
    return false;
  }

  #forgetEarly(): void {
    if (!this.#hasUnaccepted()) this.#early.clear();
  }
}
