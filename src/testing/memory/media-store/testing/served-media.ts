import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { MediaLimits } from '../../../../ports/media-store.ts';
import { type MediaAnswer, MemoryMediaServer } from '../memory-media.ts';

/** A media server in memory that answers its URLs over HTTP. */
export async function servedMedia(
  limits?: MediaLimits,
): Promise<AsyncDisposable & { readonly media: MemoryMediaServer }> {
  const server = createServer((request, response) => void answer(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const media = new MemoryMediaServer(() => Date.now(), `${origin}/`, limits);

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    const { status, headers, body: answered } = answerTo(request, body);
    response.writeHead(status, headers).end(answered);
  }

  function answerTo({ method, url, headers }: IncomingMessage, body: Uint8Array): MediaAnswer {
    if (method === 'GET') return media.download(`${origin}${url}`, headers.range);
    if (method !== 'PUT') return { status: 405, headers: {}, body: new Uint8Array() };
    return media.upload(`${origin}${url}`, { 'content-type': headers['content-type'] ?? '' }, body);
  }

  return {
    media,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
