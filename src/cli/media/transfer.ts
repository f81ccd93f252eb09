import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Writable } from 'node:stream';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { rootCertificates } from 'node:tls';
import type { TlsMaterial } from '../../client/node/grpc.ts';
import { demandSuccess, type TransferAnswer, TransferFailed } from '../../client/transfer-failed.ts';
import type { PutOptions } from '../../client/uploads.ts';
import { Trouble } from '../trouble.ts';

/** Nothing went to or fro for so long: the other side is gone. */
const IDLE_MS = 30_000;
/** How long the server has to say that it wants the body, before it is sent unasked. */
const CONTINUE_MS = 2_000;
/** Enough of a refusal to read the reason in it. */
const MAX_REFUSAL_BYTES = 16 * 1024;

/** What both directions need. */
export interface TransferOptions extends Omit<PutOptions, 'headers'> {
  readonly tls?: TlsMaterial | undefined;
}

/**
 * PUTs the first `sizeBytes` of a file.
 * @returns what the other side says to it
 * @throws TransferFailed, Trouble when the file has become shorter, AbortError when the signal says so
 */
export async function putFile(
  url: string,
  file: { readonly path: string; readonly sizeBytes: number },
  { headers, ...options }: TransferOptions & PutOptions,
): Promise<TransferAnswer> {
  // A server that refuses says so before the body is on its way, and need not cut the connection to stop it.
  const fields = { ...headers, 'content-length': file.sizeBytes, expect: '100-continue' };
  const request = open('PUT', url, fields, options);
  const answered = answerTo(request, options.signal);
  request.flushHeaders();
  try {
    if (await isWanted(request, answered)) await sendBody(request, answered, file, options.onProgress);
    return await readAnswer(await answered);
  } finally {
    request.destroy();
  }
}

/**
 * GETs what the URL names into a sink, which is made once there is something to put into it, and is closed when this is done.
 * @throws TransferFailed; AbortError when the signal says so; the sink's own error
 */
export async function fetchInto(url: string, makeSink: () => Writable, options: TransferOptions): Promise<void> {
  const request = open('GET', url, {}, options);
  request.end();
  const answer = await answerTo(request, options.signal);
  if (!isSuccess(answer)) demandSuccess(await readAnswer(answer));
  const sink = makeSink();
  try {
    await pipeline(answer, counting(options.onProgress), sink, { signal: options.signal });
  } catch (error) {
    // A file may still be on its way to being opened: who then removes it must not be overtaken.
    if (!sink.closed) await new Promise((resolve) => sink.once('close', resolve));
    throw sink.errored ?? failureOf(error, options.signal);
  }
}

function open(
  method: string,
  url: string,
  headers: Readonly<Record<string, string | number>>,
  { tls }: TransferOptions,
): ClientRequest {
  const target = URL.parse(url);
  // One connection each: a transfer of any length never waits for another.
  const options = { method, headers, agent: false, timeout: IDLE_MS } as const;
  const request =
    target?.protocol === 'https:'
      ? requestHttps(target, { ...options, ...trust(tls) })
      : requestHttp(httpOnly(target, url), options);
  return request.on('timeout', () => request.destroy(new TransferFailed(0, 'Nothing came for 30 s.')));
}

function httpOnly(target: URL | null, url: string): URL {
  if (target?.protocol === 'http:') return target;
  throw new TransferFailed(400, `${JSON.stringify(url)} is no URL of a file.`);
}

/** Media may lie with another server than the chat's: the well-known authorities stay trusted beside the one named. */
function trust(tls: TlsMaterial | undefined): object {
  if (tls === undefined) return {};
  const ca = tls.ca === undefined ? undefined : [...rootCertificates, tls.ca];
  return { ca, cert: tls.cert, key: tls.key };
}

/** The head of the answer. */
function answerTo(request: ClientRequest, signal: AbortSignal | undefined): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const abort = (): void => void request.destroy(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  if (signal?.aborted) abort();
  request.on('response', resolve);
  request.on('error', (error) => reject(failureOf(error, signal)));
  request.on('close', () => {
    signal?.removeEventListener('abort', abort);
    reject(new TransferFailed(0, 'The connection was closed.'));
  });
  return promise;
}

/** Sends the body to its end, or until the server has answered. */
async function sendBody(
  request: ClientRequest,
  answered: Promise<IncomingMessage>,
  { path, sizeBytes }: { readonly path: string; readonly sizeBytes: number },
  onProgress: TransferOptions['onProgress'],
): Promise<void> {
  let isAnswered = false;
  const heard = answered.finally(() => {
    isAnswered = true;
  });
  // Whoever waits for the answer hears of it.
  heard.catch(() => undefined);
  let doneBytes = 0;
  for await (const chunk of createReadStream(path, { end: sizeBytes - 1 }) as AsyncIterable<Buffer>) {
    const hasRoom = request.write(chunk);
    doneBytes += chunk.length;
    onProgress?.(doneBytes);
    if (!hasRoom) await Promise.race([once(request, 'drain'), heard]);
    if (isAnswered) return;
  }
  if (doneBytes < sizeBytes) throw new Trouble(`${path} has become shorter while it was sent.`);
  request.end();
}

/** Whether the server asks for the body, or says nothing for a while. */
async function isWanted(request: ClientRequest, answered: Promise<unknown>): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(true), CONTINUE_MS);
  request.once('continue', () => resolve(true));
  answered.then(
    () => resolve(false),
    () => resolve(false),
  );
  const wanted = await promise;
  clearTimeout(timer);
  return wanted;
}

function counting(onProgress: TransferOptions['onProgress']): Transform {
  let doneBytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      doneBytes += chunk.length;
      onProgress?.(doneBytes);
      done(null, chunk);
    },
  });
}

function isSuccess({ statusCode = 0 }: IncomingMessage): boolean {
  return statusCode >= 200 && statusCode < 300;
}

async function readAnswer(answer: IncomingMessage): Promise<TransferAnswer> {
  const told: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    told.push(chunk);
    bytes += chunk.length;
    if (bytes > MAX_REFUSAL_BYTES) break;
  }
  const { statusCode: status = 0, statusMessage: statusText = '' } = answer;
  return { status, statusText, body: Buffer.concat(told).toString() };
}

function failureOf(error: unknown, signal: AbortSignal | undefined): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  if (signal?.aborted) return signal.reason;
  // What has no code is a failure told already, or a defect.
  return code === undefined ? error : new TransferFailed(0, message || code);
}
