import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Reason } from '../../domain/errors/catalogue.ts';
import { MediaMissing, MediaQuotaExceeded, MediaStoreFull, MediaUnavailable } from '../../ports/media-store.ts';
import { mapSystemError } from './errors.ts';
import { retryAfterFullS, retryAfterS } from './limits.ts';

/** A request is refused: as it is thrown. */
export class HttpRefusal extends Error {
  override readonly name = 'HttpRefusal';
  readonly status: number;
  readonly reason: Reason;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, reason: Reason, detail: string, headers: Readonly<Record<string, string>> = {}) {
    super(detail);
    this.status = status;
    this.reason = reason;
    this.headers = headers;
  }
}

/** The client has gone, or was too slow and was told so: there is nobody to answer. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone';
}

/** The URL was not made here, or for this method, or has expired: which of these, whoever holds it need not know. */
export function urlRefused(): HttpRefusal {
  return new HttpRefusal(403, 'MEDIA_URL_INVALID', 'The URL has expired, or was changed: ask for a fresh one.');
}

/** Something is not as the upload's URL says. */
export function mismatch(status: number, detail: string): HttpRefusal {
  return new HttpRefusal(status, 'MEDIA_MISMATCH', detail);
}

/** All places are taken. */
export function busy(): HttpRefusal {
  return new HttpRefusal(503, 'MEDIA_UNAVAILABLE', 'Too many transfers at once: try again.', {
    'retry-after': String(retryAfterS),
  });
}

/** There is nothing here. */
export function nothingHere(): HttpRefusal {
  return new HttpRefusal(404, 'MEDIA_NOT_FOUND', 'There is nothing here.');
}

/** What an error is answered with. The only place that decides it. */
export function refusalOf(thrown: unknown): HttpRefusal {
  if (thrown instanceof HttpRefusal) return thrown;
  const error = mapSystemError(thrown);
  if (error instanceof MediaMissing) return nothingHere();
  // No 5xx: trying again is of no use.
  if (error instanceof MediaQuotaExceeded)
    return new HttpRefusal(413, 'MEDIA_QUOTA_EXCEEDED', 'With it there would be more than this client may have.');
  if (error instanceof MediaStoreFull)
    return new HttpRefusal(507, 'MEDIA_STORE_FULL', 'There is no room for it now.', {
      'retry-after': String(retryAfterFullS),
    });
  if (error instanceof MediaUnavailable) {
    return new HttpRefusal(503, 'MEDIA_UNAVAILABLE', 'The media cannot be read or written now: try again.', {
      'retry-after': String(retryAfterS),
    });
  }
  return new HttpRefusal(500, 'INTERNAL', 'A defect of the server.');
}

/**
 * Headers of every response. The URL is the only credential, so pages of any origin may use it; and no browser may interpret an object as a page or a
 * script of this origin.
 */
const commonHeaders = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
  'cross-origin-resource-policy': 'cross-origin',
  'access-control-allow-origin': '*',
  'access-control-expose-headers': 'Accept-Ranges, Content-Length, Content-Range, ETag, Last-Modified, Retry-After',
  'referrer-policy': 'no-referrer',
} as const;

/** Writes status and headers. */
export function begin(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string | number>>,
): void {
  response.writeHead(status, { ...commonHeaders, ...headers });
}

/** Answers without a body. */
export function answerEmpty(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string | number>> = {},
): void {
  begin(response, status, { 'cache-control': 'no-store', ...headers });
  response.end();
}

/**
 * Answers that it is refused. A client that is still sending is not reset, or it would not read the answer: it is listened to until it stops,
 * or for `lingerMs`, then the connection is closed.
 */
export async function answerRefusal(
  request: IncomingMessage,
  response: ServerResponse,
  { status, reason, message, headers }: HttpRefusal,
  lingerMs: number,
): Promise<void> {
  const body = Buffer.from(`${JSON.stringify({ reason, detail: message })}\n`);
  const isSending = hasBody(request) && !request.complete;
  begin(response, status, {
    'content-type': 'application/json',
    'content-length': body.length,
    'cache-control': 'no-store',
    ...(isSending && request.httpVersionMajor === 1 ? { connection: 'close' } : {}),
    ...headers,
  });
  response.write(body);
  if (isSending) await silence(request, lingerMs);
  response.end();
}

/** Whether the request has, or announces, a body. */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** Drops what comes until nothing more does, or for this long. */
async function silence(request: IncomingMessage, atMostMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, atMostMs);
  request.once('end', resolve).once('close', resolve).resume();
  if (request.destroyed || request.readableEnded) resolve();
  await promise;
  clearTimeout(timer);
}
