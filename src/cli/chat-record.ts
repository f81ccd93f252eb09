import type { Accepted, MessageRejected, ReplyDelta, ReplyStarted, Welcome } from '../gen/chat/v1/chat_service.ts';
import type { Message } from '../gen/chat/v1/content.ts';
import { MessageStatus } from '../gen/chat/v1/content.ts';
import type { ChatClient } from './chat-client.ts';
import type { Event } from './session-stream.ts';
import { textOf } from './text.ts';

/** A piece of a reply as it came, and in which stretch. */
export interface RecordedPiece extends ReplyDelta {
  /** Counts Welcome and Joined: with each the server begins to tell anew. */
  readonly stretch: number;
}

interface Draft {
  readonly attempt: number;
  /** What it goes on from, as far as that was told. */
  readonly continued: string;
  text: string;
}

/**
 * Keeps everything that a client was told, for checks of what a server promises. It judges the server's own words,
 * before the client has smoothed anything over, so it finds repeats and holes that a user would not see.
 */
export class ChatRecord {
  readonly welcomes: Welcome[] = [];
  /** By message id; the first Accepted of each. */
  readonly accepted = new Map<string, Accepted>();
  readonly pieces: RecordedPiece[] = [];
  /** Complete replies, by their own message id. */
  readonly replies = new Map<string, Message>();
  readonly rejected: MessageRejected[] = [];
  /** What the server should not have said, in words. */
  readonly faults: string[] = [];
  #stretch = 0;
  /** What each reply under way amounts to in this stretch. */
  readonly #drafts = new Map<string, Draft>();
  /** The most that was told of each attempt in any stretch. */
  readonly #attempts = new Map<string, string>();
  /** The last sequence of each conversation in this stretch. */
  readonly #sequences = new Map<string, bigint>();

  constructor(client: ChatClient) {
    client.on('event', (event) => this.#take(event));
  }

  /** Complete texts, by the id of the user message that they answer. */
  get answers(): ReadonlyMap<string, string> {
    return new Map([...this.replies.values()].map((reply) => [reply.replyToMessageId, textOf(reply)]));
  }

  #take(event: Event): void {
    switch (event.$case) {
      case 'welcome':
        this.welcomes.push(event.value);
        return this.#beginStretch();
      case 'joined':
        return this.#beginStretch();
      case 'accepted':
        return this.#accepted(event.value);
      case 'replyStarted':
        return this.#started(event.value);
      case 'replyDelta':
        return this.#piece(event.value);
      case 'message':
        return this.#message(event.value);
      case 'rejected':
        this.rejected.push(event.value);
        break;
      case 'renamed':
        return this.#inOrder(event.value, `the title “${event.value.title}”`);
      case 'deleted':
        return this.#inOrder(event.value, 'the deletion');
      case 'waiting':
      case 'drain':
      case 'pong':
        // Nothing is promised about these.
        break;
    }
  }

  #beginStretch(): void {
    this.#stretch += 1;
    this.#drafts.clear();
    this.#sequences.clear();
  }

  #accepted(accepted: Accepted): void {
    const known = this.accepted.get(accepted.messageId);
    if (known === undefined) this.accepted.set(accepted.messageId, accepted);
    else if (known.sequence !== accepted.sequence)
      this.faults.push(`${accepted.messageId} accepted at ${known.sequence} and at ${accepted.sequence}`);
  }

  #started({ replyMessageId, attempt, continuedBytes }: ReplyStarted): void {
    const draft = this.#drafts.get(replyMessageId);
    if (draft !== undefined && attempt <= draft.attempt)
      this.faults.push(`${replyMessageId} attempt ${attempt} began after ${draft.attempt}`);
    const before = Buffer.from(this.#attempts.get(attemptKey(replyMessageId, attempt - 1)) ?? '');
    const continued = before.subarray(0, Number(continuedBytes)).toString();
    this.#drafts.set(replyMessageId, { attempt, continued, text: '' });
  }

  #piece(delta: ReplyDelta): void {
    this.pieces.push({ ...delta, stretch: this.#stretch });
    const { replyMessageId, attempt, offsetBytes, text } = delta;
    const draft = this.#drafts.get(replyMessageId);
    const where = `${replyMessageId} attempt ${attempt} offset ${offsetBytes}`;
    if (draft?.attempt !== attempt) this.faults.push(`${where}: of an attempt that was not told`);
    else {
      const bytes = Buffer.byteLength(draft.text);
      if (Number(offsetBytes) > bytes) this.faults.push(`${where}: a hole from ${bytes}`);
      if (Number(offsetBytes) < bytes) this.faults.push(`${where}: a repeat from ${bytes}`);
      draft.text += text;
      const key = attemptKey(replyMessageId, attempt);
      if (draft.text.length > (this.#attempts.get(key) ?? '').length) this.#attempts.set(key, draft.text);
      if (!draft.continued.startsWith(draft.text) && !draft.text.startsWith(draft.continued))
        this.faults.push(`${where}: does not go on from ${JSON.stringify(draft.continued)}`);
    }
  }

  #message(message: Message): void {
    this.#inOrder(message, message.messageId);
    if (message.replyToMessageId === '') return;
    this.#completed(message);
    this.replies.set(message.messageId, message);
  }

  #inOrder({ conversationId, sequence }: Pick<Message, 'conversationId' | 'sequence'>, what: string): void {
    const last = this.#sequences.get(conversationId);
    if (last !== undefined && sequence <= last) this.faults.push(`${what} told at ${sequence}, after ${last}`);
    this.#sequences.set(conversationId, sequence);
  }

  #completed(message: Message): void {
    const { messageId } = message;
    const draft = this.#drafts.get(messageId);
    const text = textOf(message);
    const known = this.replies.get(messageId);
    if (known !== undefined && textOf(known) !== text) this.faults.push(`${messageId} told with two texts`);
    // A replayed reply has no draft; a stopped one may end before what was drawn.
    const agrees =
      draft === undefined ||
      draft.text === text ||
      (message.status === MessageStatus.STOPPED && draft.text.startsWith(text));
    if (!agrees)
      this.faults.push(`${messageId}: its pieces make ${JSON.stringify(draft.text)}, it is ${JSON.stringify(text)}`);
    this.#drafts.delete(messageId);
  }
}

function attemptKey(replyMessageId: string, attempt: number): string {
  return `${replyMessageId} #${attempt}`;
}
