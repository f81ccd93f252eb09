import { hash } from 'node:crypto';
import {
  type MediaLimits,
  type MediaObject,
  MediaQuotaExceeded,
  type MediaUsage,
  type StoredMedia,
} from '../../ports/media-store.ts';
import { ledgerFolder, ledgerMarkerKey } from './keys.ts';
import { listBatchObjects } from './limits.ts';
import type { ObjectStore } from './object-store.ts';
import type { StallTimeout } from './stall-timeout.ts';

type Kind = 'kept' | 'reserved';
type Owned = Pick<MediaObject, 'mediaId' | 'ownerId' | 'sizeBytes'>;

export interface LedgerLimits extends MediaLimits {
  /** Told of each object that there is no room for. */
  readonly onNoRoom?: ((error: MediaQuotaExceeded) => void) | undefined;
}

/**
 * What each owner has: for each object, and for each upload whose URL was given out, an empty object whose key says all. S3 takes a PUT without us, so an
 * upload is counted from the moment at which it is begun. Any process reads what all have written by a list, which S3 answers as of now.
 *
 * An upload is entered before it is looked at, so that no two make the same room theirs. What comes within a message is entered when it is stored: of that,
 * two processes may together take one object too many.
 */
export class Ledger {
  readonly #objects: ObjectStore;
  readonly #prefix: string;
  readonly #limits: LedgerLimits;
  /** By owner, the sizes of what this process is storing and has not entered yet, by media id. */
  readonly #storing = new Map<string, Map<string, number>>();
  #isComplete = false;

  constructor(objects: ObjectStore, prefix: string, limits: LedgerLimits) {
    this.#objects = objects;
    this.#prefix = prefix;
    this.#limits = limits;
  }

  /** Enters an upload that is to come. Throws MediaQuotaExceeded; then nothing is entered. */
  async reserve(object: MediaObject, stallTimeout: StallTimeout): Promise<void> {
    await this.#objects.mark(this.#key('reserved', object), stallTimeout);
    try {
      await this.#check(object, stallTimeout);
    } catch (error) {
      await this.#objects.delete(this.#key('reserved', object), stallTimeout);
      throw error;
    }
  }

  /** Enters an object that `store` puts where it belongs. Throws MediaQuotaExceeded before that. */
  async storing(object: MediaObject, store: () => Promise<unknown>, stallTimeout: StallTimeout): Promise<void> {
    const { ownerId, mediaId, sizeBytes } = object;
    const storing = this.#storing.get(ownerId) ?? new Map<string, number>();
    this.#storing.set(ownerId, storing.set(mediaId, sizeBytes));
    try {
      await this.#check(object, stallTimeout);
      await store();
      await this.keep(object, stallTimeout);
    } finally {
      storing.delete(mediaId);
      if (storing.size === 0) this.#storing.delete(ownerId);
    }
  }

  /** Enters an object that is there, or is about to be. */
  keep(object: Owned, stallTimeout: StallTimeout): Promise<void> {
    return this.#objects.mark(this.#key('kept', object), stallTimeout);
  }

  /** What was reserved for it is not needed any more. */
  release(object: Owned, stallTimeout: StallTimeout): Promise<void> {
    return this.#objects.delete(this.#key('reserved', object), stallTimeout);
  }

  async forget(object: Owned, stallTimeout: StallTimeout): Promise<void> {
    await Promise.all(
      (['kept', 'reserved'] as const).map((kind) => this.#objects.delete(this.#key(kind, object), stallTimeout)),
    );
  }

  async usageOf(ownerId: string, stallTimeout: StallTimeout): Promise<MediaUsage> {
    const sizes = await this.#sizesOf(ownerId, stallTimeout);
    return { objects: sizes.size, bytes: sumOf(sizes) };
  }

  /** Removes a page of what was reserved at or before this time (epoch); resolves with the token of the next page. */
  async removeOld(untilMs: number, token: string | undefined, stallTimeout: StallTimeout): Promise<string | undefined> {
    const { objects, next } = await this.#objects.page(ledgerFolder(this.#prefix, 'reserved'), token, stallTimeout);
    const old = objects.filter(({ changeTimeMs }) => changeTimeMs <= untilMs);
    for (let at = 0; at < old.length; at += listBatchObjects) {
      const batch = old.slice(at, at + listBatchObjects);
      await Promise.all(batch.map(({ key }) => this.#objects.delete(key, stallTimeout)));
      stallTimeout.renew();
    }
    return next;
  }

  /** Whether all objects are entered: earlier releases entered none. */
  async isComplete(stallTimeout: StallTimeout): Promise<boolean> {
    this.#isComplete ||= await this.#objects.isThere(ledgerMarkerKey(this.#prefix), stallTimeout);
    return this.#isComplete;
  }

  /** All objects are entered from now on. */
  async complete(stallTimeout: StallTimeout): Promise<void> {
    await this.#objects.mark(ledgerMarkerKey(this.#prefix), stallTimeout);
    this.#isComplete = true;
  }

  async keepAll(batch: readonly StoredMedia[], stallTimeout: StallTimeout): Promise<void> {
    await Promise.all(batch.map((media) => this.keep(media, stallTimeout)));
  }

  async #check({ ownerId, mediaId, sizeBytes }: MediaObject, stallTimeout: StallTimeout): Promise<void> {
    const { maxBytesPerOwner, onNoRoom } = this.#limits;
    if (maxBytesPerOwner === undefined) return;
    const sizes = await this.#sizesOf(ownerId, stallTimeout);
    const bytes = sumOf(sizes.set(mediaId, sizeBytes));
    if (bytes <= maxBytesPerOwner) return;
    const error = new MediaQuotaExceeded(`with it ${bytes} of ${maxBytesPerOwner} bytes would be used`);
    onNoRoom?.(error);
    throw error;
  }

  /** By media id. */
  async #sizesOf(ownerId: string, stallTimeout: StallTimeout): Promise<Map<string, number>> {
    const sizes = new Map(this.#storing.get(ownerId));
    await Promise.all(
      (['kept', 'reserved'] as const).map((kind) => this.#readInto(sizes, kind, ownerId, stallTimeout)),
    );
    return sizes;
  }

  async #readInto(sizes: Map<string, number>, kind: Kind, ownerId: string, stallTimeout: StallTimeout): Promise<void> {
    const folder = this.#ownerFolder(kind, ownerId);
    for (let token: string | undefined, isMore = true; isMore; isMore = token !== undefined) {
      const { objects, next } = await this.#objects.page(folder, token, stallTimeout);
      for (const { key } of objects) {
        const [mediaId = '', sizeBytes = ''] = key.slice(folder.length).split('.');
        sizes.set(mediaId, Number(sizeBytes));
      }
      stallTimeout.renew();
      token = next;
    }
  }

  #key(kind: Kind, { ownerId, mediaId, sizeBytes }: Owned): string {
    return `${this.#ownerFolder(kind, ownerId)}${mediaId}.${sizeBytes}`;
  }

  /** Owners may be called anything. */
  #ownerFolder(kind: Kind, ownerId: string): string {
    return `${ledgerFolder(this.#prefix, kind)}${hash('sha256', ownerId, 'hex')}/`;
  }
}

function sumOf(sizes: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const size of sizes.values()) sum += size;
  return sum;
}
