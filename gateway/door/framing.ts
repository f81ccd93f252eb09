/*
 * gRPC-Web on the wire (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md), as far as it is spoken here:
 *
 *   request   = POST "/" service "/" method, content-type "application/grpc-web" [ "+proto" ], body = message
 *   response  = 200, body = *message trailers
 *   message   = %x00 length bytes            a protobuf, not compressed: exactly a message of gRPC
 *   trailers  = %x80 length *( name ":" SP value CRLF )    names in small letters; what HTTP/2 would send as trailers
 *   length    = 4 octets, big-endian, of what follows
 *
 * With content-type "application/grpc-web-text" [ "+proto" ] the body of the request is the same in base64; with such an `accept` the response's is.
 * Each piece is encoded, and padded, by itself.
 */

const prefixBytes = 5;
const trailersFlag = 0x80;

/** The status of a call that ends before the server has it. */
export interface Status {
  /** As gRPC numbers them. */
  readonly code: number;
  readonly message: string;
  /** A google.rpc.Status, encoded. */
  readonly details?: Uint8Array;
}

/** The most that a request's body may have, for a message of so many bytes. */
export function maxBodyBytes(maxMessageBytes: number): number {
  return prefixBytes + maxMessageBytes;
}

/** What is wrong with the body of a request; undefined: it is one message. */
export function framingProblem(body: Buffer): string | undefined {
  if (body.length === 0) return 'the body is empty: it must be one message';
  if (body.length < prefixBytes) return `the body has ${body.length} bytes, the head of a message has ${prefixBytes}`;
  const flags = body.readUInt8(0);
  if (flags === 1) return 'the message is compressed: send it as it is';
  if (flags !== 0) return `a message cannot begin with 0x${flags.toString(16).padStart(2, '0')}`;
  const [said, there] = [body.readUInt32BE(1), body.length - prefixBytes];
  return said === there ? undefined : `the message is said to have ${said} bytes, ${there} follow`;
}

/** The trailers of a call, as the frame that ends its response. */
export function trailersFrame(trailers: Readonly<Record<string, string | readonly string[] | undefined>>): Buffer {
  const lines = Object.entries(trailers).flatMap(([name, value = []]) =>
    [value].flat().map((one) => `${name}: ${one}\r\n`),
  );
  const text = Buffer.from(lines.join(''), 'latin1');
  const prefix = Buffer.alloc(prefixBytes);
  prefix.writeUInt8(trailersFlag, 0);
  prefix.writeUInt32BE(text.length, 1);
  return Buffer.concat([prefix, text]);
}

/** A status as trailers. */
export function trailersOf({ code, message, details }: Status): Record<string, string> {
  return {
    'grpc-status': String(code),
    'grpc-message': encodeURI(message),
    ...(details === undefined ? {} : { 'grpc-status-details-bin': Buffer.from(details).toString('base64') }),
  };
}
