import type { IncomingMessage, ServerResponse } from 'node:http';
import { decodeBase64, maxBase64PerByte, NotBase64 } from './base64.ts';
import type { Status } from './framing.ts';

/** A body that has begun to arrive, as whoever holds all of them counts it. */
export interface ArrivingBody {
  /** Whether the body is still waited for. */
  count(bytes: number): boolean;
  end(): void;
}

/** A client that is still sending when it is refused may go on so long, and be ignored: one that is cut off would not read the answer. */
const lingerMs = 2_000;

/** Of what it goes on to send so much is read: who sends without end would else be read as fast as the line is. */
const maxLingerBytes = 256 * 1_024;

/** Begins to count the body of a request with this `authorization`. `cut` is given what the request ends with when it may not go on. */
export type BeginBody = (cut: (why: Status) => void, authorization: string | undefined) => ArrivingBody;

export interface BodyRules {
  /** Of what is kept of it. */
  readonly maxBytes: number;
  /** Whether it comes in base64. Its bytes are kept and counted, not its characters. */
  readonly isBase64: boolean;
  readonly begin: BeginBody;
}

/** Whether the head of a request already says that its body is too large. */
export function isTooLarge({ headers }: IncomingMessage, { maxBytes, isBase64 }: Omit<BodyRules, 'begin'>): boolean {
  return Number(headers['content-length'] ?? 0) > (isBase64 ? maxBase64PerByte * maxBytes : maxBytes);
}

/**
 * The body; `too large` as soon as that is known; `not base64`; what it was cut with; undefined: it did not come, and nobody waits for an
 * answer.
 */
export async function readBody(
  request: IncomingMessage,
  rules: BodyRules,
): Promise<Buffer | 'too large' | 'not base64' | Status | undefined> {
  if (isTooLarge(request, rules)) return 'too large';
  const cut = Promise.withResolvers<Status>();
  const body = rules.begin(cut.resolve, request.headers.authorization);
  try {
    return await Promise.race([allOf(request, rules, body), cut.promise]);
  } catch (error) {
    // Else the connection was lost: there is nobody to tell.
    return error instanceof NotBase64 ? 'not base64' : undefined;
  } finally {
    body.end();
  }
}

async function allOf(
  request: IncomingMessage,
  { maxBytes, isBase64 }: BodyRules,
  body: ArrivingBody,
): Promise<Buffer | 'too large'> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const arriving = request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  for await (const chunk of isBase64 ? decodeBase64(arriving) : arriving) {
    bytes += chunk.length;
    if (bytes > maxBytes) return 'too large';
    // It has been cut: nobody waits for this.
    if (!body.count(chunk.length)) break;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}

/** Ends a response whose head and body are written, once the request is over or is not waited for any longer. */
export async function endAfterRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (!request.complete && !request.destroyed) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, lingerMs);
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxLingerBytes) request.pause();
    });
    request.once('end', resolve).once('close', resolve);
    await promise;
    clearTimeout(timer);
  }
  response.end();
}
