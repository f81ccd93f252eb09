import { hash } from 'node:crypto';
import { byteRange } from '../../../domain/media/byte-range.ts';
import { mediaDay } from '../../../domain/media/media-id.ts';
import {
  isPossible,
  type MediaLimits,
  MediaMissing,
  type MediaObject,
  MediaQuotaExceeded,
  type MediaStore,
  MediaUnavailable,
  type MediaUsage,
  type StoredMedia,
  type UploadTarget,
} from '../../../ports/media-store.ts';
import { MediaUrls } from './media-urls.ts';

/** What is stored of an object. */
export interface MemoryObject {
  readonly media: StoredMedia;
  readonly bytes: Uint8Array;
}

/** What the server answers to a request, as HTTP has it. Names of headers are in lower case. */
export interface MediaAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/**
 * Media of processes that share an object instead of an engine: each has a handle of its own, and clients send and fetch through `upload` and
 * `download`. Nothing here waits or fails by itself.
 */
export class MemoryMediaServer {
  readonly #objects = new Map<string, MemoryObject>();
  readonly #urls: MediaUrls;
  readonly #nowMs: () => number;
  readonly #limits: MediaLimits;

  /** `nowMs`: milliseconds since the epoch. `urlPrefix`: what every URL begins with, e.g. `http://127.0.0.1:80/`. */
  constructor(nowMs: () => number, urlPrefix = 'memory://media/', limits: MediaLimits = {}) {
    this.#limits = limits;
    this.#nowMs = nowMs;
    this.#urls = new MediaUrls(urlPrefix);
  }

  /** A process's handle. Disposed, it rejects everything with MediaUnavailable; the server and other handles go on. */
  handle(): MediaStore {
    return new MemoryMediaHandle(this, this.#urls);
  }

  /** A PUT to this URL, with these headers (names in lower case). 201: stored; 200: it was there. */
  upload(url: string, headers: Readonly<Record<string, string>>, body: Uint8Array): MediaAnswer {
    const permit = this.#urls.upload(url);
    if (permit === undefined || permit.expireTimeMs <= this.#nowMs()) return answer(403);
    if (headers['content-type'] !== permit.object.contentType) return answer(415);
    if (!isOf(permit.object, body)) return answer(400);
    if (!this.hasRoom(permit.object)) return answer(413);
    return answer(this.store(permit.object, body) ? 201 : 200);
  }

  /** A GET of this URL; `range`: the request's Range header. */
  download(url: string, range?: string): MediaAnswer {
    const permit = this.#urls.download(url);
    if (permit === undefined || permit.expireTimeMs <= this.#nowMs()) return answer(403);
    const found = this.#objects.get(permit.mediaId);
    if (found === undefined) return answer(404);
    const { sizeBytes, contentType } = found.media;
    const wanted = byteRange(range, sizeBytes);
    if (wanted === 'unsatisfiable') return answer(416, { 'content-range': `bytes */${sizeBytes}` });
    if (wanted === undefined) return answer(200, { 'content-type': contentType }, found.bytes.slice());
    const { start, end } = wanted;
    const contentRange = `bytes ${start}-${end - 1}/${sizeBytes}`;
    return answer(206, { 'content-type': contentType, 'content-range': contentRange }, found.bytes.slice(start, end));
  }

  /** Takes an object away, as a disk or a hand does. False when it was not there. */
  remove(mediaId: string): boolean {
    return this.#objects.delete(mediaId);
  }

  /** Every object that is there, by day and id. */
  objects(): readonly StoredMedia[] {
    return [...this.#objects.values()].map(({ media }) => media).sort(byDay);
  }

  /** The object; undefined when it is not there. */
  find(mediaId: string): MemoryObject | undefined {
    return this.#objects.get(mediaId);
  }

  /** Whether the object may be there beside what its owner has, or is there. */
  hasRoom({ mediaId, ownerId, sizeBytes }: MediaObject): boolean {
    const { maxBytesPerOwner = Number.POSITIVE_INFINITY } = this.#limits;
    return this.#objects.has(mediaId) || this.usageOf(ownerId).bytes + sizeBytes <= maxBytesPerOwner;
  }

  /** What an owner has. */
  usageOf(ownerId: string): MediaUsage {
    const owned = [...this.#objects.values()].filter(({ media }) => media.ownerId === ownerId);
    return { objects: owned.length, bytes: owned.reduce((sum, { media }) => sum + media.sizeBytes, 0) };
  }

  /** Stores a copy, unless there is one. RangeError when the bytes are not those described. */
  store(object: MediaObject, bytes: Uint8Array): boolean {
    if (!isPossible(object) || !isOf(object, bytes))
      throw new RangeError(`the bytes are not those that ${object.mediaId} is described by`);
    if (this.#objects.has(object.mediaId)) return false;
    const { mediaId, ownerId, kind, contentType, sizeBytes, sha256 } = object;
    const described = { mediaId, ownerId, kind, contentType, sizeBytes, sha256 };
    const media = Object.freeze({ ...described, createTimeMs: this.#nowMs() });
    this.#objects.set(mediaId, { media, bytes: new Uint8Array(bytes) });
    return true;
  }
}

function isOf({ sizeBytes, sha256 }: MediaObject, bytes: Uint8Array): boolean {
  return bytes.length === sizeBytes && hash('sha256', bytes, 'hex') === sha256;
}

function answer(status: number, headers: Record<string, string> = {}, body = new Uint8Array()): MediaAnswer {
  return { status, headers: { ...headers, 'content-length': String(body.length) }, body };
}

function byDay(left: StoredMedia, right: StoredMedia): number {
  const [one, other] = [left, right].map(({ mediaId }) => `${mediaDay(mediaId)} ${mediaId}`) as [string, string];
  return one < other ? -1 : Number(one > other);
}

/** Objects that a list gives at once. */
const listedAtOnce = 100;

/** The media store as one process has it. */
class MemoryMediaHandle implements MediaStore {
  readonly #server: MemoryMediaServer;
  readonly #urls: MediaUrls;
  #isClosed = false;

  constructor(server: MemoryMediaServer, urls: MediaUrls) {
    this.#server = server;
    this.#urls = urls;
  }

  async uploadUrl(object: MediaObject, expireTimeMs: number): Promise<UploadTarget> {
    this.#assertOpen();
    if (!isPossible(object)) throw new RangeError(`${object.mediaId} is not described as an object can be`);
    this.#checkRoom(object);
    const url = this.#urls.toUpload({ object, expireTimeMs });
    return { url, headers: { 'content-type': object.contentType } };
  }

  async put(object: MediaObject, bytes: Uint8Array): Promise<void> {
    this.#assertOpen();
    this.#checkRoom(object);
    this.#server.store(object, bytes);
  }

  async stat(mediaId: string): Promise<StoredMedia | null> {
    this.#assertOpen();
    return this.#server.find(mediaId)?.media ?? null;
  }

  async read(mediaId: string, range?: { readonly start: number; readonly end: number }): Promise<Uint8Array> {
    this.#assertOpen();
    const found = this.#server.find(mediaId);
    if (found === undefined) throw new MediaMissing(`there is no object ${mediaId}`);
    return found.bytes.slice(range?.start, range?.end);
  }

  async downloadUrl({ mediaId }: Pick<MediaObject, 'mediaId' | 'contentType'>, expireTimeMs: number): Promise<string> {
    this.#assertOpen();
    if (mediaDay(mediaId) === undefined) throw new RangeError(`${mediaId} is no media id`);
    return this.#urls.toDownload({ mediaId, expireTimeMs });
  }

  async delete(mediaId: string): Promise<void> {
    this.#assertOpen();
    this.#server.remove(mediaId);
  }

  async *list(): AsyncGenerator<readonly StoredMedia[]> {
    this.#assertOpen();
    const objects = this.#server.objects();
    for (let start = 0; start < objects.length; start += listedAtOnce) {
      this.#assertOpen();
      yield objects.slice(start, start + listedAtOnce);
    }
  }

  async usageOf(ownerId: string): Promise<MediaUsage> {
    this.#assertOpen();
    return this.#server.usageOf(ownerId);
  }

  /** There is nothing to do: what has not come whole is not kept. */
  async removePartial(): Promise<void> {
    this.#assertOpen();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
  }

  #checkRoom(object: MediaObject): void {
    if (!this.#server.hasRoom(object))
      throw new MediaQuotaExceeded(`${object.ownerId} has no room for ${object.mediaId}`);
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new MediaUnavailable('the media store is closed');
  }
}
