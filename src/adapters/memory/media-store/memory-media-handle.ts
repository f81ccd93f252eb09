import { mediaDay } from '../../../domain/media/media-id.ts';
import {
  isPossible,
  MediaMissing,
  type MediaObject,
  MediaQuotaExceeded,
  type MediaStore,
  MediaUnavailable,
  type MediaUsage,
  type StoredMedia,
  type UploadTarget,
} from '../../../ports/media-store.ts';
import type { MediaUrls } from './media-urls.ts';

/** Objects that a list gives at once. */
const listedAtOnce = 100;

/** What a handle needs of the server. */
export interface SharedMedia {
  find(mediaId: string): { readonly media: StoredMedia; readonly bytes: Uint8Array } | undefined;
  store(object: MediaObject, bytes: Uint8Array): boolean;
  remove(mediaId: string): boolean;
  objects(): readonly StoredMedia[];
  hasRoom(object: MediaObject): boolean;
  usageOf(ownerId: string): MediaUsage;
}

/** The media store as one process has it. */
export class MemoryMediaHandle implements MediaStore {
  readonly #server: SharedMedia;
  readonly #urls: MediaUrls;
  #isClosed = false;

  constructor(server: SharedMedia, urls: MediaUrls) {
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
