import { Buffer } from 'node:buffer';

/** A frame of a response: a message, or the trailers. */
export interface Frame {
  readonly flags: number;
  readonly bytes: Buffer;
}

/** How a call ended. */
export interface Ended {
  readonly http: number;
  /** NaN: the response has no trailers. */
  readonly code: number;
  readonly trailers: ReadonlyMap<string, string>;
  readonly messages: readonly Buffer[];
}

/** What a request has besides. */
export interface Asked {
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** A message as the body of a request. */
export function framed(message: Uint8Array, flags = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(flags);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** Headers of a page that sends and reads base64, as Google's client does to read a stream piece by piece. */
export const asText = { 'content-type': 'application/grpc-web-text', accept: 'application/grpc-web-text' };

/** Bytes as base64 of which each piece of this length is encoded by itself. */
export function inSegments(bytes: Buffer, segmentBytes: number): string {
  const pieces = Math.ceil(bytes.length / segmentBytes);
  return Array.from({ length: pieces }, (_, index) =>
    bytes.subarray(index * segmentBytes, (index + 1) * segmentBytes).toString('base64'),
  ).join('');
}

/** POSTs a body as a page does. */
export function post(url: string, body: RequestInit['body'], init: Asked = {}): Promise<Response> {
  const headers = { 'content-type': 'application/grpc-web+proto', 'x-grpc-web': '1', ...init.headers };
  // Node wants to be told that a stream is sent before anything is read.
  return fetch(url, { ...init, method: 'POST', headers, body, duplex: 'half' } as RequestInit);
}

/** The frames of a response's body, as they come. Throws when the body ends within one. */
export async function* framesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<Frame> {
  let kept: Buffer = Buffer.alloc(0);
  for await (const chunk of body) {
    kept = Buffer.concat([kept, chunk]);
    while (kept.length >= 5 && kept.length >= 5 + kept.readUInt32BE(1)) {
      const end = 5 + kept.readUInt32BE(1);
      yield { flags: kept.readUInt8(), bytes: kept.subarray(5, end) };
      kept = kept.subarray(end);
    }
  }
  if (kept.length > 0) throw new Error(`the response ends with ${kept.length} bytes of a frame`);
}

/** Reads a response to its end. Throws when something follows the trailers. */
export async function ended(response: Response): Promise<Ended> {
  const messages: Buffer[] = [];
  let trailers: ReadonlyMap<string, string> | undefined;
  const type = response.headers.get('content-type') ?? '';
  const isCall = /^application\/grpc-web(-text)?\+proto$/.test(type);
  const body = isCall ? (type.includes('-text') ? fromBase64(bodyOf(response)) : bodyOf(response)) : undefined;
  for await (const { flags, bytes } of body === undefined ? [] : framesOf(body)) {
    if (trailers !== undefined) throw new Error('a frame follows the trailers');
    if (flags === 0) messages.push(bytes);
    else trailers = trailersIn(bytes);
  }
  if (!isCall) await response.text();
  return {
    http: response.status,
    code: Number(trailers?.get('grpc-status') ?? Number.NaN),
    trailers: trailers ?? new Map(),
    messages,
  };
}

/** Reads base64 group by group, as Google's client does: any of them may be padded. */
export async function* fromBase64(body: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let kept = '';
  for await (const chunk of body) {
    kept += Buffer.from(chunk).toString('latin1');
    const groups = kept.match(/.{4}/gs) ?? [];
    kept = kept.slice(groups.length * 4);
    yield Buffer.concat(groups.map((group) => Buffer.from(group, 'base64')));
  }
  if (kept !== '') throw new Error(`the base64 of the response ends with ${kept}`);
}

/** Makes a call with these bytes and reads its whole answer. */
export async function exchange(url: string, body: RequestInit['body'], init: Asked = {}): Promise<Ended> {
  return ended(await post(url, body, init));
}

/** All frames of a body that is read to its end. */
export async function allFrames(body: AsyncIterable<Uint8Array>): Promise<Frame[]> {
  const frames: Frame[] = [];
  for await (const frame of framesOf(body)) frames.push(frame);
  return frames;
}

/** The body, to be read piece by piece. */
export function bodyOf(response: Response): AsyncIterable<Uint8Array> {
  if (response.body === null) throw new Error('a response without a body');
  return response.body;
}

/** The lines of a frame of trailers. */
export function trailersIn(bytes: Buffer): ReadonlyMap<string, string> {
  const lines = bytes.toString('latin1').split('\r\n').slice(0, -1);
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]));
}
