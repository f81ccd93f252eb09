import type { LiveEvent } from '../../ports/live-bus.ts';

/** Counted for a piece besides its text: ids and what holds them. */
const overheadBytes = 200;

/** Pieces that arrived before the log's start of their attempt, up to this many bytes. Dropped ones are requested again. */
export class HeldPieces {
  readonly #maxBytes: number;
  #pieces: LiveEvent[] = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  push(piece: LiveEvent): void {
    const bytes = bytesOf(piece);
    if (this.#bytes + bytes > this.#maxBytes) return;
    this.#pieces.push(piece);
    this.#bytes += bytes;
  }

  /** Those of this attempt, which are held no longer. */
  take(replyMessageId: string, attempt: number): readonly LiveEvent[] {
    const isIt = (piece: LiveEvent) => piece.replyMessageId === replyMessageId && piece.attempt === attempt;
    const taken = this.#pieces.filter(isIt);
    if (taken.length > 0) this.#keep((piece) => !isIt(piece));
    return taken;
  }

  /** The reply has its end. */
  drop(replyMessageId: string): void {
    if (this.#pieces.length > 0) this.#keep((piece) => piece.replyMessageId !== replyMessageId);
  }

  #keep(isKept: (piece: LiveEvent) => boolean): void {
    this.#pieces = this.#pieces.filter(isKept);
    this.#bytes = this.#pieces.reduce((sum, piece) => sum + bytesOf(piece), 0);
  }
}

function bytesOf(event: LiveEvent): number {
  return overheadBytes + (event.type === 'piece' ? event.text.length : 0);
}
