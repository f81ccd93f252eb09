const encoder = new TextEncoder();
/** A byte order mark in the middle of a reply is a character like any. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** What a server's frame did to the draft of a reply. */
export type DraftChange =
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

interface Draft {
  readonly messageId: string;
  attempt: number;
  /** What is drawn: of this attempt, or still of the one that it goes on from. */
  text: string;
  bytes: number;
  holed: boolean;
}

/**
 * The replies under way, each put together from pieces by byte offset. What comes again, on another stream or from an attempt that goes on from the one
 * before, is compared with what is drawn: a terminal cannot take text back.
 */
export class Drafts {
  readonly #drafts = new Map<string, Draft>();

  /** A worker has begun an attempt to answer a message, and goes on from so many bytes of the one before. */
  start(messageId: string, replyMessageId: string, attempt: number, continuedBytes: number): DraftChange {
    const draft = this.#drafts.get(replyMessageId);
    if (draft !== undefined && attempt < draft.attempt) return { kind: 'unchanged' };
    const isDrawn = draft !== undefined && draft.bytes > 0;
    if (draft?.attempt === attempt || (isDrawn && continuedBytes > 0)) {
      draft.attempt = attempt;
      draft.holed = false;
      return { kind: 'unchanged' };
    }
    this.#drafts.set(replyMessageId, { messageId, attempt, text: '', bytes: 0, holed: false });
    return { kind: isDrawn ? 'begunAgain' : 'begun' };
  }

  /** The next piece, after `start` for its attempt: what is drawn already adds nothing, what overlaps adds what is new. */
  add(replyMessageId: string, attempt: number, offsetBytes: number, text: string): DraftChange {
    const draft = this.#drafts.get(replyMessageId);
    if (draft === undefined || attempt !== draft.attempt || draft.holed) return { kind: 'unchanged' };
    if (offsetBytes > draft.bytes) {
      draft.holed = true;
      return { kind: 'hole' };
    }
    // Nothing is compared while the reply just grows.
    if (offsetBytes === draft.bytes) return grow(draft, text);
    const drawn = encoder.encode(draft.text);
    const piece = encoder.encode(text);
    const known = drawn.subarray(offsetBytes, offsetBytes + piece.length);
    const isKnown = known.every((byte, index) => byte === piece[index]);
    if (isKnown) return grow(draft, decoder.decode(piece.subarray(known.length)));
    draft.text = decoder.decode(drawn.subarray(0, offsetBytes)) + text;
    draft.bytes = offsetBytes + piece.length;
    return { kind: 'replaced', text: draft.text };
  }

  /** The reply is complete, and its draft is let go. One that was stopped may be shorter than what was drawn. */
  end(replyMessageId: string, text: string, isStopped: boolean): DraftEnd {
    const drawn = this.#drafts.get(replyMessageId)?.text ?? '';
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
    for (const draft of this.#drafts.values()) if (draft.messageId === messageId) return draft.text;
    return '';
  }

  /** The message will have no reply. */
  giveUp(messageId: string): void {
    for (const [replyMessageId, draft] of this.#drafts) {
      if (draft.messageId === messageId) this.#drafts.delete(replyMessageId);
    }
  }
}

function grow(draft: Draft, text: string): DraftChange {
  if (text === '') return { kind: 'unchanged' };
  draft.text += text;
  draft.bytes += encoder.encode(text).length;
  return { kind: 'grown', text };
}
