import type { MediaKind, MediaPart, Part } from '../../domain/conversation/events.ts';
import { Refused } from '../../domain/errors/catalogue.ts';
import { isAllowed, normalContentType } from '../../domain/media/formats.ts';
import { mediaDay, newMediaId } from '../../domain/media/media-id.ts';
import type { Clock } from '../../ports/clock.ts';
import type { MediaReferences } from '../../ports/history.ts';
import type { Ids } from '../../ports/ids.ts';
import type { MediaInspector } from '../../ports/media-inspector.ts';
import { MediaMissing, type MediaObject, type MediaStore, type StoredMedia } from '../../ports/media-store.ts';
import { actingClient, type Caller } from '../caller.ts';
import {
  type CheckedPart,
  checkType,
  type InlineMedia,
  type NamedMedia,
  type OutgoingMedia,
} from '../gateway/accept-message.ts';
import type { ClientWrites } from '../rate-limits/client-writes.ts';
import type { MediaLink } from './media-links.ts';

export interface MediaLibrarySettings {
  readonly maxMediaBytes: number;
  readonly uploadLifetimeMs: number;
  readonly urlLifetimeMs: number;
}

export interface MediaLibraryDeps {
  readonly store: MediaStore;
  readonly inspector: MediaInspector;
  readonly references: MediaReferences;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly writes: Pick<ClientWrites, 'take'>;
  readonly settings: MediaLibrarySettings;
}

/** What a client wants to store. */
export interface UploadRequest {
  /** undefined: not stated; null: no kind of media. */
  readonly mediaKind: MediaKind | null | undefined;
  readonly contentType: string;
  readonly sizeBytes: number;
  readonly sha256: Uint8Array;
  /** Whose; needed only where authentication is off. */
  readonly clientId: string;
}

/** Where a client may PUT its bytes. */
export interface Upload {
  readonly mediaId: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** When the URL stops working, milliseconds since the epoch. */
  readonly expireTimeMs: number;
}

/** Bytes of a SHA-256. */
const hashBytes = 32;

/** Objects remembered to be what they claim: some hundred bytes each, and a look at the store saved for each that is named again. */
const maxVerified = 10_000;

/** Media as clients put them in, name them in messages, and get them out. Everything here rejects with MediaUnavailable when the store is away. */
export class MediaLibrary {
  readonly #deps: MediaLibraryDeps;
  /** Objects never change, so what they were found to be they are for ever. The oldest goes first. */
  readonly #verified = new Set<string>();

  constructor(deps: MediaLibraryDeps) {
    this.#deps = deps;
  }

  /** Where the caller may PUT what it describes. Throws NOT_YOURS, CLIENT_ID_INVALID, MEDIA_TYPE_UNSUPPORTED, MEDIA_TOO_LARGE, FRAME_INVALID, TOO_MANY_WRITES. */
  async createUpload(caller: Caller, request: UploadRequest): Promise<Upload> {
    const { store, clock, ids, settings, writes } = this.#deps;
    const ownerId = actingClient(caller, request.clientId);
    const type = checkType(request.mediaKind, request.contentType);
    if (type instanceof Refused) throw type;
    const { mediaKind, contentType } = type;
    checkSize(request.sizeBytes, settings.maxMediaBytes);
    const sha256 = hexOf(checkHash(request.sha256));
    writes.take(ownerId, 'create_upload', caller.clientAddress);
    const nowMs = clock.nowMs();
    const mediaId = newMediaId(ids.unique(), nowMs);
    const expireTimeMs = nowMs + settings.uploadLifetimeMs;
    const object = { mediaId, ownerId, kind: mediaKind, contentType, sizeBytes: request.sizeBytes, sha256 };
    const { url, headers } = await store.uploadUrl(object, expireTimeMs);
    return { mediaId, url, headers, expireTimeMs };
  }

  /**
   * A stored object with a fresh URL. Throws NOT_FOUND for one that is not there, is somebody else's, or was not named in time;
   * MEDIA_MISMATCH for one whose bytes are not what it claims.
   */
  async getMedia(caller: Caller, mediaId: string): Promise<{ readonly media: MediaPart; readonly link: MediaLink }> {
    const { store, clock, settings } = this.#deps;
    const stored = await this.#usable(mediaId, caller.kind === 'client' ? caller.clientId : undefined);
    if (stored === null) throw new Refused('NOT_FOUND', 'there is no such media object');
    await this.#verify(stored);
    const expireTimeMs = clock.nowMs() + settings.urlLifetimeMs;
    return { media: partOf(stored), link: { url: await store.downloadUrl(stored, expireTimeMs), expireTimeMs } };
  }

  /**
   * The parts of a message as logged: inline media are stored; named ones were found, are the client's own, and match their description. Throws
   * MEDIA_MISMATCH, MEDIA_NOT_FOUND, MEDIA_TYPE_UNSUPPORTED; then nothing of the message is stored.
   */
  async take(parts: readonly CheckedPart[], ownerId: string): Promise<readonly Part[]> {
    const toStore: { readonly object: MediaObject; readonly bytes: Uint8Array }[] = [];
    const taken: Part[] = [];
    for (const part of parts) {
      if (part.kind === 'text') taken.push(part);
      else if (part.kind === 'named') taken.push(partOf(await this.#named(part, ownerId), part.stated));
      else {
        const object = await this.#inline(part, ownerId);
        toStore.push({ object, bytes: part.bytes });
        taken.push(partOf(object, part.stated));
      }
    }
    // All or nothing is known only now; what a crash leaves here is swept.
    await Promise.all(toStore.map(({ object, bytes }) => this.#deps.store.put(object, bytes)));
    for (const { object } of toStore) this.#remember(object.mediaId);
    return taken;
  }

  async #inline(part: InlineMedia, ownerId: string): Promise<MediaObject> {
    const { inspector, ids, clock } = this.#deps;
    const { bytes, mediaKind, contentType } = part;
    const sha256 = ids.sha256(bytes);
    checkStated(part.stated, { sizeBytes: bytes.length, sha256 });
    const found = await inspector.contentTypes(bytes.subarray(0, inspector.headBytes));
    checkBytes(contentType, found);
    const mediaId = newMediaId(ids.unique(), clock.nowMs());
    return { mediaId, ownerId, kind: mediaKind, contentType, sizeBytes: bytes.length, sha256 };
  }

  async #named({ mediaId, stated }: NamedMedia, ownerId: string): Promise<StoredMedia> {
    const stored = await this.#usable(mediaId, ownerId);
    if (stored === null) throw new Refused('MEDIA_NOT_FOUND');
    const { mediaKind, contentType } = stated;
    if (mediaKind !== undefined && mediaKind !== stored.kind)
      throw new Refused('MEDIA_MISMATCH', `the object is of kind ${stored.kind}`);
    if (contentType !== '' && normalContentType(contentType) !== stored.contentType)
      throw new Refused('MEDIA_MISMATCH', `the object is ${stored.contentType}`);
    checkStated(stated, stored);
    if (!isAllowed(stored.kind, stored.contentType)) throw new Refused('MEDIA_TYPE_UNSUPPORTED');
    await this.#verify(stored);
    return stored;
  }

  /**
   * The object, if it is this client's (undefined: any client's) and may still be named: recent, or in a message already. Otherwise it may be swept at
   * any moment. Does not reveal whether another client's object exists.
   */
  async #usable(mediaId: string, ownerId: string | undefined): Promise<StoredMedia | null> {
    const { store, clock, settings, references } = this.#deps;
    if (mediaDay(mediaId) === undefined) return null;
    const stored = await store.stat(mediaId);
    if (stored === null || (ownerId !== undefined && stored.ownerId !== ownerId)) return null;
    if (clock.nowMs() - stored.createTimeMs < settings.uploadLifetimeMs) return stored;
    const count = (await references.references([mediaId])).get(mediaId) ?? 0;
    return count > 0 ? stored : null;
  }

  /** Throws MEDIA_MISMATCH unless the bytes are of the type that they were stored as; MEDIA_NOT_FOUND when they are gone. */
  async #verify({ mediaId, contentType }: StoredMedia): Promise<void> {
    if (this.#verified.has(mediaId)) return;
    const { store, inspector } = this.#deps;
    try {
      const head = await store.read(mediaId, { start: 0, end: inspector.headBytes });
      checkBytes(contentType, await inspector.contentTypes(head));
    } catch (error) {
      if (error instanceof MediaMissing) throw new Refused('MEDIA_NOT_FOUND');
      throw error;
    }
    this.#remember(mediaId);
  }

  #remember(mediaId: string): void {
    this.#verified.add(mediaId);
    if (this.#verified.size <= maxVerified) return;
    for (const oldest of this.#verified) {
      this.#verified.delete(oldest);
      return;
    }
  }
}

/** @param stated what a message says of it; undefined: in no message */
function partOf({ kind, mediaId, contentType, sizeBytes, sha256 }: MediaObject, stated?: OutgoingMedia): MediaPart {
  const { fileName = '' } = stated ?? {};
  return { kind, mediaId, contentType, sizeBytes, sha256, ...(fileName !== '' && { fileName }) };
}

/** What the message says of the bytes beside their type must be so. */
function checkStated(stated: OutgoingMedia, is: { readonly sizeBytes: number; readonly sha256: string }): void {
  if (stated.sizeBytes !== 0 && stated.sizeBytes !== is.sizeBytes)
    throw new Refused('MEDIA_MISMATCH', `${is.sizeBytes} bytes, not ${stated.sizeBytes}`);
  if (stated.sha256.length > 0 && hexOf(stated.sha256) !== is.sha256)
    throw new Refused('MEDIA_MISMATCH', 'the SHA-256 is another');
}

/** Throws MEDIA_MISMATCH unless one of the types that the bytes may be of is the one claimed. */
function checkBytes(contentType: string, found: readonly string[]): void {
  if (found.some((type) => normalContentType(type) === contentType)) return;
  const looksLike = found.length === 0 ? 'of no known type' : found.join(' or ');
  throw new Refused('MEDIA_MISMATCH', `the bytes are ${looksLike}, not ${contentType}`);
}

function checkSize(sizeBytes: number, maxMediaBytes: number): void {
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 1) {
    throw new Refused('FRAME_INVALID', 'size_bytes must be the length of the object', {
      violations: [{ field: 'size_bytes', description: '1 or more' }],
    });
  }
  if (sizeBytes > maxMediaBytes)
    throw new Refused('MEDIA_TOO_LARGE', `${sizeBytes} bytes; ${maxMediaBytes} are allowed`);
}

function checkHash(sha256: Uint8Array): Uint8Array {
  if (sha256.length === hashBytes) return sha256;
  throw new Refused('FRAME_INVALID', 'sha256 must be the SHA-256 of the object', {
    violations: [{ field: 'sha256', description: `${hashBytes} bytes` }],
  });
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
