import { hash } from 'node:crypto';
import type { Clock } from '../../ports/clock.ts';
import {
  isPossible,
  MediaMissing,
  type MediaObject,
  type MediaStore,
  MediaUnavailable,
  type MediaUsage,
  type StoredMedia,
  type UploadTarget,
} from '../../ports/media-store.ts';
import type { Logger } from '../../ports/telemetry.ts';
import { type BucketSettings, prepareBucket } from './bucket.ts';
import { type Clients, type EndpointSettings, openClients } from './clients.ts';
import { isBucketMissing, mapError } from './errors.ts';
import { incomingKey, mediaIdOf, objectKey } from './keys.ts';
import { Ledger, type LedgerLimits } from './ledger.ts';
import { listBatchObjects, maxKnownObjects, maxObjectBytes } from './limits.ts';
import { type Listed, ObjectStore } from './object-store.ts';
import { downloadUrl, uploadTarget } from './signed-urls.ts';
import { StallTimeout } from './stall-timeout.ts';
import { Uploads } from './uploads.ts';

export interface S3MediaStoreOptions {
  readonly s3: EndpointSettings & BucketSettings;
  /** The deployment's: begins every key. */
  readonly prefix: string;
  /** A larger object is refused. */
  readonly maxObjectBytes: number;
  /** Default: none. */
  readonly room?: LedgerLimits;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * The media store in a bucket. The first operation creates the bucket if it is missing; an operation rejects with MediaUnavailable within 5 s when S3 is
 * unavailable or hangs.
 *
 * Durability is S3's. Clients PUT and GET directly: an upload is checked when the object is first used (uploads.ts).
 */
export function openS3MediaStore(options: S3MediaStoreOptions): MediaStore {
  return new Store(options);
}

class Store implements MediaStore {
  readonly #options: S3MediaStoreOptions;
  readonly #clients: Clients;
  readonly #objects: ObjectStore;
  readonly #ledger: Ledger;
  readonly #uploads: Uploads;
  /** Of the operations under way. */
  readonly #open = new Set<StallTimeout>();
  /** Cache of `list` by media id: objects do not change, so only one created again under its id is read again. */
  readonly #known = new Map<string, { readonly changeTimeMs: number; readonly media: StoredMedia }>();
  /** Looks at uploads that are under way, by media id. */
  readonly #looks = new Map<string, Promise<StoredMedia | undefined>>();
  #prepared: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: S3MediaStoreOptions) {
    this.#options = options;
    this.#clients = openClients(options.s3);
    this.#objects = new ObjectStore(this.#clients.server, options.s3.bucket);
    this.#ledger = new Ledger(this.#objects, options.prefix, options.room ?? {});
    this.#uploads = new Uploads(this.#objects, options.prefix, this.#ledger);
  }

  uploadUrl(object: MediaObject, expireTimeMs: number): Promise<UploadTarget> {
    return this.#run(async (stallTimeout) => {
      this.#checkTakable(object);
      await this.#ledger.reserve(object, stallTimeout);
      const key = incomingKey(this.#options.prefix, object.mediaId);
      return stallTimeout.wait(uploadTarget(this.#clients.signing, object, this.#urlOptions(key, expireTimeMs)));
    });
  }

  downloadUrl(media: Pick<MediaObject, 'mediaId' | 'contentType'>, expireTimeMs: number): Promise<string> {
    // Without S3 history can still be read, so nothing is asked of it here.
    return this.#runUnprepared((stallTimeout) => {
      const key = objectKey(this.#options.prefix, media.mediaId);
      if (key === undefined) throw new RangeError(`${media.mediaId} is no media id`);
      return stallTimeout.wait(downloadUrl(this.#clients.signing, media, this.#urlOptions(key, expireTimeMs)));
    });
  }

  put(object: MediaObject, bytes: Uint8Array): Promise<void> {
    return this.#run(async (stallTimeout) => {
      const key = this.#checkTakable(object);
      if (bytes.length !== object.sizeBytes || hash('sha256', bytes, 'hex') !== object.sha256) {
        throw new RangeError(`the bytes are not those that ${object.mediaId} is described by`);
      }
      // Nobody looks first whether it is there: ids are new with each put, and who copies has looked. So S3's own condition is enough.
      await this.#ledger.storing(object, () => this.#objects.create(key, object, bytes, stallTimeout), stallTimeout);
    });
  }

  async stat(mediaId: string): Promise<StoredMedia | null> {
    const key = objectKey(this.#options.prefix, mediaId);
    if (key === undefined) return null;
    const found = await this.#run((stallTimeout) => this.#objects.find(key, mediaId, stallTimeout));
    return found?.media ?? (await this.#takeIn(mediaId, key)) ?? null;
  }

  async read(mediaId: string, range?: { readonly start: number; readonly end: number }): Promise<Uint8Array> {
    const key = objectKey(this.#options.prefix, mediaId);
    if (key === undefined) throw missing(mediaId);
    const get = () => this.#run((stallTimeout) => this.#read(key, mediaId, range, stallTimeout));
    const bytes = await get();
    if (bytes !== undefined) return bytes;
    const taken = (await this.#takeIn(mediaId, key)) && (await get());
    if (taken === undefined) throw missing(mediaId);
    return taken;
  }

  delete(mediaId: string): Promise<void> {
    return this.#run(async (stallTimeout) => {
      const key = objectKey(this.#options.prefix, mediaId);
      if (key === undefined) return;
      const found =
        (await this.#objects.find(key, mediaId, stallTimeout)) ?? (await this.#uploads.find(mediaId, stallTimeout));
      // The upload first: else it could be taken in once more between the two.
      await this.#uploads.delete(mediaId, stallTimeout);
      // Whoever was interrupted before the object is gone deletes it once more.
      if (found !== undefined) await this.#ledger.forget(found.media, stallTimeout);
      await this.#objects.delete(key, stallTimeout);
      this.#known.delete(mediaId);
    });
  }

  async *list(): AsyncGenerator<readonly StoredMedia[]> {
    const folder = `${this.#options.prefix}/`;
    const isComplete = await this.#run((stallTimeout) => this.#ledger.isComplete(stallTimeout));
    for (let token: string | undefined, isMore = true; isMore; isMore = token !== undefined) {
      const page = await this.#run((stallTimeout) => this.#objects.page(folder, token, stallTimeout));
      for (let at = 0; at < page.objects.length; at += listBatchObjects) {
        const batch = await this.#run((stallTimeout) =>
          this.#described(page.objects.slice(at, at + listBatchObjects), stallTimeout),
        );
        if (!isComplete) await this.#run((stallTimeout) => this.#ledger.keepAll(batch, stallTimeout));
        if (batch.length > 0) yield batch;
      }
      token = page.next;
    }
    if (!isComplete) await this.#run((stallTimeout) => this.#ledger.complete(stallTimeout));
  }

  usageOf(ownerId: string): Promise<MediaUsage> {
    return this.#run((stallTimeout) => this.#ledger.usageOf(ownerId, stallTimeout));
  }

  async removePartial(olderThanMs: number): Promise<void> {
    const untilMs = this.#options.clock.nowMs() - olderThanMs;
    for (let token: string | undefined, isMore = true; isMore; isMore = token !== undefined) {
      token = await this.#run((stallTimeout) => this.#uploads.removeOld(untilMs, token, stallTimeout));
    }
    // What was PUT at the last moment has as long again to be named.
    const reservedUntilMs = untilMs - olderThanMs;
    for (let token: string | undefined, isMore = true; isMore; isMore = token !== undefined) {
      token = await this.#run((stallTimeout) => this.#ledger.removeOld(reservedUntilMs, token, stallTimeout));
    }
  }

  /** Aborts requests in flight. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const stallTimeout of this.#open) stallTimeout.end('the media store is closed');
    this.#clients[Symbol.dispose]();
  }

  /** Who asks for the same upload meanwhile waits for the same look: it may read all of it. */
  #takeIn(mediaId: string, key: string): Promise<StoredMedia | undefined> {
    const begun = this.#looks.get(mediaId);
    if (begun !== undefined) return begun;
    const look = this.#run((stallTimeout) => this.#uploads.takeIn(mediaId, key, stallTimeout)).finally(() =>
      this.#looks.delete(mediaId),
    );
    this.#looks.set(mediaId, look);
    return look;
  }

  async #read(
    key: string,
    mediaId: string,
    range: { readonly start: number; readonly end: number } | undefined,
    stallTimeout: StallTimeout,
  ): Promise<Uint8Array | undefined> {
    if (range === undefined) return this.#objects.read(key, undefined, stallTimeout);
    const start = Math.max(0, range.start);
    // No range of HTTP is empty.
    if (range.end <= start) {
      return (await this.#objects.find(key, mediaId, stallTimeout)) === undefined ? undefined : new Uint8Array();
    }
    const last = Number.isFinite(range.end) ? range.end - 1 : '';
    return this.#objects.read(key, `bytes=${start}-${last}`, stallTimeout);
  }

  async #described(batch: readonly Listed[], stallTimeout: StallTimeout): Promise<readonly StoredMedia[]> {
    const found = await Promise.all(
      batch.map(async ({ key, changeTimeMs }) => {
        const mediaId = mediaIdOf(this.#options.prefix, key);
        if (mediaId === undefined) return undefined;
        const known = this.#known.get(mediaId);
        if (known?.changeTimeMs === changeTimeMs) return known.media;
        const media = (await this.#objects.find(key, mediaId, stallTimeout))?.media;
        if (media !== undefined) this.#remember(media, changeTimeMs);
        return media;
      }),
    );
    return found.filter((media) => media !== undefined);
  }

  #remember(media: StoredMedia, changeTimeMs: number): void {
    // Cleared, not evicted from its end: a sweep visits all objects in order, and would miss each just before it comes to it.
    if (this.#known.size >= maxKnownObjects) this.#known.clear();
    this.#known.set(media.mediaId, { changeTimeMs, media });
  }

  #urlOptions(key: string, expireTimeMs: number) {
    return { bucket: this.#options.s3.bucket, key, nowMs: this.#options.clock.nowMs(), expireTimeMs };
  }

  /** The object's key. RangeError for what cannot be one, or is too large. */
  #checkTakable(object: MediaObject): string {
    const key = objectKey(this.#options.prefix, object.mediaId);
    if (key === undefined || !isPossible(object)) {
      throw new RangeError(`${object.mediaId} is not described as an object can be`);
    }
    const limitBytes = Math.min(this.#options.maxObjectBytes, maxObjectBytes);
    if (object.sizeBytes > limitBytes) throw new RangeError(`${object.mediaId} has more than ${limitBytes} bytes`);
    return key;
  }

  #run<T>(work: (stallTimeout: StallTimeout) => Promise<T>): Promise<T> {
    return this.#runUnprepared(async (stallTimeout) => {
      await stallTimeout.wait(this.#prepare());
      return work(stallTimeout);
    });
  }

  async #runUnprepared<T>(work: (stallTimeout: StallTimeout) => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new MediaUnavailable('the media store is closed');
    using stallTimeout = new StallTimeout();
    this.#open.add(stallTimeout);
    try {
      return await work(stallTimeout);
    } catch (error) {
      if (isBucketMissing(error)) this.#prepared = undefined;
      throw mapError(error);
    } finally {
      this.#open.delete(stallTimeout);
    }
  }

  /** Once for all operations; the next one tries again when it has failed. */
  #prepare(): Promise<void> {
    this.#prepared ??= this.#runUnprepared((stallTimeout) =>
      stallTimeout.wait(
        prepareBucket(this.#clients.server, this.#options.s3, this.#options.logger, stallTimeout.signal),
      ),
    ).catch((error: unknown) => {
      this.#prepared = undefined;
      throw error;
    });
    return this.#prepared;
  }
}

function missing(mediaId: string): MediaMissing {
  return new MediaMissing(`there is no media object ${mediaId}`);
}
