import { type MediaPart, mediaOf } from '../../domain/conversation/events.ts';
import { maxInlineReplyBytes } from '../../domain/limits.ts';
import type { Clock } from '../../ports/clock.ts';
import type { HistoryMessage } from '../../ports/history.ts';
import type { MediaStore } from '../../ports/media-store.ts';
import type { Logger } from '../../ports/telemetry.ts';

/** Where the bytes of a media object can be had now. */
export interface MediaLink {
  readonly url: string;
  /** When the URL stops working, milliseconds since the epoch. */
  readonly expireTimeMs: number;
  /** The bytes themselves, for who wants them in the stream and where they fit. */
  readonly bytes?: Uint8Array;
}

/** By media id. */
export type Links = ReadonlyMap<string, MediaLink>;

/** A message as a client is told it: URLs are made at each read and stored nowhere. */
export interface PresentedMessage {
  readonly message: HistoryMessage;
  readonly links: Links;
}

/** Makes the URLs of a message's media. */
export interface MediaLinks {
  /**
   * The message with fresh URLs, and with `inline` the bytes of a reply's media, where they all fit. At once, without a promise, for a
   * message without media. Rejects with MediaUnavailable.
   */
  present(message: HistoryMessage, options: { readonly inline: boolean }): PresentedMessage | Promise<PresentedMessage>;
}

/** The links of a message without media. */
export const noLinks: Links = new Map();

export interface MediaLinksDeps {
  readonly store: Pick<MediaStore, 'downloadUrl' | 'read'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long a URL works. */
  readonly urlLifetimeMs: number;
}

/** Links to the objects of this store. */
export function mediaLinks(deps: MediaLinksDeps): MediaLinks {
  return {
    present(message, { inline }) {
      const media = mediaOf(message.parts);
      if (media.length === 0) return { message, links: noLinks };
      return withLinks(deps, message, media, inline);
    },
  };
}

async function withLinks(
  deps: MediaLinksDeps,
  message: HistoryMessage,
  media: readonly MediaPart[],
  inline: boolean,
): Promise<PresentedMessage> {
  const expireTimeMs = deps.clock.nowMs() + deps.urlLifetimeMs;
  const sumBytes = media.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const withBytes = inline && message.role === 'assistant' && sumBytes <= maxInlineReplyBytes;
  const links = await Promise.all(
    media.map(async (part): Promise<[string, MediaLink]> => {
      const url = await deps.store.downloadUrl(part, expireTimeMs);
      const bytes = withBytes ? await bytesOf(deps, part) : undefined;
      return [part.mediaId, bytes === undefined ? { url, expireTimeMs } : { url, expireTimeMs, bytes }];
    }),
  );
  return { message, links: new Map(links) };
}

/** undefined when they cannot be had now: the URL says where to ask again. */
async function bytesOf({ store, logger }: MediaLinksDeps, { mediaId }: MediaPart): Promise<Uint8Array | undefined> {
  try {
    return await store.read(mediaId);
  } catch (error) {
    logger.warn({ err: error, mediaId }, 'could not read media that a session wants inline');
    return undefined;
  }
}
