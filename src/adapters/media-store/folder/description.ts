import type { MediaKind } from '../../../domain/conversation/events.ts';
import { mediaDay } from '../../../domain/media/media-id.ts';
import type { MediaObject, StoredMedia } from '../../../ports/media-store.ts';

const kinds: ReadonlySet<string> = new Set(['voice', 'video', 'image'] satisfies readonly MediaKind[]);
const mediaType = /^[\w!#$&^.+-]{1,127}\/[\w!#$&^.+-]{1,127}$/;
const sha256Form = /^[0-9a-f]{64}$/;

/** Whether this describes an object that can be: an id, a kind, a media type, at least one byte, a hash. */
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

/** The text of an object's `.json`. */
export function describe(object: MediaObject, createTimeMs: number): string {
  const { ownerId: owner, kind, contentType: type, sizeBytes: size, sha256 } = object;
  return `${JSON.stringify({ owner, kind, type, size, sha256, createTimeMs })}\n`;
}

/** What such a text says; undefined when it is damaged, so that its object is not there. */
export function parseDescription(mediaId: string, text: string): StoredMedia | undefined {
  const { owner, kind, type, size, sha256, createTimeMs } = fieldsOf(text);
  const media = {
    mediaId,
    ownerId: owner,
    kind,
    contentType: type,
    sizeBytes: size,
    sha256,
    createTimeMs,
  } as StoredMedia;
  return isPossible(media) && Number.isFinite(createTimeMs) ? media : undefined;
}

function fieldsOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    // Only damage makes it so: it was synced before it had its name.
    return {};
  }
}
