/** What a server's frame did to the draft of a reply. */
export type DraftChange =
  | { readonly kind: 'begun' }
  /** A new attempt: what was drawn so far is void. */
  | { readonly kind: 'begunAgain' }
  | { readonly kind: 'grown'; readonly text: string }
  /** Nothing new: seen before, or of an attempt that is over. */
  | { readonly kind: 'unchanged' }
  /** Bytes are missing. The draft stands still; the complete reply will mend it. */
  | { readonly kind: 'hole' };

/** How a complete reply compares with its draft. */
export type DraftEnd =
  /** What had been drawn stands; `rest` is what was missing. */
  | { readonly kind: 'extended'; readonly rest: string }
  /** What had been drawn is void. */
  | { readonly kind: 'replaced' };

interface Draft {
  readonly messageId: string;
  readonly attempt: number;
  text: string;
  bytes: number;
  holed: boolean;
}

/**
 * The replies under way, each put together from pieces by attempt and byte offset, however often streams repeat them.
 */
export class Drafts {
  readonly #drafts = new Map<string, Draft>();

  /** A worker has begun an attempt to answer a message. */
  start(messageId: string, replyMessageId: string, attempt: number): DraftChange {
    const draft = this.#drafts.get(replyMessageId);
    if (draft !== undefined && attempt <= draft.attempt) return { kind: 'unchanged' };
    this.#drafts.set(replyMessageId, { messageId, attempt, text: '', bytes: 0, holed: false });
    return { kind: draft === undefined || draft.bytes === 0 ? 'begun' : 'begunAgain' };
  }

  /**
   * The next piece, after `start` for its attempt. One seen before adds nothing, one that overlaps adds what is new.
   */
  add(replyMessageId: string, attempt: number, offsetBytes: number, text: string): DraftChange {
    const draft = this.#drafts.get(replyMessageId);
    if (draft === undefined || attempt !== draft.attempt || draft.holed) return { kind: 'unchanged' };
    if (offsetBytes > draft.bytes) {
      draft.holed = true;
      return { kind: 'hole' };
    }
    const piece = Buffer.from(text);
    if (offsetBytes + piece.length <= draft.bytes) return { kind: 'unchanged' };
    const fresh = offsetBytes === draft.bytes ? text : piece.subarray(draft.bytes - offsetBytes).toString();
    draft.text += fresh;
    draft.bytes = offsetBytes + piece.length;
    return { kind: 'grown', text: fresh };
  }

  /** The reply is complete, and its draft is let go. A reply that was stopped may be shorter than what was drawn. */
  end(replyMessageId: string, text: string): DraftEnd {
    const drawn = this.#drafts.get(replyMessageId)?.text ?? '';
    this.#drafts.delete(replyMessageId);
    if (text.startsWith(drawn)) return { kind: 'extended', rest: text.slice(drawn.length) };
    return drawn.startsWith(text) ? { kind: 'extended', rest: '' } : { kind: 'replaced' };
  }

  /** The message will have no reply. */
  giveUp(messageId: string): void {
    for (const [replyMessageId, draft] of this.#drafts) {
      if (draft.messageId === messageId) this.#drafts.delete(replyMessageId);
    }
  }
}
