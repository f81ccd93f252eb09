import type { PutAnswer, PutOptions } from './page.ts';

/** Nothing went to or fro for so long: the other side is gone. */
const idleMs = 30_000;

/** PUTs by XMLHttpRequest: fetch does not tell how far it has come. */
export function putByXhr(url: string, { headers, body, onProgress, signal }: PutOptions): Promise<PutAnswer> {
  const { promise, resolve } = Promise.withResolvers<PutAnswer>();
  const request = new XMLHttpRequest();
  const abort = () => request.abort();
  let idle: ReturnType<typeof setTimeout>;
  const heard = () => {
    clearTimeout(idle);
    idle = setTimeout(abort, idleMs);
  };
  request.upload.addEventListener('progress', ({ loaded, total }) => {
    heard();
    onProgress(total === 0 ? 1 : loaded / total);
  });
  request.addEventListener('loadend', () => {
    clearTimeout(idle);
    signal.removeEventListener('abort', abort);
    const { status, responseText } = request;
    resolve({ status, body: responseText });
  });
  request.open('PUT', url);
  for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
  signal.addEventListener('abort', abort, { once: true });
  heard();
  request.send(body);
  return promise;
}
