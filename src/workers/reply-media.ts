import type { MediaPart } from '../domain/conversation/events.ts';
import { newMediaId } from '../domain/media/media-id.ts';
import { MediaUnavailable } from '../ports/media-store.ts';
import { type GeneratedMedia, ProviderError } from '../ports/provider.ts';
import { backOffMs, pause } from './back-off.ts';
import type { WorkerDeps } from './deps.ts';
import { mediaRetryInitialDelayMs, mediaRetryMaxDelayMs } from './limits.ts';

/**
 * Puts voice or picture of a reply into the store, and gives the part that names it. A store that is away is tried again until the signal aborts,
 * which the attempt's time limits see to: only then it rejects with MediaUnavailable. Rejects with ProviderError when there is nothing to store.
 *
 * Each attempt stores objects of its own: those of an attempt that fails are named by no message, and the sweep takes them away.
 */
export async function storeReplyMedia(
  { media, ids, clock, random }: Pick<WorkerDeps, 'media' | 'ids' | 'clock' | 'random'>,
  ownerId: string,
  { kind, contentType, bytes }: GeneratedMedia,
  signal: AbortSignal,
): Promise<MediaPart> {
  if (bytes.length === 0) throw new ProviderError(`a ${kind} without a byte`, true);
  const mediaId = newMediaId(ids.unique(), clock.nowMs());
  const part: MediaPart = { kind, mediaId, contentType, sizeBytes: bytes.length, sha256: ids.sha256(bytes) };
  for (let failures = 1; ; failures += 1) {
    try {
      // Under the same id: what a failed call has stored all the same is found there.
      await media.put({ ...part, ownerId }, bytes);
      return part;
    } catch (error) {
      if (!(error instanceof MediaUnavailable) || signal.aborted) throw error;
      await pause(clock, backOffMs(failures, mediaRetryInitialDelayMs, mediaRetryMaxDelayMs, random), signal);
      if (signal.aborted) throw error;
    }
  }
}
