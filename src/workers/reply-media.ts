import type { MediaPart } from '../domain/conversation/events.ts';
import { newMediaId } from '../domain/media/media-id.ts';
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
  { kind, contentType, bytes }: GeneratedMedia,
): Promise<MediaPart> {
  if (bytes.length === 0) throw new ProviderError(`a ${kind} without a byte`, true);
  const mediaId = newMediaId(ids.unique(), clock.nowMs());
  const part: MediaPart = { kind, mediaId, contentType, sizeBytes: bytes.length, sha256: ids.sha256(bytes) };
  await media.put({ ...part, ownerId }, bytes);
  return part;
}
