import type { MediaPart, Part } from '../domain/conversation/events.ts';
import { newMediaId } from '../domain/media/media-id.ts';
import { MediaMissing } from '../ports/media-store.ts';
import { type GeneratedMedia, ProviderError } from '../ports/provider.ts';
import type { WorkerDeps } from './deps.ts';

/**
 * Puts voice or picture of a reply into the store, and gives the part that names it. Rejects with MediaUnavailable, or ProviderError when
 * there is nothing to store.
 *
 * Each attempt stores objects of its own: those of an attempt that fails are named by no message, and the sweep takes them away.
 */
export async function storeReplyMedia(
  { media, ids, clock }: Pick<WorkerDeps, 'media' | 'ids' | 'clock'>,
  ownerId: string,
  { kind, contentType, bytes }: Pick<MediaPart, 'kind' | 'contentType'> & Pick<GeneratedMedia, 'bytes'>,
): Promise<MediaPart> {
  if (bytes.length === 0) throw new ProviderError(`a ${kind} without a byte`, true);
  const mediaId = newMediaId(ids.unique(), clock.nowMs());
  const part: MediaPart = { kind, mediaId, contentType, sizeBytes: bytes.length, sha256: ids.sha256(bytes) };
  await media.put({ ...part, ownerId }, bytes);
  return part;
}

/**
 * The parts of a reply with its media stored anew, under new ids: no message names them yet, and the sweep takes away what no message names for long.
 * What is gone already is left out. Rejects with MediaUnavailable.
 */
export async function renewReplyMedia(
  deps: Pick<WorkerDeps, 'media' | 'ids' | 'clock'>,
  ownerId: string,
  parts: readonly Part[],
): Promise<readonly Part[]> {
  const renewed = parts.map(async (part): Promise<readonly Part[]> => {
    if (part.kind === 'text') return [part];
    try {
      const bytes = await deps.media.read(part.mediaId);
      return [await storeReplyMedia(deps, ownerId, { ...part, bytes })];
    } catch (error) {
      if (error instanceof MediaMissing) return [];
      throw error;
    }
  });
  return (await Promise.all(renewed)).flat();
}
