import type {
  Accepted,
  ConversationDeleted,
  ConversationRenamed,
  MessageRejected,
  ReplyDelta,
  ReplyStarted,
} from '../../gen/chat/v1/chat_service.ts';
import { type Message, Role } from '../../gen/chat/v1/content.ts';
import type { TrueChange } from '../oracle/truth.ts';
import type { Rule } from '../rules.ts';
import type { SaidMessage } from './said-message.ts';

/** Something that a client has said, or tries to. */
export interface Said extends SaidMessage {
  /** When it was said first, milliseconds since the epoch. */
  readonly saidMs: number;
  messageId: string | undefined;
  sequence: number | undefined;
  /** What it was told came of it. */
  end: 'reply' | 'rejected' | undefined;
  /** It was refused before it was taken; saying it again may work. */
  refusedAs: string | undefined;
}

interface Draft {
  readonly attempt: number;
  /** What it says again, as far as it was seen. */
  readonly continued: string;
  text: string;
}

type Breach = (rule: Rule, what: string) => void;

/** What one client has seen of one conversation over all its connections, checked while it comes in. */
export class Transcript {
  readonly conversationId: string;
  readonly said = new Map<string, Said>();
  readonly replies = new Map<string, string>();
  /** The highest sequence seen: where a client that comes back goes on. */
  position = 0;
  isDeleted = false;
  #breach: Breach;
  readonly #changes: () => readonly TrueChange[];
  readonly #saidById = new Map<string, Said>();
  /** All that was seen of each attempt, over all streams. */
  readonly #attempts = new Map<string, string>();
  /** Of this stream. */
  #drafts = new Map<string, Draft>();
  #shown = new Set<string>();
  #last = 0;

  /** `changes`: what the log has of its titles and deletion. */
  constructor(conversationId: string, breach: Breach, changes: () => readonly TrueChange[]) {
    this.conversationId = conversationId;
    this.#changes = changes;
    this.#breach = (rule, what) => breach(rule, `${conversationId}: ${what}`);
  }

  /** Another stream, or another turn to the conversation, begins: drafts come again from their beginning. */
  beginStream(): void {
    this.#drafts = new Map();
    this.#shown = new Set();
    this.#last = 0;
  }

  /** The log has lost part of it: nothing is promised of it any more, and the client turns its back on it. */
  abandon(): void {
    this.isDeleted = true;
    this.#breach = () => {};
  }

  /** Accepted and without an end. */
  get unanswered(): readonly Said[] {
    return [...this.said.values()].filter(({ messageId, end }) => messageId !== undefined && end === undefined);
  }

  /** Neither accepted nor refused. */
  get unaccepted(): readonly Said[] {
    return [...this.said.values()].filter(
      ({ messageId, refusedAs }) => messageId === undefined && refusedAs === undefined,
    );
  }

  /** The answer of a call of its own may overtake the stream: what it names was not seen there yet. */
  accepted({ clientMessageId, messageId, sequence: at, duplicate }: Accepted, isOnStream: boolean): void {
    const sequence = Number(at);
    const said = this.said.get(clientMessageId);
    if (said === undefined) return this.#breach('told-of-unsaid', `Accepted ${clientMessageId}, which was never said`);
    if (said.messageId !== undefined && (said.messageId !== messageId || said.sequence !== sequence))
      this.#breach('delivery/accepted-moved', `${clientMessageId} was at ${said.sequence} and is at ${sequence}`);
    if (isOnStream) this.#place(sequence, `Accepted ${clientMessageId}${duplicate ? ' (duplicate)' : ''}`, duplicate);
    said.messageId = messageId;
    said.sequence ??= sequence;
    said.refusedAs = undefined;
    this.#saidById.set(messageId, said);
  }

  started({ replyMessageId, attempt, continuedBytes }: ReplyStarted): void {
    const draft = this.#drafts.get(replyMessageId);
    if (draft !== undefined && draft.attempt >= attempt)
      this.#breach('delivery/attempt-back', `${replyMessageId}: attempt ${attempt} begins after ${draft.attempt}`);
    const before = Buffer.from(this.#attempts.get(`${replyMessageId} #${attempt - 1}`) ?? '');
    const continued = before.subarray(0, Number(continuedBytes)).toString();
    this.#drafts.set(replyMessageId, { attempt, continued, text: '' });
  }

  piece({ replyMessageId, attempt, offsetBytes, text }: ReplyDelta): void {
    const draft = this.#drafts.get(replyMessageId);
    const name = `${replyMessageId} #${attempt}`;
    if (draft?.attempt !== attempt) return this.#breach('delivery/piece-unbegun', `${name} was not begun here`);
    const bytes = Buffer.byteLength(draft.text);
    if (bytes !== Number(offsetBytes))
      return this.#breach('delivery/hole', `${name}: a piece at ${offsetBytes} after ${bytes} bytes`);
    draft.text += text;
    const seen = this.#attempts.get(name) ?? '';
    if (!seen.startsWith(draft.text) && !draft.text.startsWith(seen))
      this.#breach('delivery/two-texts', `${name}: "${draft.text.slice(0, 40)}" and "${seen.slice(0, 40)}"`);
    if (draft.text.length > seen.length) this.#attempts.set(name, draft.text);
    if (!draft.continued.startsWith(draft.text) && !draft.text.startsWith(draft.continued))
      this.#breach('delivery/continued-differs', `${name} goes on from "${draft.continued}" and says "${draft.text}"`);
  }

  message(message: Message): void {
    const { messageId, replyToMessageId } = message;
    this.#place(Number(message.sequence), `message ${messageId}`, false);
    if (this.#shown.has(messageId)) this.#breach('delivery/repeated', `${messageId} twice on one stream`);
    this.#shown.add(messageId);
    if (message.role === Role.USER) return this.#ownMessage(message);
    const text = textOfMessage(message);
    const known = this.replies.get(messageId);
    if (known !== undefined && known !== text) this.#breach('reply-changed', `${messageId} has another text`);
    this.replies.set(messageId, text);
    const draft = this.#drafts.get(messageId);
    // Of a conversation that it deletes, a client may have drawn what is told when its words are erased.
    if (draft !== undefined && draft.text !== text && !this.isDeleted)
      this.#breach(
        'delivery/draft-differs',
        `${messageId}: drawn "${draft.text.slice(0, 60)}", is "${text.slice(0, 60)}"`,
      );
    this.#drafts.delete(messageId);
    this.#ended(replyToMessageId, 'reply');
  }

  renamed({ sequence, title }: ConversationRenamed): void {
    this.#changed({ sequence: Number(sequence), title }, `title "${title}"`);
  }

  deleted({ sequence }: ConversationDeleted): void {
    this.#changed({ sequence: Number(sequence), title: undefined }, 'deletion');
  }

  /** The newest title, or the deletion, stands in the log behind all that it was told. Older titles are nobody's any more. */
  get untold(): TrueChange | undefined {
    const newest = this.#changes().at(-1);
    return newest !== undefined && newest.sequence > this.position ? newest : undefined;
  }

  rejected({ clientMessageId, messageId, reason, retryable }: MessageRejected): void {
    if (messageId !== '') return this.#ended(messageId, 'rejected');
    const said = this.said.get(clientMessageId);
    // A message whose fate was in doubt is said again; so is one that is refused for now.
    if (said !== undefined && said.messageId === undefined && !retryable) said.refusedAs = reason;
  }

  #ownMessage({ messageId, clientMessageId, sequence, failureReason }: Message): void {
    const said = this.said.get(clientMessageId);
    if (said === undefined) return this.#breach('told-of-unsaid', `message ${clientMessageId}, which was never said`);
    if (said.messageId !== undefined && said.sequence !== Number(sequence))
      this.#breach('delivery/accepted-moved', `${clientMessageId} was at ${said.sequence} and is at ${sequence}`);
    said.messageId = messageId;
    said.sequence ??= Number(sequence);
    said.refusedAs = undefined;
    this.#saidById.set(messageId, said);
    if (failureReason !== '') this.#ended(messageId, 'rejected');
  }

  #ended(messageId: string, end: 'reply' | 'rejected'): void {
    const said = this.#saidById.get(messageId);
    if (said === undefined) return;
    if (said.end !== undefined && said.end !== end)
      this.#breach('delivery/two-ends', `${messageId} ended as ${said.end} and as ${end}`);
    said.end = end;
  }

  #changed({ sequence, title }: TrueChange, what: string): void {
    this.#place(sequence, what, false);
    if (this.#shown.has(`change ${sequence}`)) this.#breach('delivery/repeated', `${what} twice on one stream`);
    this.#shown.add(`change ${sequence}`);
    if (!this.#changes().some((change) => change.sequence === sequence && change.title === title))
      this.#breach('delivery/change-untrue', `${what} is not in the log at ${sequence}`);
  }

  /** In the log's order: what comes back of an earlier message is told as such. */
  #place(sequence: number, what: string, isRepeat: boolean): void {
    if (!isRepeat && sequence < this.#last)
      this.#breach('delivery/sequence-back', `${what} at ${sequence} after ${this.#last}`);
    const { untold } = this;
    if (untold !== undefined && untold.sequence < sequence)
      this.#breach('delivery/change-skipped', `${what} at ${sequence}, and not what was changed at ${untold.sequence}`);
    this.#last = Math.max(this.#last, sequence);
    this.position = Math.max(this.position, sequence);
  }
}

/** The text parts of a message, and its media by type. */
export function textOfMessage({ parts }: Message): string {
  return parts.map(({ value }) => (value?.$case === 'text' ? value.value : '')).join('');
}
