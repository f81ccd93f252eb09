import { backOffMs, pause } from '../app/back-off.ts';
import type { MediaPart, Part } from '../domain/conversation/events.ts';
import { newMediaId } from '../domain/media/media-id.ts';
import { isNoRoom, MediaMissing, MediaUnavailable } from '../ports/media-store.ts';
import { type GeneratedMedia, ProviderError } from '../ports/provider.ts';
import type { WorkerDeps } from './deps.ts';
import { mediaRetryInitialDelayMs, mediaRetryMaxDelayMs } from './limits.ts';

type MediaDeps = Pick<WorkerDeps, 'media' | 'ids' | 'clock'>;

type Bytes = Pick<MediaPart, 'kind' | 'contentType'> & Pick<GeneratedMedia, 'bytes'>;

/** Names an object of these bytes that is not in the store yet. */
function describe({ ids, clock }: MediaDeps, { kind, contentType, bytes }: Bytes): MediaPart {
  const mediaId = newMediaId(ids.unique(), clock.nowMs());
  return { kind, mediaId, contentType, sizeBytes: bytes.length, sha256: ids.sha256(bytes) };
}

/**
 * Stores a reply's voice or picture, and returns the part that names it. An unavailable store is retried until the signal aborts, within the attempt's
 * timeouts: only then it rejects with MediaUnavailable. Rejects with ProviderError when there is nothing to store, and at once with MediaStoreFull or
 * MediaQuotaExceeded.
 *
 * Each attempt stores its own objects: those of a failed attempt are named by no message, and swept.
 */
export async function storeReplyMedia(
  deps: MediaDeps & Pick<WorkerDeps, 'random'>,
  ownerId: string,
  generated: GeneratedMedia,
  signal: AbortSignal,
): Promise<MediaPart> {
  const { kind, bytes } = generated;
  if (bytes.length === 0) throw new ProviderError(`a ${kind} without a byte`, true);
  const part = describe(deps, generated);
  for (let failures = 1; ; failures += 1) {
    try {
      // Under the same id: what a failed call has stored all the same is found there.
      await deps.media.put({ ...part, ownerId }, bytes);
      return part;
    } catch (error) {
      if (!(error instanceof MediaUnavailable) || isNoRoom(error) || signal.aborted) throw error;
      const delayMs = backOffMs(failures, mediaRetryInitialDelayMs, mediaRetryMaxDelayMs, deps.random);
      await pause(deps.clock, delayMs, signal);
      if (signal.aborted) throw error;
    }
  }
}

/**
 * The parts of a reply with its media stored again, under new ids: no message names the old ones yet, and unnamed media are swept. Media that are gone,
 * or do not fit, are omitted. Rejects with MediaUnavailable.
 */
export async function renewReplyMedia(
  deps: MediaDeps,
  ownerId: string,
  parts: readonly Part[],
): Promise<readonly Part[]> {
  const renewed = parts.map(async (part): Promise<readonly Part[]> => {
    if (part.kind === 'text') return [part];
    try {
      const bytes = await deps.media.read(part.mediaId);
      const anew = describe(deps, { ...part, bytes });
      await deps.media.put({ ...anew, ownerId }, bytes);
      return [anew];
    } catch (error) {
      if (error instanceof MediaMissing || isNoRoom(error)) return [];
      throw error;
    }
  });
  return (await Promise.all(renewed)).flat();
}
