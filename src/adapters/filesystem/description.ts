import { isPossible, type MediaObject, type StoredMedia } from '../../ports/media-store.ts';

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
