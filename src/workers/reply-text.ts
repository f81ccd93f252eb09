import { utf8Length } from '../domain/conversation/utf8.ts';

/** A stretch of a reply, and where it begins in UTF-8 bytes. */
export interface Stretch {
  readonly offsetBytes: number;
  readonly text: string;
}

/** The text of a reply as it grows. */
export class ReplyText {
  #text = '';
  #bytes = 0;
  /** Half a character, whose other half the next piece may bring. */
  #held = '';

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

/** The text in stretches of at most `maxBytes` (at least 4), none of which ends inside a character. */
export function* stretches(text: string, offsetBytes: number, maxBytes: number): Generator<Stretch> {
  let offset = offsetBytes;
  let from = 0;
  // A UTF-16 unit is at most three bytes: short texts need no counting.
  while ((text.length - from) * 3 > maxBytes) {
    const to = from + unitsWithin(text, from, maxBytes);
    const stretch = text.slice(from, to);
    if (to === text.length) break;
    yield { offsetBytes: offset, text: stretch };
    offset += utf8Length(stretch);
    from = to;
  }
  if (from < text.length) yield { offsetBytes: offset, text: text.slice(from) };
}

/** How many UTF-16 units of the text, from `from` on, fit into the bytes without cutting a character. */
function unitsWithin(text: string, from: number, maxBytes: number): number {
  let bytes = 0;
  let index = from;
  while (index < text.length) {
    const character = text.codePointAt(index) ?? 0;
    bytes += character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    if (bytes > maxBytes) break;
    index += character < 0x10000 ? 1 : 2;
  }
  return index - from;
}
