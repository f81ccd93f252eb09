import type { TransferAnswer } from '../../../../src/client/transfer-failed.ts';
import type { PutOptions } from '../../../../src/client/uploads.ts';

/** Nothing went to or fro for so long: the other side is gone. */
const idleMs = 30_000;

/** PUTs by XMLHttpRequest: fetch does not tell how far it has come. */
export function putByXhr(
  url: string,
  body: Blob,
  { headers, onProgress, signal }: PutOptions,
): Promise<TransferAnswer> {
  const { promise, resolve } = Promise.withResolvers<TransferAnswer>();
  const request = new XMLHttpRequest();
  const abort = () => request.abort();
  let idle: ReturnType<typeof setTimeout>;
  const heard = () => {
    clearTimeout(idle);
    idle = setTimeout(abort, idleMs);
  };
  request.upload.addEventListener('progress', ({ loaded }) => {
    heard();
    onProgress?.(loaded);
  });
  request.addEventListener('loadend', () => {
    clearTimeout(idle);
    signal?.removeEventListener('abort', abort);
    const { status, statusText, responseText } = request;
    resolve({ status, statusText, body: responseText });
  });
  request.open('PUT', url);
  for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
  signal?.addEventListener('abort', abort, { once: true });
  heard();
  request.send(body);
  return promise;
}
