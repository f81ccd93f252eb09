import type { FileHandle } from 'node:fs/promises';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { byteRange } from '../../domain/media/byte-range.ts';
import { extensionOf } from '../../domain/media/formats.ts';
import type { MediaObject, StoredMedia } from '../../ports/media-store.ts';
import { answerEmpty, begin, ClientGone, HttpRefusal, urlRefused } from './answers.ts';
import type { ObjectFiles } from './object-files.ts';
import type { SignedUrls, Target } from './signed-urls.ts';
import type { Transfers } from './transfers.ts';

export interface DownloadDeps {
  readonly files: ObjectFiles;
  readonly urls: SignedUrls;
  readonly downloads: Transfers;
  readonly nowMs: () => number;
  readonly stallTimeoutMs: number;
}

/** What a browser shows by itself without running anything; everything else is for saving. */
const shownInline = /^(?:audio|video|image)\/(?!svg)/;

/** The validator of an object that never changes: its hash. */
export function etagOf({ sha256 }: Pick<MediaObject, 'sha256'>): string {
  return `"${sha256}"`;
}

/** Gives the object that a download's URL names, or a range of it; to HEAD only what would come. */
export async function giveDownload(
  deps: DownloadDeps,
  target: Target,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const permit = deps.urls.downloadPermit(target);
  const leftMs = (permit?.expireTimeMs ?? 0) - deps.nowMs();
  if (permit === undefined || leftMs <= 0) throw urlRefused();
  using _place = deps.downloads.enter();
  const { file, media } = await deps.files.open(permit.mediaId);
  await using _file = file;
  const headers = headersOf(media, leftMs);
  if (isKnown(request.headers, media)) return answerEmpty(response, 304, headers);
  const { start, end, status } = wanted(request, media);
  begin(response, status, {
    ...headers,
    'content-type': media.contentType,
    'content-length': end - start,
    ...(status === 206 ? { 'content-range': `bytes ${start}-${end - 1}/${media.sizeBytes}` } : {}),
  });
  if (request.method === 'HEAD') response.end();
  else await send(file, start, end, response, deps.stallTimeoutMs);
}

function headersOf(media: StoredMedia, leftMs: number): Record<string, string> {
  const disposition = shownInline.test(media.contentType) ? 'inline' : 'attachment';
  return {
    etag: etagOf(media),
    'last-modified': lastModified(media),
    'cache-control': `private, max-age=${Math.floor(leftMs / 1_000)}`,
    'content-disposition': `${disposition}; filename="${media.mediaId}.${extensionOf(media.contentType)}"`,
    'accept-ranges': 'bytes',
  };
}

function lastModified({ createTimeMs }: StoredMedia): string {
  return new Date(createTimeMs).toUTCString();
}

/** Whether the client has it already. */
function isKnown(headers: IncomingHttpHeaders, media: StoredMedia): boolean {
  const known = (headers['if-none-match'] ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return known.includes('*') || known.includes(etagOf(media));
}

function wanted(request: IncomingMessage, media: StoredMedia) {
  const { range, 'if-range': condition } = request.headers;
  const isSame = condition === undefined || condition === etagOf(media) || condition === lastModified(media);
  const asked = request.method === 'GET' && isSame ? byteRange(range, media.sizeBytes) : undefined;
  if (asked === 'unsatisfiable') {
    throw new HttpRefusal(416, 'MEDIA_MISMATCH', `The object has ${media.sizeBytes} bytes.`, {
      'content-range': `bytes */${media.sizeBytes}`,
    });
  }
  return asked === undefined ? { start: 0, end: media.sizeBytes, status: 200 } : { ...asked, status: 206 };
}

/** As fast as the client reads; a client that reads nothing for `stallTimeoutMs` is disconnected. */
async function send(
  file: FileHandle,
  start: number,
  end: number,
  response: ServerResponse,
  stallTimeoutMs: number,
): Promise<void> {
  response.setTimeout(stallTimeoutMs, () => response.destroy());
  try {
    await pipeline(file.createReadStream({ start, end: end - 1, autoClose: false }), response);
  } catch (error) {
    if (response.destroyed) throw new ClientGone('the connection was lost before all was taken', { cause: error });
    throw error;
  }
}
