/** A stretch of a text, and where it begins in UTF-8 bytes. */
export interface Stretch {
  readonly offsetBytes: number;
  readonly text: string;
}

/** Bytes of a string's UTF-8 form; a lone surrogate counts as U+FFFD, as encoders write it. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) continue;
    bytes += unit < 0x800 ? 1 : 2;
    if (unit >= 0xd800 && unit < 0xdc00 && isLowSurrogate(text.charCodeAt(index + 1))) {
      // A pair is two units and four bytes.
      index += 1;
    }
  }
  return bytes;
}

/** The text from this UTF-8 byte offset on; an offset inside a character begins at the next one. */
export function utf8Slice(text: string, fromByte: number): string {
  return text.slice(unitsBefore(text, fromByte));
}

/** The text up to this UTF-8 byte offset; an offset inside a character ends behind it. */
export function utf8Beginning(text: string, toByte: number): string {
  return text.slice(0, unitsBefore(text, toByte));
}

/** UTF-16 units of the characters that begin before the byte offset. */
function unitsBefore(text: string, byteOffset: number): number {
  let bytes = 0;
  let index = 0;
  while (index < text.length && bytes < byteOffset) {
    const unit = text.charCodeAt(index);
    const isPair = unit >= 0xd800 && unit < 0xdc00 && isLowSurrogate(text.charCodeAt(index + 1));
    bytes += unit < 0x80 ? 1 : unit < 0x800 ? 2 : isPair ? 4 : 3;
    index += isPair ? 2 : 1;
  }
  return index;
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

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000;
}
