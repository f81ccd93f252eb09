import type { MediaObject, MediaStore, StoredMedia } from '../../ports/media-store.ts';

/** What was there to copy, and what became of it. */
export interface Copied {
  readonly inAll: number;
  /** Of which the target had these before. */
  readonly before: number;
  /** What the target has that is not the same, a sentence each. */
  readonly differences: readonly string[];
}

/**
 * Copies every object that the target does not have; then each is there with its length and hash. One object at a time is held in memory. Whoever
 * is interrupted copies again. Rejects with MediaUnavailable or MediaMissing.
 */
export async function copyMedia(
  source: Pick<MediaStore, 'list' | 'read'>,
  target: Pick<MediaStore, 'put' | 'stat'>,
  onProgress?: (done: number, total: number) => void,
): Promise<Copied> {
  let total = 0;
  for await (const objects of source.list()) total += objects.length;
  let done = 0;
  let before = 0;
  const differences: string[] = [];
  for await (const objects of source.list()) {
    for (const object of objects) {
      let found = await target.stat(object.mediaId);
      if (found !== null) before += 1;
      else {
        await target.put(withoutTime(object), await source.read(object.mediaId));
        found = await target.stat(object.mediaId);
      }
      if (found === null || !areSame(object, found)) differences.push(`media ${object.mediaId} is missing or differs`);
      done += 1;
      onProgress?.(done, total);
    }
  }
  return { inAll: done, before, differences };
}

function withoutTime({ mediaId, ownerId, kind, contentType, sizeBytes, sha256 }: StoredMedia): MediaObject {
  return { mediaId, ownerId, kind, contentType, sizeBytes, sha256 };
}

function areSame(one: MediaObject, other: MediaObject): boolean {
  return (
    one.ownerId === other.ownerId &&
    one.kind === other.kind &&
    one.contentType === other.contentType &&
    one.sizeBytes === other.sizeBytes &&
    one.sha256 === other.sha256
  );
}
