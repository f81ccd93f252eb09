import type { MediaKind } from '../domain/conversation/events.ts';
import { mediaDay } from '../domain/media/media-id.ts';

/**
 * Where media objects lie. An object is written once and never changes; it is there whole or not at all, also after a crash.
 *
 * Integrity: `stat`, `read` and `list` know an object only once its length and SHA-256 have been found to be those it was described by.
 * Whether the bytes are of their content type is not the store's business (MediaInspector).
 * Durability: what `put`, or the PUT to an upload's URL, has answered survives the death of the process and (embedded profile) a power cut.
 * Reach: an object's URLs work for whoever holds them and until they expire, and give nothing but that object.
 * Room: a store may have limits (MediaLimits, and what its disk has left). `uploadUrl` and `put` reject with MediaQuotaExceeded or MediaStoreFull
 * what would be over them; so is a PUT. The bytes of an owner's objects are never more than the limit, counting what is there, also after a restart.
 * Keys: `<prefix>/<yyyy-mm-dd>/<id>`; the day is the one that the id names (domain/media/media-id.ts).
 */
export interface MediaStore extends AsyncDisposable {
  /**
   * Where the client may PUT exactly the object's bytes until `expireTimeMs` (epoch). Nothing is stored before it does: the URL itself
   * carries and signs the description. Rejects with MediaQuotaExceeded, MediaStoreFull or MediaUnavailable.
   */
  uploadUrl(object: MediaObject, expireTimeMs: number): Promise<UploadTarget>;

  /** Stores an object; one that is there already stays as it is. RangeError when the bytes are not those described; rejects as `uploadUrl`. */
  put(object: MediaObject, bytes: Uint8Array): Promise<void>;

  /** The object, or null when there is none that is whole. Rejects with MediaUnavailable. */
  stat(mediaId: string): Promise<StoredMedia | null>;

  /** The bytes from `start` (0) up to and without `end` (the object's end), cut to what is there. Rejects with MediaMissing or MediaUnavailable. */
  read(mediaId: string, range?: { readonly start: number; readonly end: number }): Promise<Uint8Array>;

  /** Where the object can be fetched (GET, with ranges) until `expireTimeMs` (epoch). Does not look whether it is there. */
  downloadUrl(media: Pick<MediaObject, 'mediaId' | 'contentType'>, expireTimeMs: number): Promise<string>;

  /** Removes the object; no effect when it is not there. Rejects with MediaUnavailable. */
  delete(mediaId: string): Promise<void>;

  /** Every object, by day, in batches; one that comes or goes meanwhile may be in it or not. Rejects with MediaUnavailable. */
  list(): AsyncIterable<readonly StoredMedia[]>;

  /** What an owner has. Rejects with MediaUnavailable. */
  usageOf(ownerId: string): Promise<MediaUsage>;

  /** Removes what interrupted uploads have left, if its last byte came longer ago than this. Rejects with MediaUnavailable. */
  removePartial(olderThanMs: number): Promise<void>;
}

/** What an object is. */
export interface MediaObject {
  readonly mediaId: string;
  /** Whose it is: a client id. A reply's media are those of the client it is for. */
  readonly ownerId: string;
  readonly kind: MediaKind;
  /** IANA media type, without parameters. */
  readonly contentType: string;
  readonly sizeBytes: number;
  /** 64 hexadecimal digits in lower case. */
  readonly sha256: string;
}

/** An object that is there. */
export interface StoredMedia extends MediaObject {
  /** When its last byte came, milliseconds since the epoch, by the store's clock. */
  readonly createTimeMs: number;
}

/** What an owner's objects come to. */
export interface MediaUsage {
  readonly objects: number;
  readonly bytes: number;
}

/** Limits of a store; undefined: none. */
export interface MediaLimits {
  /** Of all objects of one owner. */
  readonly maxBytesPerOwner?: number | undefined;
}

/** Where and how to PUT. */
export interface UploadTarget {
  readonly url: string;
  /** Headers that the PUT must carry, beside those of every PUT. */
  readonly headers: Readonly<Record<string, string>>;
}

const kinds: ReadonlySet<string> = new Set(['voice', 'video', 'image'] satisfies readonly MediaKind[]);
const mediaType = /^[\w!#$&^.+-]{1,127}\/[\w!#$&^.+-]{1,127}$/;
const sha256Form = /^[0-9a-f]{64}$/;

/** Whether this describes an object that can be: an id, a kind, a media type, at least one byte, a hash. No store takes or knows any other. */
export function isPossible({ mediaId, ownerId, kind, contentType, sizeBytes, sha256 }: MediaObject): boolean {
  return (
    mediaDay(mediaId) !== undefined &&
    typeof ownerId === 'string' &&
    ownerId.isWellFormed() &&
    kinds.has(kind) &&
    mediaType.test(contentType) &&
    Number.isSafeInteger(sizeBytes) &&
    sizeBytes > 0 &&
    sha256Form.test(sha256)
  );
}

/** There is no such object. */
export class MediaMissing extends Error {
  override readonly name = 'MediaMissing';
  readonly retryable = false;
}

/** The store cannot be read or written now. */
export class MediaUnavailable extends Error {
  override readonly name: string = 'MediaUnavailable';
  readonly retryable = true;
}

/** The store has no room for the object now; it can be read, and takes away. */
export class MediaStoreFull extends MediaUnavailable {
  override readonly name = 'MediaStoreFull';
}

/** With the object its owner would have more than it may. */
export class MediaQuotaExceeded extends Error {
  override readonly name = 'MediaQuotaExceeded';
  readonly retryable = false;
}

/** Whether an object was refused because there is no room for it: waiting a moment would not help. */
export function isNoRoom(error: unknown): error is MediaStoreFull | MediaQuotaExceeded {
  return error instanceof MediaStoreFull || error instanceof MediaQuotaExceeded;
}
