/**
 * How an object says what it is, in its metadata:
 *
 *   owner    the client id, percent-encoded: metadata are ASCII
 *   kind, size, sha256
 *   created  when its bytes came, milliseconds since the epoch; not there: when the object itself was made
 *
 * With uploads the URL signs them, so that the client can neither change nor omit them; with objects the store wrote them. S3 tells them to
 * whoever holds a download's URL, so that client can learn whose the object is.
 */
import type { HeadObjectCommandOutput } from '@aws-sdk/client-s3';
import type { MediaKind } from '../../domain/conversation/events.ts';
import { isPossible, type MediaObject, type StoredMedia } from '../../ports/media-store.ts';

/** The metadata of an object. */
export function metadataOf(object: MediaObject): Record<string, string> {
  const { ownerId, kind, sizeBytes, sha256 } = object;
  return { owner: encodeURIComponent(ownerId), kind, size: String(sizeBytes), sha256 };
}

/** The same, of an object that came at this time. */
export function metadataOfStored(media: StoredMedia): Record<string, string> {
  return { ...metadataOf(media), created: String(media.createTimeMs) };
}

/** SHA-256 as S3 writes it. */
export function checksumOf({ sha256 }: Pick<MediaObject, 'sha256'>): string {
  return Buffer.from(sha256, 'hex').toString('base64');
}

/** The description in an object's metadata; undefined for foreign objects, and for another length than described. */
export function describedBy(mediaId: string, head: HeadObjectCommandOutput): StoredMedia | undefined {
  const { owner, kind, size, sha256, created } = head.Metadata ?? {};
  const createTimeMs = created === undefined ? head.LastModified?.getTime() : Number(created);
  const media = {
    mediaId,
    ownerId: decoded(owner),
    kind: kind as MediaKind,
    contentType: head.ContentType,
    sizeBytes: Number(size),
    sha256,
    createTimeMs,
  } as StoredMedia;
  const isWhole = media.sizeBytes === head.ContentLength && Number.isFinite(createTimeMs);
  return isWhole && isPossible(media) ? media : undefined;
}

function decoded(text: string | undefined): string | undefined {
  try {
    return text === undefined ? undefined : decodeURIComponent(text);
  } catch {
    // Not written by us.
    return undefined;
  }
}
