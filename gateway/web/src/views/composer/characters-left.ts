/** From here on the room that is left is told. */
const toldFrom = 0.8;

const encoder = new TextEncoder();

/**
 * About how many more characters go into a message of at most `maxBytes` bytes of UTF-8, by the bytes that this text's characters take on
 * average; below zero when there are too many. undefined while there is room enough not to speak of it.
 */
export function charactersLeft(text: string, maxBytes: number): number | undefined {
  // No UTF-16 unit takes more than three bytes, so most texts need not be encoded to know.
  if (text.length * 3 < maxBytes * toldFrom) return undefined;
  const bytes = encoder.encode(text).length;
  if (bytes < maxBytes * toldFrom) return undefined;
  const bytesPerCharacter = bytes / Math.max(1, text.length);
  const left = (maxBytes - bytes) / bytesPerCharacter;
  // Downwards: one byte too many is one character too many.
  return Math.floor(left);
}
