/*
 * HTTP/2 frames (RFC 9113, section 4.1), as no client of node:http2 sends them:
 *
 *   frame  = length(24) type(8) flags(8) stream(32) payload
 *   field  = %x00 string string            a header field that is not indexed (RFC 7541, section 6.2.2)
 *   string = length(7+) octets             not by Huffman's code
 */

export const frameTypes = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
};
export const flags = { none: 0, endStream: 1, endHeaders: 4 };

export function frame(type: number, flag: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flag, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** What begins a connection: the magic and empty settings. */
export const preface = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame(frameTypes.settings, flags.none, 0),
]);

/** Four octets of a number, as RST_STREAM and WINDOW_UPDATE have them. */
export function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A block of header fields. */
export function fields(headers: Readonly<Record<string, string>>): Buffer {
  return Buffer.concat(Object.entries(headers).map(([name, value]) => field(name, value)));
}

function field(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0]), string(name), string(value)]);
}

function string(text: string): Buffer {
  return Buffer.concat([prefixed(text.length, 127, 0), Buffer.from(text)]);
}

/** A number in the bits that this prefix leaves, and as many octets as it needs more (RFC 7541, section 5.1). */
function prefixed(value: number, most: number, bits: number): Buffer {
  if (value < most) return Buffer.from([bits | value]);
  const octets = [bits | most];
  for (let rest = value - most; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...octets, rest]);
    octets.push(128 + (rest % 128));
  }
}

/** The header fields of a call. */
export function callFields(path: string, more: Readonly<Record<string, string>> = {}): Buffer {
  const head = { ':method': 'POST', ':scheme': 'http', ':path': path, ':authority': 'a' };
  return fields({ ...head, 'content-type': 'application/grpc', te: 'trailers', ...more });
}

/** A field with this value that is added to the table, and so many references to it: two octets for all of it each. */
export function repeatedField(value: string, times: number): Buffer {
  const added = Buffer.concat([Buffer.from([0x40]), string('x'), string(value)]);
  return Buffer.concat([added, Buffer.alloc(times, 0x80 | 62)]);
}
