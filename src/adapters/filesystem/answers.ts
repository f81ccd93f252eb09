import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HttpRefusal } from './http-refusal.ts';

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
