/** A reply as far as it has been drawn. */
export interface ReplyDraft {
  /** 1, 2, … */
  readonly attempt: number;
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
const decoder = new TextDecoder();

/** Nothing is drawn yet of this attempt. */
export function beginDraft(attempt: number): ReplyDraft {
  return { attempt, text: '', bytes: 0 };
}

/**
 * What the piece makes of the draft: a later attempt voids what was drawn, what is known adds nothing, and what overlaps adds what is new.
 * @returns the same draft when the piece brings nothing new; 'hole' when bytes before the piece are missing
 */
export function addPiece(drawn: ReplyDraft | undefined, piece: Piece): ReplyDraft | 'hole' {
  const draft = drawn === undefined || piece.attempt > drawn.attempt ? beginDraft(piece.attempt) : drawn;
  if (piece.attempt < draft.attempt) return draft;
  if (piece.offsetBytes > draft.bytes) return 'hole';
  const bytes = encoder.encode(piece.text);
  const end = piece.offsetBytes + bytes.length;
  if (end <= draft.bytes) return draft;
  const fresh =
    piece.offsetBytes === draft.bytes ? piece.text : decoder.decode(bytes.subarray(draft.bytes - piece.offsetBytes));
  return { attempt: draft.attempt, text: draft.text + fresh, bytes: end };
}
