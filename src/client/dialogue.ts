import { Code } from '@connectrpc/connect';
import type { ChatEvents } from './chat-events.ts';
import { Conversation } from './conversation.ts';
import { Drafts } from './drafts.ts';
import type {
  Accepted,
  ConversationDeleted,
  ConversationRenamed,
  MessageRejected,
  ReplyDelta,
  ReplyStarted,
} from './gen/chat/v1/chat_service_pb.js';
import { type Message, MessageStatus, Role } from './gen/chat/v1/content_pb.js';
import type { Event, Frame } from './line.ts';
import { textOf } from './message-text.ts';
import {
  type KeptMessage,
  Outbox,
  type OutboxStorage,
  OutgoingItem,
  type OutgoingPart,
  type Posted,
} from './outbox.ts';
import { Refusal, refusalOf } from './refusal.ts';

/** Tells what happened. */
export type Emit = <Name extends keyof ChatEvents>(name: Name, payload: ChatEvents[Name]) => void;

/** Sends a frame. False: taken, but the next must wait. */
export type Send = (frame: Frame) => boolean;

/** Reads a conversation up to where its stream is to begin. */
export type CatchUp = (conversation: Conversation) => Promise<bigint>;

/** What a dialogue begins with. */
export interface DialogueOptions {
  readonly conversation: Conversation;
  /** Default: streams begin where what was received ends. */
  readonly catchUp?: CatchUp | undefined;
  /** Keeps messages over the end of the process. */
  readonly storage?: OutboxStorage | undefined;
  /** Sent with each message. Default: none. */
  readonly instructions?: string | (() => string) | undefined;
}

/** After a conversation could not be read, in a session that goes on. */
const CATCH_UP_AGAIN_MS = 1_000;

interface Wish {
  readonly conversation: Conversation;
  readonly joined: PromiseWithResolvers<string>;
}

/** What is said over however many streams: our messages, the replies, and in which conversation the session is. */
export class Dialogue {
  readonly #emit: Emit;
  readonly #catchUp: CatchUp | undefined;
  readonly #instructions: string | (() => string);
  readonly #outbox: Outbox;
  readonly #drafts = new Drafts();
  readonly #conversations = new Map<string, Conversation>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  /** Set while the server takes messages. */
  #send: Send | undefined;
  /** The wire is behind: nothing more before `writable`. */
  #isFull = false;
  /** Counts Welcomes: what was sent under an earlier number and not accepted is sent again. */
  #sessionNumber = 0;
  #here: Conversation;
  #wish: Wish;
  #joining: Conversation | undefined;
  /** The last one that the server let us into. */
  #lastJoined: Conversation | undefined;

  constructor(emit: Emit, { conversation, catchUp, storage, instructions = '' }: DialogueOptions) {
    this.#emit = emit;
    this.#catchUp = catchUp;
    this.#instructions = instructions;
    this.#outbox = new Outbox(storage);
    this.#here = this.#known(conversation);
    this.#wish = wishFor(this.#here);
  }

  /** Messages that have no final answer yet. */
  get pendingCount(): number {
    return this.#outbox.size;
  }

  /** Where the session is, and from where to resume. The id is empty while the server has not told it. */
  get position(): { readonly conversationId: string; readonly afterSequence: bigint } {
    return { conversationId: this.#here.id, afterSequence: this.#outbox.resumeAfter(this.#here) };
  }

  /**
   * A stream is about to begin: in the conversation of what is to be sent first, else in the one wished for, or a new one where that was deleted.
   * @returns where it begins
   * @throws Refusal when that conversation cannot be read
   */
  async prepare(): Promise<{ readonly conversationId: string; readonly afterSequence: bigint }> {
    for (const conversation of this.#conversations.values())
      if (conversation.isDeleted) this.#leaveDeleted(conversation);
    this.#here = this.#outbox.nextUnsent(this.#sessionNumber + 1)?.conversation ?? this.#wish.conversation;
    this.#joining = undefined;
    const afterSequence = await this.#resumeAfter(this.#here);
    return { conversationId: this.#here.id, afterSequence };
  }

  /** The server sent Welcome: what it has not accepted is sent. */
  open(conversationId: string, send: Send): void {
    this.#send = (frame) => {
      this.#isFull = !send(frame);
      return !this.#isFull;
    };
    this.#isFull = false;
    this.#sessionNumber += 1;
    this.#joining = undefined;
    this.#enter(this.#here, conversationId);
  }

  /** The wire has room again. */
  writable(): void {
    this.#isFull = false;
    this.flush();
  }

  /** The server takes nothing more on this stream. */
  hold(): void {
    this.#send = undefined;
  }

  /** What a former process left: it goes first, each message to its own conversation. */
  restore(kept: readonly KeptMessage[]): readonly Posted[] {
    return kept.map(({ clientMessageId, conversationId, parts }) => {
      const conversation = conversationId === '' ? this.#wish.conversation : this.#conversation(conversationId);
      const item = new OutgoingItem(clientMessageId, parts, conversation);
      this.#outbox.add(item);
      return item;
    });
  }

  /** @param conversation default: the one wished for */
  post(clientMessageId: string, parts: readonly OutgoingPart[], conversation?: Conversation): Posted {
    const to = conversation === undefined ? this.#wish.conversation : this.#known(conversation);
    const item = new OutgoingItem(clientMessageId, parts, to);
    this.#outbox.add(item);
    this.flush();
    return item;
  }

  /** One message is not wanted any more: it is taken back, or its reply stopped. */
  abandon(clientMessageId: string, why: Error): void {
    const item = this.#outbox.get(clientMessageId);
    if (item === undefined || this.#outbox.withdraw(item, why)) return;
    item.stopWanted = true;
    this.#sendStop(item);
  }

  /** @returns how many messages were without a reply */
  stop(): number {
    let count = 0;
    for (const item of this.#outbox.values()) {
      if (item.conversation !== this.#wish.conversation) continue;
      item.stopWanted = true;
      this.#sendStop(item);
      count += 1;
    }
    return count;
  }

  /** A message that is in the log: its reply is to stop, also if the stream is lost before the server knows. */
  stopReply(messageId: string): void {
    const item = this.#outbox.byMessageId(messageId);
    if (item !== undefined) item.stopWanted = true;
  }

  join(asked: string | Conversation, afterSequence: bigint): Promise<string> {
    const conversation =
      typeof asked === 'string' ? (this.#conversations.get(asked) ?? new Conversation(asked, afterSequence)) : asked;
    this.#known(conversation);
    if (conversation === this.#wish.conversation) return this.#wish.joined.promise;
    this.#wish.joined.reject(new Refusal(Code.Canceled, 'Another conversation was asked for.'));
    this.#wish = wishFor(conversation);
    if (this.#send !== undefined && this.#here === this.#wish.conversation) this.#wish.joined.resolve(this.#here.id);
    this.flush();
    return this.#wish.joined.promise;
  }

  /**
   * Sends what can be sent: messages in their order, turning to their conversations, and at last to the one wished for.
   */
  flush(): void {
    while (this.#send !== undefined && this.#joining === undefined && !this.#isFull) {
      const item = this.#outbox.nextUnsent(this.#sessionNumber);
      const target = item?.conversation ?? this.#wish.conversation;
      if (target !== this.#here) this.#turn(target, this.#send);
      else if (item === undefined) return;
      else this.#sendMessage(item, this.#send);
    }
  }

  receive(event: Event): void {
    switch (event.case) {
      case 'joined':
        if (this.#joining !== undefined) this.#enter(this.#joining, event.value.conversationId);
        break;
      case 'accepted':
        this.#accepted(event.value);
        break;
      case 'message':
        this.#message(event.value);
        break;
      case 'replyStarted':
        this.#replyStarted(event.value);
        break;
      case 'replyDelta':
        this.#replyDelta(event.value);
        break;
      case 'replyDelayed':
        if (this.#drafts.delay(event.value.replyMessageId, event.value.attempt))
          this.#emit('replyDelayed', event.value);
        break;
      case 'rejected':
        this.#rejected(event.value);
        break;
      case 'renamed':
        this.#renamed(event.value);
        break;
      case 'deleted':
        this.#deleted(event.value);
        break;
      case 'welcome':
      case 'waiting':
      case 'drain':
      case 'pong':
        // About the session, not about what is said in it.
        break;
    }
  }

  /**
   * If the stream ended because of the conversation asked for, turns to another: the one before, or `instead`.
   * @returns false when there is none, or the stream ended for another reason
   */
  leaveRefused(refusal: Refusal | undefined, instead: Conversation | undefined): boolean {
    if (refusal === undefined || !isOfConversation(refusal)) return false;
    const refused = this.#joining ?? this.#here;
    const next = this.#lastJoined === refused ? instead : (this.#lastJoined ?? instead);
    if (next === undefined || refused.id === '') return false;
    this.#leave(refused, refusal, next);
    return true;
  }

  /** Nothing more will be heard. */
  end(error: Error): void {
    this.hold();
    for (const timer of this.#timers) clearTimeout(timer);
    this.#outbox.failAll(error);
    this.#wish.joined.reject(error);
  }

  #conversation(id: string): Conversation {
    return this.#known(this.#conversations.get(id) ?? new Conversation(id));
  }

  #known(conversation: Conversation): Conversation {
    if (conversation.id !== '') this.#conversations.set(conversation.id, conversation);
    return conversation;
  }

  /** From where a stream is to begin in it. */
  async #resumeAfter(conversation: Conversation): Promise<bigint> {
    const after = await this.#catchUp?.(conversation);
    if (after !== undefined) conversation.receive(after);
    const received = this.#outbox.resumeAfter(conversation);
    return after !== undefined && after < received ? after : received;
  }

  #enter(conversation: Conversation, id: string): void {
    conversation.id = id;
    this.#conversations.set(id, conversation);
    this.#outbox.named(conversation);
    this.#here = conversation;
    this.#lastJoined = conversation;
    this.#joining = undefined;
    if (conversation === this.#wish.conversation) this.#wish.joined.resolve(id);
    this.#emit('entered', conversation);
    this.flush();
    for (const item of this.#outbox.values()) if (item.conversation === conversation) this.#sendStop(item);
  }

  /** Another one may be wished for while this one is read: it follows. */
  #turn(conversation: Conversation, send: Send): void {
    this.#joining = conversation;
    const join = (afterSequence: bigint): void =>
      void send({ case: 'join', value: { conversationId: conversation.id, afterSequence } });
    if (this.#catchUp === undefined) return join(this.#outbox.resumeAfter(conversation));
    const isOver = (): boolean => this.#send !== send || this.#joining !== conversation;
    this.#resumeAfter(conversation).then(
      (afterSequence) => {
        if (!isOver()) join(afterSequence);
      },
      (error: unknown) => {
        if (!isOver()) this.#notRead(conversation, refusalOf(error));
      },
    );
  }

  #notRead(conversation: Conversation, refusal: Refusal): void {
    const turnOn = (): void => {
      if (this.#joining === conversation) this.#joining = undefined;
      this.flush();
    };
    if (!isOfConversation(refusal)) return this.#after(refusal.retryDelayMs ?? CATCH_UP_AGAIN_MS, turnOn);
    this.#leave(conversation, refusal, this.#here);
    turnOn();
  }

  /** There is no such conversation for this client. */
  #leave(refused: Conversation, refusal: Refusal, next: Conversation): void {
    this.#outbox.failIn(refused, refusal);
    this.#conversations.delete(refused.id);
    if (this.#lastJoined === refused) this.#lastJoined = undefined;
    if (this.#wish.conversation !== refused) return;
    this.#wish.joined.reject(refusal);
    this.#wish = wishFor(next);
  }

  #sendMessage(item: OutgoingItem, send: Send): void {
    item.sentInSession = this.#sessionNumber;
    const instructions = typeof this.#instructions === 'string' ? this.#instructions : this.#instructions();
    send({ case: 'message', value: { clientMessageId: item.clientMessageId, parts: [...item.parts], instructions } });
  }

  #sendStop(item: OutgoingItem): void {
    if (item.stopWanted && item.acceptance !== undefined)
      this.#send?.({ case: 'stopMessageId', value: item.acceptance.messageId });
  }

  #accepted(accepted: Accepted): void {
    const item = this.#outbox.get(accepted.clientMessageId);
    if (item !== undefined && item.acceptance === undefined) item.reply.grow(this.#drafts.drawnFor(accepted.messageId));
    this.#outbox.accept(accepted);
    if (item !== undefined) this.#sendStop(item);
    this.#emit('accepted', accepted);
  }

  #message(message: Message): void {
    const isNew = this.#conversation(message.conversationId).receive(message.sequence);
    const ours = this.#outbox.get(message.clientMessageId) !== undefined;
    if (isNew && message.role === Role.ASSISTANT) this.#showReply(message);
    if (isNew && message.role === Role.USER && !ours) this.#emit('message', message);
    this.#outbox.learn(message);
  }

  #showReply(message: Message): void {
    const replyMessageId = message.messageId;
    const text = textOf(message);
    const ending = this.#drafts.end(replyMessageId, text, message.status === MessageStatus.STOPPED);
    if (ending.kind === 'replaced') this.#restarted(message.replyToMessageId, replyMessageId);
    const rest = ending.kind === 'replaced' ? text : ending.rest;
    if (rest !== '') this.#grown(message.replyToMessageId, replyMessageId, rest);
    this.#emit('replyCompleted', message);
  }

  #replyStarted(started: ReplyStarted): void {
    const { messageId, replyMessageId, attempt, continuedBytes } = started;
    const { kind } = this.#drafts.start(messageId, replyMessageId, attempt, Number(continuedBytes));
    if (kind === 'begun') this.#emit('replyStarted', started);
    if (kind === 'begunAgain') this.#restarted(messageId, replyMessageId);
  }

  #replyDelta({ replyMessageId, attempt, offsetBytes, text }: ReplyDelta): void {
    const change = this.#drafts.add(replyMessageId, attempt, Number(offsetBytes), text);
    const messageId = this.#drafts.messageIdOf(replyMessageId) ?? '';
    if (change.kind === 'replaced') this.#restarted(messageId, replyMessageId);
    if ('text' in change) this.#grown(messageId, replyMessageId, change.text);
    // Joining again brings the whole of it.
    if (change.kind === 'hole' && this.#joining === undefined && this.#send !== undefined)
      this.#turn(this.#here, this.#send);
  }

  #restarted(messageId: string, replyMessageId: string): void {
    this.#outbox.byMessageId(messageId)?.reply.restart();
    this.#emit('replyRestarted', { replyMessageId });
  }

  #grown(messageId: string, replyMessageId: string, text: string): void {
    this.#outbox.byMessageId(messageId)?.reply.grow(text);
    this.#emit('replyGrown', { replyMessageId, text });
  }

  #rejected(rejected: MessageRejected): void {
    const retryMs = this.#outbox.reject(rejected);
    if (retryMs !== undefined) this.#resendIn(retryMs, rejected.clientMessageId);
    else this.#drafts.giveUp(rejected.messageId);
    this.#emit('rejected', rejected);
  }

  #renamed(renamed: ConversationRenamed): void {
    const isNew = this.#conversation(renamed.conversationId).receive(renamed.sequence);
    if (isNew) this.#emit('renamed', renamed);
  }

  #deleted(deleted: ConversationDeleted): void {
    const conversation = this.#conversation(deleted.conversationId);
    conversation.isDeleted = true;
    if (conversation.receive(deleted.sequence)) this.#emit('deleted', deleted);
  }

  /** No stream can begin in it. */
  #leaveDeleted(conversation: Conversation): void {
    const gone = new Refusal(Code.NotFound, 'The conversation was deleted.', { reason: 'NOT_FOUND' });
    this.#leave(conversation, gone, new Conversation());
  }

  #resendIn(delayMs: number, clientMessageId: string): void {
    const item = this.#outbox.get(clientMessageId);
    if (item === undefined) return;
    item.isPostponed = true;
    this.#after(delayMs, () => {
      item.isPostponed = false;
      item.sentInSession = 0;
      this.flush();
    });
  }

  #after(delayMs: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, delayMs);
    this.#timers.add(timer);
  }
}

/** Whether the conversation asked for is refused, not the client. */
export function isOfConversation({ reason }: Refusal): boolean {
  return reason === 'NOT_FOUND' || reason === 'NOT_YOURS' || reason === 'CONVERSATION_ID_INVALID';
}

function wishFor(conversation: Conversation): Wish {
  const joined = Promise.withResolvers<string>();
  // Often nobody waits for it: the refusal is then told by the stream's end.
  joined.promise.catch(() => undefined);
  return { conversation, joined };
}
