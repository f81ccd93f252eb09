import type { Accepted, ReplyDelta, ReplyStarted } from '../../src/client/gen/chat/v1/chat_service_pb.js';
import { type Message, Role } from '../../src/client/gen/chat/v1/content_pb.js';
import { digestOf, type Said, textIn } from './said.ts';
import { takesUpOther } from './sayings.ts';
import type { ViolationLog } from './violations.ts';

/** A reply under way, as put together from pieces. */
export interface Draft {
  readonly said: Said | undefined;
  readonly attempt: number;
  /** The stream of the client on which its pieces came last. */
  stream: number;
  text: string;
  bytes: number;
  /** What came of the same attempt on an earlier stream, or what it goes on from, as far as that came: it begins so. */
  before: string;
  /** A hole, a repeat or another text is counted already. */
  isBroken: boolean;
  /** The complete reply has come on this stream. */
  readonly isLate: boolean;
  /** When the last piece came on this stream, by `performance.now()`; 0: none has. */
  lastPieceAtMs: number;
}

/** Looks at all that one client is told of its conversation: order, holes, repeats, and the right answer to the right message. */
export class ConversationCheck {
  readonly #violations: ViolationLog;
  readonly #label: string;
  /** An attempt may have been lost with its worker, and what came of it be other words. */
  readonly #attemptsMayDiffer: boolean;
  readonly #byId = new Map<string, Said>();
  readonly #byMessageId = new Map<string, Said>();
  readonly #drafts = new Map<string, Draft>();
  /** Replies to messages that the client does not know yet to be its own: it has not heard of their acceptance. */
  readonly #early = new Map<string, Message>();
  #stream = 0;
  #lastReplySequence = 0;

  constructor(violations: ViolationLog, label: string, attemptsMayDiffer: boolean) {
    this.#violations = violations;
    this.#label = label;
    this.#attemptsMayDiffer = attemptsMayDiffer;
  }

  /** What was said and is not forgotten, in order. */
  get said(): ReadonlyMap<string, Said> {
    return this.#byId;
  }

  say(said: Said): void {
    this.#byId.set(said.id, said);
  }

  /** What was answered, and the answer compared, is not asked for again. */
  forget({ id, messageId }: Said): void {
    this.#byId.delete(id);
    if (messageId !== undefined) this.#byMessageId.delete(messageId);
  }

  /** A stream begins, on which messages after this sequence come again. */
  begin(afterSequence: number): void {
    this.#stream += 1;
    this.#lastReplySequence = afterSequence;
  }

  /** The message is in the log; undefined when the client has said nothing under that id. */
  accepted({ clientMessageId, messageId, sequence }: Pick<Accepted, 'clientMessageId' | 'messageId' | 'sequence'>) {
    const said = this.#byId.get(clientMessageId);
    if (said === undefined) this.#violations.count('wrongReply', `${clientMessageId} was accepted and never said`);
    else this.#accept(said, messageId, Number(sequence));
    return said;
  }

  started({ messageId, replyMessageId, attempt, continuedBytes }: Omit<ReplyStarted, '$typeName'>): void {
    const draft = this.#drafts.get(replyMessageId);
    if (draft !== undefined && draft.attempt >= attempt) return;
    // Of an attempt in between, which this client did not see, nothing is known.
    const before = draft?.attempt === attempt - 1 ? Buffer.from(mostSeen(draft)) : Buffer.alloc(0);
    const continued = before.subarray(0, Number(continuedBytes)).toString();
    this.#newDraft(replyMessageId, attempt, messageId, continued);
  }

  /** The next piece of a reply. */
  piece({ replyMessageId, attempt, offsetBytes, text }: Omit<ReplyDelta, '$typeName'>): Draft {
    let draft = this.#drafts.get(replyMessageId);
    if (draft === undefined || draft.attempt < attempt) draft = this.#newDraft(replyMessageId, attempt, undefined, '');
    if (draft.stream !== this.#stream) this.#restart(draft);
    const length = Buffer.byteLength(text);
    const gapBytes = Number(offsetBytes) - draft.bytes;
    if (draft.isLate || draft.attempt > attempt) {
      this.#break(draft, 'repeat', `${replyMessageId}: a piece of an attempt that is over`, length);
      return draft;
    }
    if (gapBytes > 0) this.#break(draft, 'hole', `${replyMessageId}: ${gapBytes} bytes at ${draft.bytes}`, gapBytes);
    if (gapBytes < 0) {
      const bytes = Math.min(-gapBytes, length);
      this.#break(draft, 'repeat', `${replyMessageId}: ${bytes} bytes at ${offsetBytes}`, bytes);
    }
    draft.text += text;
    draft.bytes = Math.max(draft.bytes, Number(offsetBytes) + length);
    if (!draft.isBroken && !draft.text.startsWith(draft.before) && !draft.before.startsWith(draft.text))
      this.#break(draft, 'piecesDiffer', `${replyMessageId}: attempt ${attempt} differs from what came before`, 1);
    return draft;
  }

  /** A message as history holds it. Answers with what was said if this is the first word of its end: the reply, or that it was given up. */
  message(message: Message): Said | undefined {
    if (message.role === Role.USER) return this.#replayed(message);
    this.#checkOrder(message);
    const said = this.#byMessageId.get(message.replyToMessageId);
    if (said !== undefined) return this.#replied(said, message);
    this.#early.set(message.replyToMessageId, message);
    return undefined;
  }

  /** A reply that came before its message was known to be accepted. */
  takeEarly(said: Said): Said | undefined {
    const message = said.messageId === undefined ? undefined : this.#early.get(said.messageId);
    if (message === undefined || said.messageId === undefined) return undefined;
    this.#early.delete(said.messageId);
    return this.#replied(said, message);
  }

  /** The message will have no reply, as a rejection tells by either of its ids. */
  refusedBy(clientMessageId: string, messageId: string): Said | undefined {
    return this.#byId.get(clientMessageId) ?? this.#byMessageId.get(messageId);
  }

  /** Nothing more will come: whatever was a reply to nothing is a wrong one. */
  end(): void {
    for (const { messageId, replyToMessageId } of this.#early.values())
      this.#violations.count('wrongReply', `${messageId} answers ${replyToMessageId}, which this client did not say`);
  }

  #accept(said: Said, messageId: string, sequence: number): void {
    if (said.messageId !== undefined && (said.messageId !== messageId || said.sequence !== sequence))
      this.#violations.count('historyDiffers', `${said.id} was accepted as ${said.messageId} and as ${messageId}`);
    said.messageId = messageId;
    said.sequence = sequence;
    this.#byMessageId.set(messageId, said);
  }

  #newDraft(replyMessageId: string, attempt: number, messageId: string | undefined, before: string): Draft {
    const said = messageId === undefined ? this.#drafts.get(replyMessageId)?.said : this.#byMessageId.get(messageId);
    const draft = {
      said,
      attempt,
      stream: this.#stream,
      text: '',
      bytes: 0,
      before,
      isBroken: false,
      isLate: said?.repliedOnStream === this.#stream,
      lastPieceAtMs: 0,
    };
    this.#drafts.set(replyMessageId, draft);
    return draft;
  }

  /** On a new stream the whole draft comes again. */
  #restart(draft: Draft): void {
    draft.before = mostSeen(draft);
    draft.stream = this.#stream;
    draft.text = '';
    draft.bytes = 0;
    draft.lastPieceAtMs = 0;
  }

  #break(draft: Draft, violation: 'hole' | 'repeat' | 'piecesDiffer', example: string, bytes: number): void {
    draft.isBroken = true;
    this.#violations.count(violation, example, bytes);
  }

  /** A message of this client's own, which it missed the acceptance of, or the failure. */
  #replayed({ clientMessageId, messageId, sequence, failureReason }: Message): Said | undefined {
    const said = this.accepted({ clientMessageId, messageId, sequence });
    if (said === undefined) return undefined;
    // A message that was stopped or failed carries a reason only when it has no reply.
    return failureReason === '' ? this.takeEarly(said) : said;
  }

  /** By the order on this stream: what the client knew before it asked to have sent again. */
  #checkOrder({ messageId, replyToMessageId, sequence }: Message): void {
    const isRepeat = this.#byMessageId.get(replyToMessageId)?.repliedOnStream === this.#stream;
    if (!isRepeat && sequence <= this.#lastReplySequence)
      this.#violations.count('disorder', `${messageId} at ${sequence} came after ${this.#lastReplySequence}`);
    this.#lastReplySequence = Math.max(this.#lastReplySequence, Number(sequence));
  }

  #replied(said: Said, message: Message): Said | undefined {
    const words = textIn(message.parts);
    this.#checkDraft(message, words);
    const isFirst = !said.isSettled;
    if (said.repliedOnStream === this.#stream)
      this.#violations.count('repeat', `${message.messageId} was told twice`, Buffer.byteLength(words));
    said.repliedOnStream = this.#stream;
    const digest = digestOf(message);
    const { messageId } = message;
    if (said.reply !== undefined && (said.reply.messageId !== messageId || said.reply.digest !== digest))
      this.#violations.count('historyDiffers', `${messageId} was told with other words before`);
    said.reply = { messageId, sequence: Number(message.sequence), digest };
    this.#checkWords(said, messageId, words);
    return isFirst ? said : undefined;
  }

  #checkDraft({ messageId }: Message, words: string): void {
    const draft = this.#drafts.get(messageId);
    if (draft === undefined) return;
    this.#drafts.delete(messageId);
    if (draft.isBroken) return;
    const isWhole = draft.stream === this.#stream;
    // History tells a reply that became complete between two streams, and not of which attempt it is.
    const mayDiffer = this.#attemptsMayDiffer && !isWhole;
    const isSame = isWhole ? draft.text === words && words.startsWith(draft.before) : words.startsWith(draft.text);
    if (!isSame && !mayDiffer) this.#violations.count('piecesDiffer', `${messageId}: its pieces are not the reply`);
  }

  #checkWords(said: Said, replyMessageId: string, words: string): void {
    if (takesUpOther(words, this.#label, said.saying.text))
      this.#violations.count('wrongReply', `${replyMessageId} takes up what ${said.id} did not say`);
  }
}

/** The most that came of the attempt on any stream. */
function mostSeen({ text, before }: Draft): string {
  return text.length > before.length ? text : before;
}
