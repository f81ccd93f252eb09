import type { Session } from './black-box-client.ts';

/** Drafts of replies as a client keeps them over all its streams, by docs/protocol.md; and whether one of them ever lost text. */
export class HeldDrafts {
  /** By the reply's id. */
  readonly texts = new Map<string, string>();
  /** Texts that were shown and then taken back. */
  readonly takenBack: string[] = [];

  /** Holds what is told on this stream from now on. */
  follow(session: Session): void {
    session.onEvent((kind, body) => {
      if (kind === 'replyDelta') this.#delta(body.replyMessageId, body.offsetBytes, body.text);
    });
  }

  #delta(replyMessageId: string, offsetBytes: number, text: string): void {
    const held = Buffer.from(this.texts.get(replyMessageId) ?? '');
    const piece = Buffer.from(text);
    const known = held.subarray(offsetBytes);
    const common = Math.min(known.length, piece.length);
    const isSame = known.subarray(0, common).equals(piece.subarray(0, common));
    if (isSame && piece.length <= known.length) return;
    if (!isSame) this.takenBack.push(held.toString());
    this.texts.set(replyMessageId, held.subarray(0, offsetBytes).toString() + text);
  }
}
