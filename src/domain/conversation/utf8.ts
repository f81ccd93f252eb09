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
  let bytes = 0;
  let index = 0;
  while (index < text.length && bytes < fromByte) {
    const character = String.fromCodePoint(text.codePointAt(index) ?? 0);
    bytes += utf8Length(character);
    index += character.length;
  }
  return text.slice(index);
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000;
}
