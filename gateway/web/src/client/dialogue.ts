import { timestampDate } from '@bufbuild/protobuf/wkt';
import { batch, type ReadonlySignal, signal } from '@preact/signals';
import type { Accepted, ConversationDeleted, Joined } from '../../../../src/client/gen/chat/v1/chat_service_pb.js';
import type { Message } from '../../../../src/client/gen/chat/v1/content_pb.js';
import { Bell } from './bell.ts';
import { type CallFailed, failure } from './calls.ts';
import { Conversation } from './conversation.ts';
import { goneReasons, type HistoryPages } from './history-pages.ts';
import type { Outbox, Outgoing } from './outbox.ts';
import { refusal } from './refusals.ts';
import type { Event } from './session-stream.ts';

/** After a call that failed in a session which goes on. */
const tryAgainMs = 1_000;

/** The unary calls of an open session; all reject with what the transport throws. */
export interface Line {
  join(conversationId: string, afterSequence: number): Promise<Joined | undefined>;
  send(message: Awaited<ReturnType<Outbox['toWire']>>): Promise<Accepted | undefined>;
  /** The session is not there (any more). */
  lost(why: CallFailed): void;
}

export interface DialogueDeps {
  readonly pages: Pick<HistoryPages, 'loadNewest'>;
  readonly outbox: Outbox;
  /** A message of ours was accepted, or a reply is complete. */
  readonly onNews: (conversation: Conversation, at: Date) => void;
  /** The conversation got its name. */
  readonly onNamed: (conversation: Conversation) => void;
  /** Somebody gave it this title. */
  readonly onRenamed: (conversation: Conversation, title: string) => void;
  /** Somebody deleted it. */
  readonly onDeleted: (conversation: Conversation) => void;
}

/** What is said over however many streams: in which conversation the session is, what goes out, and where what comes in belongs. */
export class Dialogue {
  readonly #deps: DialogueDeps;
  readonly #open;
  readonly #known = new Map<string, Conversation>();
  readonly #bell = new Bell();
  readonly #replyListeners = new Set<(text: string) => void>();
  /** Where the session is; undefined: it must turn to where it should be, whatever that is. */
  #here: Conversation | undefined;
  #joining: Conversation | undefined;
  /** Where what the stream brings without naming it belongs. */
  #heard: Conversation | undefined;

  constructor(deps: DialogueDeps, first: Conversation) {
    this.#deps = deps;
    this.#open = signal(first);
    this.#remember(first);
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
    if (id === '') return this.#open.peek().id.peek() === '' ? this.#open.peek() : new Conversation();
    const conversation = this.#known.get(id) ?? new Conversation(id, isNew);
    this.#remember(conversation);
    return conversation;
  }

  /** Turns to a conversation. Its newest messages are read even while there is no session. */
  turnTo(conversation: Conversation): void {
    this.#open.value = conversation;
    void this.#deps.pages.loadNewest(conversation);
    this.wake();
  }

  /** It was deleted. */
  forget(conversation: Conversation): void {
    conversation.isGone = true;
    this.#known.delete(conversation.id.peek());
  }

  /** There may be something to do. */
  wake(): void {
    this.#bell.ring();
  }

  /** Where the next stream is to begin: where there is something to say, else in the conversation that is shown. Rejects with CallFailed. */
  async prepare(): Promise<{ readonly conversationId: string; readonly afterSequence: number }> {
    const target = this.#target();
    const why = await this.#deps.pages.loadNewest(target);
    if (why !== undefined && !target.isGone) throw why;
    // One that is not there leaves the session in another, where nothing is said: the refusal is shown in its place.
    this.#here = target.isGone ? new Conversation() : target;
    this.#heard = this.#here;
    return { conversationId: this.#here.id.peek(), afterSequence: this.#here.transcript.resumeAfter };
  }

  /** The stream ended because of the conversation that it was to begin in. @returns false when it ended for another reason */
  leaveRefused({ reason, refusal }: CallFailed): boolean {
    if (!goneReasons.has(reason) || this.#here === undefined || this.#here.id.peek() === '') return false;
    this.#gone(this.#here, refusal);
    return true;
  }

  /** The session is open in the conversation that `prepare` chose. Turns and sends until the signal ends it. */
  async attend(conversationId: string, line: Line, signal: AbortSignal): Promise<void> {
    if (this.#here !== undefined) this.#named(this.#here, conversationId);
    while (!signal.aborted) {
      const message = this.#deps.outbox.next();
      const target = this.#target();
      if (target.isGone) await this.#refuse(target, signal);
      else if (target !== this.#here) await this.#turn(target, line, signal);
      else if (message !== undefined) await this.#send(message, line, signal);
      else await this.#bell.wait(this.#deps.outbox.nextInMs, signal);
    }
  }

  /** Takes what the stream has brought; whoever looks sees all of it at once. */
  receive(event: Event): void {
    batch(() => this.#receive(event));
  }

  #receive(event: Event): void {
    switch (event.case) {
      case 'joined':
        return this.#joined(event.value.conversationId);
      case 'accepted':
        return this.#accepted(event.value);
      case 'message':
        return this.#message(event.value);
      case 'replyStarted':
        return this.#heard?.transcript.replyStarted(event.value);
      case 'replyDelta':
        if (this.#heard?.transcript.replyDelta(event.value) === 'hole') this.#heal();
        return;
      case 'rejected':
        return this.#heard?.transcript.failed(event.value);
      case 'renamed':
        return this.#changed(event.value, (conversation) => this.#deps.onRenamed(conversation, event.value.title));
      case 'deleted':
        return this.#changed(event.value, this.#deps.onDeleted);
      default:
        // About the session, not about what is said in it.
        return;
    }
  }

  onReply(listener: (text: string) => void): () => void {
    this.#replyListeners.add(listener);
    return () => this.#replyListeners.delete(listener);
  }

  #target(): Conversation {
    const message = this.#deps.outbox.next();
    return message?.conversation ?? this.#open.peek();
  }

  /** Nothing can be said where nothing is. */
  async #refuse(gone: Conversation, signal: AbortSignal): Promise<void> {
    if (gone === this.#open.peek()) this.#deps.outbox.refuseAllOf(gone, gone.trouble.peek() ?? refusal('NOT_FOUND'));
    else this.#deps.outbox.discardAllOf(gone);
    if (this.#target() === gone) await this.#bell.wait(Infinity, signal);
  }

  async #turn(target: Conversation, line: Line, signal: AbortSignal): Promise<void> {
    const why = await this.#deps.pages.loadNewest(target);
    if (signal.aborted) return;
    if (target.isGone) return this.#gone(target, why?.refusal);
    if (why !== undefined) return this.#bell.wait(why.retryDelayMs ?? tryAgainMs, signal);
    this.#joining = target;
    try {
      const joined = await line.join(target.id.peek(), target.transcript.resumeAfter);
      // What the stream brings belongs there only once the stream says so.
      this.#here = target;
      this.#named(target, joined?.conversationId ?? '');
    } catch (error) {
      const failed = failure(error);
      if (goneReasons.has(failed.reason)) this.#gone(target, failed.refusal);
      else await this.#afterFailure(failed, line, signal);
    }
  }

  async #send(message: Outgoing, line: Line, signal: AbortSignal): Promise<void> {
    try {
      const accepted = await line.send(await this.#deps.outbox.toWire(message));
      if (accepted === undefined) this.#deps.outbox.refuse(message, refusal('INTERNAL'));
      else this.#accepted(accepted);
    } catch (error) {
      const why = failure(error);
      if (signal.aborted) return;
      if (why.reason === 'NETWORK' || sessionIsGone.has(why.reason)) await this.#afterFailure(why, line, signal);
      else if (why.refusal.retryable) this.#deps.outbox.postpone(message, why.retryDelayMs ?? tryAgainMs);
      else this.#deps.outbox.refuse(message, why.refusal);
    }
  }

  async #afterFailure(why: CallFailed, line: Line, signal: AbortSignal): Promise<void> {
    if (sessionIsGone.has(why.reason)) return line.lost(why);
    await this.#bell.wait(why.retryDelayMs ?? tryAgainMs, signal);
  }

  #gone(conversation: Conversation, why: Conversation['trouble']['value']): void {
    if (why === undefined) return;
    if (conversation.isUnspoken) {
      // Whatever has become of it, another one is as good.
      this.#known.delete(conversation.id.peek());
      conversation.id.value = '';
      return;
    }
    this.forget(conversation);
    conversation.trouble.value = why;
    this.#deps.outbox.refuseAllOf(conversation, why);
  }

  /** The stream may say so later than the answer to the call, when the session is already turning to another. */
  #joined(conversationId: string): void {
    const joiningId = this.#joining?.id.peek();
    const joining = joiningId === '' || joiningId === conversationId ? this.#joining : undefined;
    const conversation = this.#known.get(conversationId) ?? joining;
    if (conversation === undefined) return;
    this.#heard = conversation;
    this.#named(conversation, conversationId);
  }

  #accepted(accepted: Accepted): void {
    const conversation = this.#of(accepted.conversationId);
    const isNew = conversation?.transcript.accepted(accepted) === true;
    this.#deps.outbox.settle(accepted.clientMessageId);
    if (conversation !== undefined && isNew) this.#deps.onNews(conversation, dateOf(accepted.createTime));
  }

  #message(message: Message): void {
    const conversation = this.#of(message.conversationId);
    if (conversation === undefined) return;
    if (message.clientMessageId !== '') this.#deps.outbox.settle(message.clientMessageId);
    const reply = conversation.transcript.message(message);
    if (reply === undefined) return;
    this.#deps.onNews(conversation, dateOf(message.createTime));
    if (conversation !== this.#open.peek()) return;
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

  /** Bytes of a reply are missing: joining again brings them. */
  #heal(): void {
    this.#here = undefined;
    this.wake();
  }

  #of(conversationId: string): Conversation | undefined {
    return this.#known.get(conversationId) ?? (this.#heard?.id.peek() === conversationId ? this.#heard : undefined);
  }

  #named(conversation: Conversation, id: string): void {
    if (id === '' || conversation.id.peek() === id) return;
    conversation.id.value = id;
    this.#remember(conversation);
    this.#deps.outbox.keep(conversation);
    this.#deps.onNamed(conversation);
  }

  #remember(conversation: Conversation): void {
    const id = conversation.id.peek();
    if (id !== '') this.#known.set(id, conversation);
  }
}

function dateOf(time: Accepted['createTime']): Date {
  return time === undefined ? new Date() : timestampDate(time);
}

const sessionIsGone: ReadonlySet<string> = new Set(['SESSION_NOT_FOUND', 'UNAUTHENTICATED', 'NOT_YOURS']);
