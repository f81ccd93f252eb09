import { MediaUnavailable, type StoredMedia } from '../../ports/media-store.ts';
import { incomingFolder, incomingKey, mediaIdOfUpload, objectKey } from './keys.ts';
import type { Ledger } from './ledger.ts';
import { listBatchObjects, maxLooks, maxRefusedUploads } from './limits.ts';
import type { Found, ObjectStore } from './object-store.ts';
import type { StallTimeout } from './stall-timeout.ts';

/** What clients have PUT, and how it becomes objects. */
export class Uploads {
  readonly #objects: ObjectStore;
  readonly #prefix: string;
  readonly #ledger: Ledger;
  /** By media id, the tags of bytes that are not what they were described by. The oldest goes first. */
  readonly #refused = new Map<string, string>();

  constructor(objects: ObjectStore, prefix: string, ledger: Ledger) {
    this.#objects = objects;
    this.#ledger = ledger;
    this.#prefix = prefix;
  }

  /**
   * Checks an upload, and copies it to the object's own key if it matches its description. The upload's URL may be used again, so exactly the checked
   * bytes are copied. undefined: missing, or not as described.
   */
  async takeIn(mediaId: string, key: string, stallTimeout: StallTimeout): Promise<StoredMedia | undefined> {
    const from = incomingKey(this.#prefix, mediaId);
    for (let looks = 0; looks < maxLooks; looks += 1) {
      const upload = await this.#objects.find(from, mediaId, stallTimeout);
      // Another process may just have taken it in.
      if (upload === undefined) return (await this.#objects.find(key, mediaId, stallTimeout))?.media;
      if (this.#refused.get(mediaId) === upload.etag) return undefined;
      const sha256 = upload.sha256 ?? (await this.#objects.sha256(from, upload.etag, stallTimeout));
      if (sha256 === undefined) continue;
      if (sha256 !== upload.media.sha256) return this.#refuse(upload);
      // Entered first: what a crash leaves is taken in by the next look, or taken out with the upload.
      await this.#ledger.keep(upload.media, stallTimeout);
      if (!(await this.#objects.copy(from, key, upload, stallTimeout))) continue;
      await this.#objects.delete(from, stallTimeout);
      await this.#ledger.release(upload.media, stallTimeout);
      return upload.media;
    }
    throw new MediaUnavailable(`${mediaId} was uploaded anew each time it was looked at`);
  }

  /** What was uploaded, whatever its bytes are. */
  find(mediaId: string, stallTimeout: StallTimeout): Promise<Found | undefined> {
    return this.#objects.find(incomingKey(this.#prefix, mediaId), mediaId, stallTimeout);
  }

  async delete(mediaId: string, stallTimeout: StallTimeout): Promise<void> {
    await this.#objects.delete(incomingKey(this.#prefix, mediaId), stallTimeout);
  }

  /** Removes a page of what came at or before this time (epoch); resolves with the token of the next page. */
  async removeOld(untilMs: number, token: string | undefined, stallTimeout: StallTimeout): Promise<string | undefined> {
    const { objects, next } = await this.#objects.page(incomingFolder(this.#prefix), token, stallTimeout);
    const old = objects.filter(({ changeTimeMs }) => changeTimeMs <= untilMs);
    for (let at = 0; at < old.length; at += listBatchObjects) {
      const batch = old.slice(at, at + listBatchObjects);
      await Promise.all(batch.map(({ key }) => this.#removeUpload(key, stallTimeout)));
      stallTimeout.renew();
    }
    return next;
  }

  async #removeUpload(key: string, stallTimeout: StallTimeout): Promise<void> {
    const mediaId = mediaIdOfUpload(this.#prefix, key);
    const takenInKey = mediaId && objectKey(this.#prefix, mediaId);
    if (mediaId !== undefined && takenInKey !== undefined) {
      const upload = await this.#objects.find(key, mediaId, stallTimeout);
      const isTakenIn =
        upload !== undefined && (await this.#objects.find(takenInKey, mediaId, stallTimeout)) !== undefined;
      if (upload !== undefined && !isTakenIn) await this.#ledger.forget(upload.media, stallTimeout);
    }
    await this.#objects.delete(key, stallTimeout);
  }

  #refuse({ media: { mediaId }, etag }: Found): undefined {
    this.#refused.delete(mediaId);
    this.#refused.set(mediaId, etag);
    if (this.#refused.size <= maxRefusedUploads) return;
    for (const oldest of this.#refused.keys()) {
      this.#refused.delete(oldest);
      return;
    }
  }
}
