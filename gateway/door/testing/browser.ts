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
  const isCall = response.headers.get('content-type') === 'application/grpc-web+proto';
  for await (const { flags, bytes } of isCall ? framesOf(bodyOf(response)) : []) {
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
