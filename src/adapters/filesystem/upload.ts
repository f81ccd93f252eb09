import type { IncomingMessage, ServerResponse } from 'node:http';
import type { MediaObject } from '../../ports/media-store.ts';
import { answerEmpty, answerRefusal, ClientGone, HttpRefusal, mismatch, urlRefused } from './answers.ts';
import { etagOf } from './download.ts';
import { minUploadBytes } from './limits.ts';
import type { ObjectFiles } from './object-files.ts';
import type { PartialFile } from './partial-file.ts';
import type { Room } from './room.ts';
import type { SignedUrls, Target } from './signed-urls.ts';
import type { Transfers } from './transfers.ts';

export interface UploadDeps {
  readonly files: ObjectFiles;
  readonly room: Room;
  readonly urls: SignedUrls;
  readonly uploads: Transfers;
  readonly nowMs: () => number;
  readonly maxObjectBytes: number;
  readonly stallTimeoutMs: number;
  readonly lingerMs: number;
}

/** Takes the bytes that an upload's URL describes, and no others. */
export async function takeUpload(
  deps: UploadDeps,
  target: Target,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const permit = deps.urls.uploadPermit(target);
  if (permit === undefined || permit.expireTimeMs <= deps.nowMs()) throw urlRefused();
  const { object } = permit;
  checkHeaders(request, object, deps.maxObjectBytes);
  using _place = deps.uploads.enter(object.ownerId);
  using _room = await deps.room.take(object);
  using partial = deps.files.begin();
  if (request.headers.expect !== undefined) response.writeContinue();
  await receive(deps, request, response, object, partial);
  const outcome = await deps.files.keep(object, partial);
  if (outcome === 'stored') deps.room.added(object);
  answerEmpty(response, outcome === 'stored' ? 201 : 200, { etag: etagOf(object), 'content-length': 0 });
}

/** Refuses by the headers, before the body. */
function checkHeaders({ headers }: IncomingMessage, object: MediaObject, maxObjectBytes: number): void {
  const { 'content-length': length, 'content-type': type, 'content-encoding': encoding } = headers;
  if (object.sizeBytes > maxObjectBytes || Number(length ?? 0) > maxObjectBytes) {
    throw new HttpRefusal(413, 'MEDIA_TOO_LARGE', `At most ${maxObjectBytes} bytes are taken.`);
  }
  if (type?.trim().toLowerCase() !== object.contentType.toLowerCase()) {
    throw mismatch(415, `The upload is of ${object.contentType}: send it as Content-Type.`);
  }
  if (encoding !== undefined && encoding.trim().toLowerCase() !== 'identity') {
    throw mismatch(415, 'Send the bytes as they are, without Content-Encoding.');
  }
  if (length === undefined && headers['transfer-encoding'] === undefined) {
    throw mismatch(411, `There is no body, and no Content-Length: ${object.sizeBytes} bytes are to come.`);
  }
  if (length !== undefined && Number(length) !== object.sizeBytes) {
    throw mismatch(400, `The upload is of ${object.sizeBytes} bytes, Content-Length says ${length}.`);
  }
}

/** Writes the body down, synced; throws HttpRefusal unless its length and hash are those described. */
async function receive(
  deps: UploadDeps,
  request: IncomingMessage,
  response: ServerResponse,
  object: MediaObject,
  partial: PartialFile,
): Promise<void> {
  using _watch = watchPace(deps, request, response, partial);
  for await (const chunk of chunksOf(request)) {
    // The client was refused as too slow: the rest of the body is dropped, so that it reads the response.
    if (response.headersSent) continue;
    if (partial.sizeBytes + chunk.length > object.sizeBytes) {
      throw mismatch(400, `More than the ${object.sizeBytes} bytes that the upload is of have come.`);
    }
    await partial.write(chunk);
  }
  if (response.headersSent) throw new ClientGone('the bytes came too slowly');
  if (partial.sizeBytes < object.sizeBytes) {
    throw mismatch(400, `Of ${object.sizeBytes} bytes only ${partial.sizeBytes} have come.`);
  }
  if (partial.digest() !== object.sha256) {
    throw mismatch(422, 'The SHA-256 of the bytes is not the one that the upload is of.');
  }
}

/** The body. Whoever stops reading it leaves the connection open, to answer on it. */
async function* chunksOf(request: IncomingMessage): AsyncGenerator<Uint8Array> {
  try {
    yield* request.iterator({ destroyOnReturn: false });
  } catch (error) {
    throw new ClientGone('the connection was lost before the body was complete', { cause: error });
  }
}

/** Ends an upload that is too slow, so that half-open ones do not pile up. */
function watchPace(
  { stallTimeoutMs, lingerMs }: UploadDeps,
  request: IncomingMessage,
  response: ServerResponse,
  partial: PartialFile,
): Disposable {
  let beforeBytes = 0;
  const timer = setInterval(() => {
    const isAtPace = partial.sizeBytes - beforeBytes >= minUploadBytes;
    beforeBytes = partial.sizeBytes;
    if (isAtPace || request.complete) return;
    clearInterval(timer);
    const refusal = new HttpRefusal(408, 'MEDIA_UNAVAILABLE', 'The bytes come too slowly.');
    const cut = () => void request.destroy();
    // Whether or not it could be told.
    answerRefusal(request, response, refusal, lingerMs).then(cut, cut);
  }, stallTimeoutMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
