import { addPiece, beginDraft, type ReplyDraft } from './reply-draft.ts';

/** What a server's frame did to the draft of a reply. */
export type DraftChange =
  /** Or begun again, and what was drawn so far stands. */
  | { readonly kind: 'begun' }
  /** An attempt that begins anew: what was drawn so far is void. */
  | { readonly kind: 'begunAgain' }
  | { readonly kind: 'grown'; readonly text: string }
  /** What was drawn so far is void: the reply is another, and this is all of it up to now. */
  | { readonly kind: 'replaced'; readonly text: string }
  /** Nothing new: drawn already, or of an attempt that is over. */
  | { readonly kind: 'unchanged' }
  /** Bytes are missing. The draft stands still; the complete reply will mend it. */
  | { readonly kind: 'hole' };

/** How a complete reply compares with its draft. */
export type DraftEnd =
  /** What had been drawn stands; `rest` is what was missing. */
  | { readonly kind: 'extended'; readonly rest: string }
  /** What had been drawn is void. */
  | { readonly kind: 'replaced' };

interface Held {
  readonly messageId: string;
  draft: ReplyDraft;
  isHoled: boolean;
  /** Its attempt has failed. */
  isDelayed: boolean;
}

/**
 * The replies under way, each put together from pieces by byte offset. What comes again, on another stream or from an attempt that goes on from the one
 * before, is compared with what is drawn: a terminal cannot take text back.
 */
export class Drafts {
  readonly #drafts = new Map<string, Held>();

  /** A worker has begun an attempt to answer a message, and goes on from so many bytes of the one before. */
  start(messageId: string, replyMessageId: string, attempt: number, continuedBytes: number): DraftChange {
    const held = this.#drafts.get(replyMessageId);
    if (held !== undefined && attempt < held.draft.attempt) return { kind: 'unchanged' };
    const isDrawn = held !== undefined && held.draft.bytes > 0;
    const wasDelayed = held?.isDelayed === true;
    if (held?.draft.attempt === attempt || (isDrawn && continuedBytes > 0)) {
      if (held.draft.attempt !== attempt) held.draft = beginDraft(attempt, held.draft, continuedBytes);
      held.isHoled = false;
      held.isDelayed = false;
      return { kind: wasDelayed ? 'begun' : 'unchanged' };
    }
    this.#drafts.set(replyMessageId, { messageId, draft: beginDraft(attempt), isHoled: false, isDelayed: false });
    return { kind: isDrawn ? 'begunAgain' : 'begun' };
  }

  /** The attempt has failed. @returns false when that is of an attempt that is over */
  delay(replyMessageId: string, attempt: number): boolean {
    const held = this.#drafts.get(replyMessageId);
    if (held?.draft.attempt !== attempt) return false;
    held.isDelayed = true;
    return true;
  }

  /** The next piece, after `start` for its attempt: what is drawn already adds nothing, what overlaps adds what is new. */
  add(replyMessageId: string, attempt: number, offsetBytes: number, text: string): DraftChange {
    const held = this.#drafts.get(replyMessageId);
    if (held === undefined || attempt !== held.draft.attempt || held.isHoled) return { kind: 'unchanged' };
    const before = held.draft;
    const after = addPiece(before, { attempt, offsetBytes, text });
    if (after === 'hole') {
      held.isHoled = true;
      return { kind: 'hole' };
    }
    held.draft = after;
    if (after === before) return { kind: 'unchanged' };
    // Nothing is compared while the reply just grows.
    const isGrown = offsetBytes === before.bytes || after.text.startsWith(before.text);
    return isGrown
      ? { kind: 'grown', text: after.text.slice(before.text.length) }
      : { kind: 'replaced', text: after.text };
  }

  /** The reply is complete, and its draft is let go. One that was stopped may be shorter than what was drawn. */
  end(replyMessageId: string, text: string, isStopped: boolean): DraftEnd {
    const drawn = this.#drafts.get(replyMessageId)?.draft.text ?? '';
    this.#drafts.delete(replyMessageId);
    if (text.startsWith(drawn)) return { kind: 'extended', rest: text.slice(drawn.length) };
    return isStopped && drawn.startsWith(text) ? { kind: 'extended', rest: '' } : { kind: 'replaced' };
  }

  /** The user message that a reply under way answers. */
  messageIdOf(replyMessageId: string): string | undefined {
    return this.#drafts.get(replyMessageId)?.messageId;
  }

  /** What is drawn of the reply to a message. */
  drawnFor(messageId: string): string {
    for (const held of this.#drafts.values()) if (held.messageId === messageId) return held.draft.text;
    return '';
  }

  /** The message will have no reply. */
  giveUp(messageId: string): void {
    for (const [replyMessageId, held] of this.#drafts) {
      if (held.messageId === messageId) this.#drafts.delete(replyMessageId);
    }
  }
}
