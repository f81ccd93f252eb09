import type { IncomingMessage, ServerResponse } from 'node:http';

/** A body that has begun to arrive, as whoever holds all of them counts it. */
export interface ArrivingBody {
  count(bytes: number): void;
  end(): void;
}

/** A client that is still sending when it is refused may go on so long, and be ignored: one that is cut off would not read the answer. */
const lingerMs = 2_000;

/**
 * The body; `too large` as soon as that is known; undefined: it did not come, and nobody waits for an answer. `arriving` is given what ends
 * the request when it takes too long, or others need its place.
 */
export async function readBody(
  request: IncomingMessage,
  maxBytes: number,
  arriving: (cut: () => void) => ArrivingBody,
): Promise<Buffer | 'too large' | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return 'too large';
  const chunks: Buffer[] = [];
  let bytes = 0;
  const body = arriving(() => request.destroy());
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxBytes) return 'too large';
      body.count(chunk.length);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks, bytes);
  } catch {
    // The connection was lost: there is nobody to tell.
    return undefined;
  } finally {
    body.end();
  }
}

/** Ends a response whose head and body are written, once the request is over or is not waited for any longer. */
export async function endAfterRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (!request.complete && !request.destroyed) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, lingerMs);
    request.once('end', resolve).once('close', resolve).resume();
    await promise;
    clearTimeout(timer);
  }
  response.end();
}
