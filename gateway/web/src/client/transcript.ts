import { durationMs, timestampDate } from '@bufbuild/protobuf/wkt';
import type { ReadonlySignal } from '@preact/signals';
import { whyDelayed } from '../../../../src/client/delayed-reply.ts';
import type {
  Accepted,
  MessageRejected,
  ReplyDelayed,
  ReplyStarted,
} from '../../../../src/client/gen/chat/v1/chat_service_pb.js';
import type { Message } from '../../../../src/client/gen/chat/v1/content_pb.js';
import { MessageStatus, Role } from '../../../../src/client/gen/chat/v1/content_pb.js';
import type { Entry, Refusal, ShownMessage, ShownPart, ShownStatus } from './app.ts';
import { OrderedEntries, type Place } from './ordered-entries.ts';
import { refusal } from './refusals.ts';
import { shownParts } from './shown-parts.ts';

/** Behind everything that has a sequence. */
const atTheEnd = Number.MAX_SAFE_INTEGER;

/** Begins the keys of user messages; what follows is the client message id. */
export const saidPrefix = 'said:';

interface Question {
  readonly key: string;
  readonly sequence: number;
}

/**
 * What is said in one conversation, put together from streams and from pages of history, which may bring the same again, late, or in another
 * order. A reply stands beneath what it answers, so nothing moves that somebody is reading; what was not accepted yet stands at the end.
 */
export class Transcript {
  readonly #entries = new OrderedEntries();
  /** User messages that are in the log, by message id. */
  readonly #questions = new Map<string, Question>();
  /** Replies whose question is not known here (yet), by the question's message id. */
  readonly #orphans = new Map<string, string>();
  #receivedUpTo = 0;
  #saidCount = 0;

  /** Oldest first. */
  get entries(): ReadonlySignal<readonly Entry[]> {
    return this.#entries.list;
  }

  /** From where a session must go on: before the oldest message without an answer, so that its outcome is told even if it has no sequence. */
  get resumeAfter(): number {
    let after = this.#receivedUpTo;
    for (const { key, sequence } of this.#questions.values()) {
      if (isOpen(this.#entries.get(key)?.status) && sequence <= after) after = sequence - 1;
    }
    return after;
  }

  /** Whether any message has no final state. */
  get hasPending(): boolean {
    return this.#entries.values().some(({ status }) => isOpen(status) || status === 'growing');
  }

  /** Something was said here and is on its way. Saying it again under the same id changes nothing but its parts. */
  say(clientMessageId: string, parts: readonly ShownPart[], at: Date): void {
    const key = saidKey(clientMessageId);
    if (this.#entries.get(key) !== undefined) return;
    this.#saidCount += 1;
    const message: ShownMessage = { messageId: '', role: 'user', parts, status: 'sending', at };
    this.#entries.set(key, message, [atTheEnd, 2, this.#saidCount]);
  }

  /** Changes what was said here and is not accepted yet: its progress, or why it was refused. */
  change(clientMessageId: string, change: Pick<Partial<ShownMessage>, 'parts' | 'status' | 'refusal'>): void {
    this.#entries.update(saidKey(clientMessageId), (message) =>
      message.messageId === '' ? { ...message, ...change } : message,
    );
  }

  /** Takes back what was not accepted. */
  discard(clientMessageId: string): void {
    const key = saidKey(clientMessageId);
    if (this.#entries.get(key)?.messageId === '') this.#entries.remove(key);
  }

  /** A message of ours is in the log. @returns false when that was known */
  accepted({ clientMessageId, messageId, sequence, createTime }: Accepted): boolean {
    const key = saidKey(clientMessageId);
    const known = this.#entries.get(key);
    if (known === undefined || known.messageId !== '') return false;
    const at = createTime === undefined ? known.at : timestampDate(createTime);
    const { refusal: _, ...said } = known;
    this.#placeQuestion(key, { ...said, messageId, at, status: 'queued' }, Number(sequence));
    return true;
  }

  /** A message as history holds it. @returns the text of a reply that has just become complete */
  message(message: Message): string | undefined {
    const sequence = Number(message.sequence);
    this.passed(sequence);
    if (message.role === Role.ASSISTANT) return this.#reply(message, sequence);
    this.#question(message, sequence);
    return undefined;
  }

  /** Something else of the conversation is known that stands there. */
  passed(sequence: number): void {
    this.#receivedUpTo = Math.max(this.#receivedUpTo, sequence);
  }

  /** A page of history, which may lag behind what streams have told. */
  page(messages: readonly Message[]): void {
    this.#entries.batch(() => {
      for (const message of messages) this.message(message);
    });
  }

  /** A worker has begun to answer. */
  replyStarted({ messageId, replyMessageId }: Pick<ReplyStarted, 'messageId' | 'replyMessageId'>): void {
    const key = replyKey(replyMessageId);
    if (this.#entries.get(key) !== undefined) return this.#retry(replyMessageId, undefined);
    const question = this.#questions.get(messageId)?.key;
    if (question !== undefined) this.#entries.update(question, (message) => withStatus(message, 'processing'));
    const ids = { messageId: replyMessageId, replyToMessageId: messageId };
    const shown = { ...ids, role: 'assistant', parts: [], status: 'growing', at: new Date() } as const;
    this.#entries.set(key, shown, this.#replyPlace(messageId, key, atTheEnd));
  }

  /** The model has failed, and is asked again after a while. */
  replyDelayed(delayed: Pick<ReplyDelayed, 'replyMessageId' | 'retryDelay' | 'reason'>): void {
    const { replyMessageId, retryDelay } = delayed;
    const atMs = performance.now() + (retryDelay === undefined ? 0 : durationMs(retryDelay));
    this.#retry(replyMessageId, { atMs, why: whyDelayed(delayed) });
  }

  /** Text to show at the end of a reply that is being written. */
  replyGrown({ replyMessageId, text }: { readonly replyMessageId: string; readonly text: string }): void {
    this.#redraw(replyMessageId, ({ parts }) => [{ kind: 'text', text: textOf(parts) + text }]);
  }

  /** What is shown of a reply that is being written is void. */
  replyRestarted({ replyMessageId }: { readonly replyMessageId: string }): void {
    this.#retry(replyMessageId, undefined);
    this.#redraw(replyMessageId, () => []);
  }

  /** A message that is in the log was given up. @returns why, when that is news and nobody here asked for it */
  failed({ messageId, reason, detail }: Pick<MessageRejected, 'messageId' | 'reason' | 'detail'>): Refusal | undefined {
    const question = this.#questions.get(messageId);
    if (question === undefined) return undefined;
    this.#dropDraftOf(messageId);
    this.passed(question.sequence);
    if (!isOpen(this.#entries.get(question.key)?.status)) return undefined;
    const ending = endingOf(reason, detail);
    this.#entries.update(question.key, (message) => ({ ...message, ...ending }));
    return ending.refusal;
  }

  #question(message: Message, sequence: number): void {
    const { messageId, failureReason } = message;
    const key = saidKey(message.clientMessageId);
    const known = this.#entries.get(key);
    const status = statusOf(message.status);
    // History may lag: what is final here is final.
    const stands = known?.messageId !== undefined && known.messageId !== '' && !isOpen(known.status) && isOpen(status);
    if (stands) return;
    const ending = status === 'failed' ? endingOf(failureReason, '') : { status };
    const at = message.createTime === undefined ? new Date(0) : timestampDate(message.createTime);
    const parts = shownParts(message.parts, known?.parts);
    const shown: ShownMessage = { messageId, role: 'user', parts, at, ...ending };
    if (known?.status === 'processing' && status === 'queued') return;
    this.#placeQuestion(key, shown, sequence);
    if (!isOpen(status)) this.#dropDraftOf(messageId);
  }

  #placeQuestion(key: string, message: ShownMessage, sequence: number): void {
    this.#questions.set(message.messageId, { key, sequence });
    this.#entries.set(key, message, [sequence, 0, 0]);
    const orphan = this.#orphans.get(message.messageId);
    const reply = orphan === undefined ? undefined : this.#entries.get(orphan);
    if (orphan === undefined || reply === undefined) return;
    this.#orphans.delete(message.messageId);
    this.#entries.set(orphan, reply, [sequence, 1, 0]);
    if (isOpen(message.status)) {
      const status = statusOfQuestion(reply.status);
      this.#entries.update(key, (said) => withStatus(said, status));
    }
  }

  #reply(message: Message, sequence: number): string | undefined {
    const { messageId, replyToMessageId, model } = message;
    const key = replyKey(messageId);
    const before = this.#entries.get(key);
    const whole = message.incomplete ? 'incomplete' : 'completed';
    const status = message.status === MessageStatus.STOPPED ? 'stopped' : whole;
    const at = message.createTime === undefined ? new Date(0) : timestampDate(message.createTime);
    const parts = shownParts(message.parts, before?.parts);
    const shown: ShownMessage = { messageId, role: 'assistant', parts, status, at, model, replyToMessageId };
    this.#entries.set(key, shown, this.#replyPlace(replyToMessageId, key, sequence));
    const question = this.#questions.get(replyToMessageId);
    const awaited = question === undefined ? undefined : this.#entries.get(question.key)?.status;
    if (question !== undefined && isOpen(awaited)) {
      this.#entries.update(question.key, (said) => withStatus(said, statusOfQuestion(status)));
    }
    return before?.status === 'growing' || isOpen(awaited) ? textOf(parts) : undefined;
  }

  #replyPlace(replyToMessageId: string, key: string, sequence: number): Place {
    const question = this.#questions.get(replyToMessageId);
    if (question !== undefined) return [question.sequence, 1, 0];
    if (replyToMessageId !== '') this.#orphans.set(replyToMessageId, key);
    return [sequence, 1, 0];
  }

  /** Complete replies stay as they are, and those that were given up away. */
  #redraw(replyMessageId: string, draw: (message: ShownMessage) => readonly ShownPart[]): void {
    this.#entries.update(replyKey(replyMessageId), (message) =>
      message.status === 'growing' ? { ...message, parts: draw(message) } : message,
    );
  }

  #retry(replyMessageId: string, retry: ShownMessage['retry']): void {
    this.#entries.update(replyKey(replyMessageId), (message) => {
      if (message.status !== 'growing' || message.retry === retry) return message;
      const { retry: _, ...reply } = message;
      return retry === undefined ? reply : { ...reply, retry };
    });
  }

  #dropDraftOf(messageId: string): void {
    for (const { messageId: replyMessageId, replyToMessageId, status } of this.#entries.values()) {
      if (replyToMessageId === messageId && status === 'growing') this.#entries.remove(replyKey(replyMessageId));
    }
  }
}

/** The key of what was said here; the same before it is accepted and in history. */
function saidKey(clientMessageId: string): string {
  return saidPrefix + clientMessageId;
}

function replyKey(replyMessageId: string): string {
  return `reply:${replyMessageId}`;
}

/** It is in the log and has no final state. */
function isOpen(status: ShownStatus | undefined): boolean {
  return status === 'queued' || status === 'processing';
}

/** Of a message, by that of its reply: what the reply itself shows is not repeated. */
function statusOfQuestion(reply: ShownMessage['status']): ShownMessage['status'] {
  if (reply === 'growing') return 'processing';
  return reply === 'incomplete' ? 'completed' : reply;
}

function withStatus(message: ShownMessage, status: ShownStatus): ShownMessage {
  return message.status === status ? message : { ...message, status };
}

function endingOf(reason: string, detail: string): { readonly status: ShownStatus; readonly refusal?: Refusal } {
  if (reason === 'STOPPED') return { status: 'stopped' };
  return { status: 'failed', refusal: refusal(reason, false, detail) };
}

function statusOf(status: MessageStatus): ShownStatus {
  switch (status) {
    case MessageStatus.PROCESSING:
      return 'processing';
    case MessageStatus.COMPLETED:
      return 'completed';
    case MessageStatus.FAILED:
      return 'failed';
    case MessageStatus.STOPPED:
      return 'stopped';
    default:
      return 'queued';
  }
}

function textOf(parts: readonly ShownPart[]): string {
  return parts.flatMap((part) => (part.kind === 'text' ? [part.text] : [])).join('\n');
}
