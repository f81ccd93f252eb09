import { type Message, MessageStatus, type Part, Role } from '../../src/client/gen/chat/v1/content_pb.js';
import type { ConversationCheck } from './conversation-check.ts';
import type { MediaFiles } from './media-files.ts';
import { digestOf, type Said, textIn } from './said.ts';
import type { ViolationLog } from './violations.ts';

/**
 * Compares a conversation, as history holds it at the end, with what its client was told: every accepted message is there once, with what was
 * said and its place, and its reply once, with the same content; and nothing else is there. What was compared is forgotten.
 */
export class HistoryCheck {
  readonly #check: Pick<ConversationCheck, 'said' | 'forget'>;
  readonly #violations: ViolationLog;
  readonly #media: MediaFiles;
  /** What was found, and its reply was not, by the id for ever. */
  readonly #unanswered = new Map<string, Said>();
  #lastSequence = -1n;

  constructor(check: Pick<ConversationCheck, 'said' | 'forget'>, violations: ViolationLog, media: MediaFiles) {
    this.#check = check;
    this.#violations = violations;
    this.#media = media;
  }

  /** The next messages, oldest first. */
  take(messages: readonly Message[]): void {
    for (const message of messages) {
      if (message.sequence <= this.#lastSequence) this.#differs(`${message.messageId} is out of order, or twice`);
      this.#lastSequence = message.sequence;
      if (message.role === Role.USER) this.#user(message);
      else this.#reply(message);
    }
  }

  /** There are no more messages. */
  end(): void {
    for (const { messageId, reply, isInHistory } of this.#check.said.values()) {
      if (messageId === undefined) continue;
      if (!isInHistory) this.#differs(`${messageId} was accepted and is not there`);
      if (reply !== undefined) this.#differs(`${messageId} has no reply`);
    }
  }

  #user(message: Message): void {
    const { clientMessageId, messageId, sequence, status } = message;
    const said = this.#check.said.get(clientMessageId);
    if (said === undefined) return this.#differs(`${messageId} was never said, or is there twice`);
    if (said.isInHistory) this.#differs(`${clientMessageId} is there twice`);
    said.isInHistory = true;
    this.#unanswered.set(messageId, said);
    // What was refused, or never answered to, may be in the log all the same: nobody was told.
    if (said.messageId === undefined) return;
    if (said.messageId !== messageId || said.sequence !== Number(sequence))
      this.#differs(`${clientMessageId} is ${messageId} at ${sequence}, not what was accepted`);
    if (!this.#isWhatWasSaid(said, message.parts)) this.#differs(`${messageId} is not what was said`);
    if (said.reply !== undefined && status !== MessageStatus.COMPLETED)
      this.#differs(`${messageId} was answered and has status ${status}`);
  }

  #reply(message: Message): void {
    const { messageId, replyToMessageId } = message;
    const said = this.#unanswered.get(replyToMessageId);
    if (said === undefined)
      return this.#differs(`${messageId} is a second reply, or answers nothing that was said before it`);
    this.#unanswered.delete(replyToMessageId);
    this.#check.forget(said);
    const { reply } = said;
    // Nobody was told: it came after all that was waited for.
    if (reply === undefined) return;
    if (reply.messageId !== messageId || reply.sequence !== Number(message.sequence))
      this.#differs(`${messageId} at ${message.sequence} is not the reply that was told: ${reply.messageId}`);
    if (reply.digest !== digestOf(message)) this.#differs(`${messageId}: told and stored replies differ`);
  }

  #isWhatWasSaid({ saying, mediaId }: Said, parts: readonly Part[]): boolean {
    if (saying.kind === 'text') return parts.length === 1 && textIn(parts) === saying.text;
    const value = parts[0]?.value;
    if (parts.length !== 1 || value?.case !== 'media') return false;
    const { wireKind, contentType } = this.#media.file(saying.kind, saying.bytes);
    const media = value.value;
    return (
      media.kind === wireKind &&
      media.contentType === contentType &&
      Number(media.sizeBytes) === saying.bytes &&
      Buffer.from(media.sha256).toString('hex') === this.#media.sha256(saying.kind, saying.bytes) &&
      (mediaId === '' || mediaId === media.mediaId)
    );
  }

  #differs(example: string): void {
    this.#violations.count('historyDiffers', example);
  }
}
