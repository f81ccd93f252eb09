import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Readable } from 'node:stream';

/** A request over HTTP/1.1. */
export interface Asked {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: Uint8Array | Readable;
  /** The authority that is trusted, PEM. */
  readonly ca?: string;
  /** The address of this machine that it comes from. */
  readonly localAddress?: string;
}

/** Resolves when the headers of the answer are here. The path is sent as it is written. */
export async function ask(origin: string, path: string, asked: Asked = {}): Promise<IncomingMessage> {
  const { method = 'GET', headers = {}, body, ca, localAddress } = asked;
  const { protocol, hostname, port } = new URL(origin);
  const open = protocol === 'https:' ? httpsRequest : httpRequest;
  // A connection of its own, closed after it.
  const options = { hostname, port, path, method, headers, ca, localAddress, agent: false as const };
  const request = open(options);
  const answered = once(request, 'response') as Promise<[IncomingMessage]>;
  if (body === undefined || body instanceof Uint8Array) request.end(body);
  else body.pipe(request);
  const [answer] = await answered;
  return answer;
}

/** All that the answer says. */
export async function bytesOf(answer: IncomingMessage): Promise<Buffer> {
  return Buffer.concat(await answer.toArray());
}

/** A call as a page makes it: gRPC-Web. */
export function webCall(
  origin: string,
  method: string,
  message: Uint8Array,
  asked: Asked = {},
): Promise<IncomingMessage> {
  return ask(origin, `/chat.v1.${method}`, {
    ...asked,
    method: 'POST',
    headers: { 'content-type': 'application/grpc-web+proto', 'x-grpc-web': '1', ...asked.headers },
    body: Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]),
  });
}

/** A frame of gRPC-Web: flag (1 byte; 0x80 the trailers), length (4), contents. */
export interface Frame {
  readonly flag: number;
  readonly contents: Buffer;
}

/** The frames of the answer, each as soon as it is whole. */
export async function* framesOf(answer: IncomingMessage): AsyncGenerator<Frame> {
  let bytes = Buffer.alloc(0);
  for await (const chunk of answer) {
    bytes = Buffer.concat([bytes, chunk as Buffer]);
    while (bytes.length >= 5 && bytes.length >= 5 + bytes.readUInt32BE(1)) {
      const end = 5 + bytes.readUInt32BE(1);
      yield { flag: bytes.readUInt8(0), contents: bytes.subarray(5, end) };
      bytes = bytes.subarray(end);
    }
  }
}
