/** A reply as far as it has been drawn. */
export interface ReplyDraft {
  /** 1, 2, … */
  readonly attempt: number;
  /** Of this attempt, or still of the one that it goes on from. */
  readonly text: string;
  /** Of the text, as UTF-8. */
  readonly bytes: number;
}

/** A piece of a reply, as a stream brings it, perhaps again. */
export interface Piece {
  readonly attempt: number;
  /** Where the text begins in the reply, in bytes of UTF-8. */
  readonly offsetBytes: number;
  readonly text: string;
}

const encoder = new TextEncoder();
/** A byte order mark in the middle of a reply is a character like any. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * An attempt begins. One that goes on from what the attempt before had said keeps what is drawn, until its pieces, which come from byte 0 again, are
 * longer or differ.
 */
export function beginDraft(attempt: number, drawn?: ReplyDraft, continuedBytes = 0): ReplyDraft {
  return drawn !== undefined && continuedBytes > 0 ? { ...drawn, attempt } : { attempt, text: '', bytes: 0 };
}

/**
 * What the piece makes of the draft: a later attempt voids what was drawn, what is known adds nothing, what overlaps adds what is new, and what differs
 * takes the place of what was drawn from there on.
 * @returns the same draft when the piece brings nothing new; 'hole' when bytes before the piece are missing
 */
export function addPiece(drawn: ReplyDraft | undefined, { attempt, offsetBytes, text }: Piece): ReplyDraft | 'hole' {
  const draft = drawn === undefined || attempt > drawn.attempt ? beginDraft(attempt) : drawn;
  if (attempt < draft.attempt) return draft;
  if (offsetBytes > draft.bytes) return 'hole';
  const piece = encoder.encode(text);
  const end = offsetBytes + piece.length;
  // Nothing is compared while the reply just grows.
  if (offsetBytes === draft.bytes) return text === '' ? draft : { attempt, text: draft.text + text, bytes: end };
  const held = encoder.encode(draft.text);
  const known = held.subarray(offsetBytes, end);
  if (known.every((byte, index) => byte === piece[index])) {
    const fresh = decoder.decode(piece.subarray(known.length));
    return fresh === '' ? draft : { attempt, text: draft.text + fresh, bytes: end };
  }
  return { attempt, text: decoder.decode(held.subarray(0, offsetBytes)) + text, bytes: end };
}
