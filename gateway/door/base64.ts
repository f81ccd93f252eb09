/** What was to be base64 is not. */
export class NotBase64 extends Error {
  override readonly name = 'NotBase64';
}

/** Characters of base64 that one byte can take: where each byte is encoded by itself. */
export const maxBase64PerByte = 4;

const groupLength = 4;
const bytesPerGroup = 3;
const bitsPerCharacter = 6;
const padding = '='.charCodeAt(0);
const notInAlphabet = -1;
const values = new Int8Array(256).fill(notInAlphabet);
for (const [value, octet] of Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/').entries())
  values[octet] = value;

/**
 * The bytes that base64 (RFC 4648, §4) stands for, as they come. Clients encode each piece that they send by itself, so any group of four
 * characters may be padded: Node's decoder would end there, and it overlooks what is not base64. Throws NotBase64.
 */
export async function* decodeBase64(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let [bits, characters, pads] = [0, 0, 0];
  for await (const chunk of chunks) {
    const bytes = Buffer.allocUnsafe(Math.ceil((characters + chunk.length) / groupLength) * bytesPerGroup);
    let length = 0;
    for (const octet of chunk) {
      const isPadding = octet === padding;
      const value = isPadding ? 0 : (values[octet] ?? notInAlphabet);
      if (value === notInAlphabet || (pads > 0 && !isPadding)) throw new NotBase64();
      if (isPadding) pads += 1;
      bits = (bits << bitsPerCharacter) | value;
      characters += 1;
      if (characters < groupLength) continue;
      if (pads >= bytesPerGroup) throw new NotBase64();
      length = bytes.writeUIntBE(bits, length, bytesPerGroup) - pads;
      bits = characters = pads = 0;
    }
    // A copy: where much is padded, what is kept would hold three times as much memory as is counted.
    yield Buffer.from(bytes.subarray(0, length));
  }
  if (characters > 0) throw new NotBase64();
}
