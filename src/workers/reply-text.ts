import type { Draft } from '../domain/conversation/pending-messages.ts';
import { utf8Length } from '../domain/conversation/utf8.ts';

/** The text of a reply as it grows. */
export class ReplyText {
  #text: string;
  #bytes: number;
  /** Half a character, whose other half the next piece may bring. */
  #held = '';

  constructor(beginning: Draft) {
    this.#text = beginning.text;
    this.#bytes = beginning.bytes;
  }

  get text(): string {
    return this.#text;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Takes the next piece. Gives what of it is ready to be shown, '' when that is nothing. */
  add(piece: string): string {
    const all = this.#held + piece;
    const cut = endsInHalf(all) ? all.length - 1 : all.length;
    this.#held = all.slice(cut);
    return this.#grow(all.slice(0, cut));
  }

  /** There is no next piece. Gives what was still held back. */
  end(): string {
    const rest = this.#held;
    this.#held = '';
    return this.#grow(rest);
  }

  /** Surrogates without their other half would become U+FFFD in the log, and so they do here. */
  #grow(text: string): string {
    const ready = text.toWellFormed();
    this.#text += ready;
    this.#bytes += utf8Length(ready);
    return ready;
  }
}

function endsInHalf(text: string): boolean {
  const last = text.charCodeAt(text.length - 1);
  return last >= 0xd800 && last < 0xdc00;
}
