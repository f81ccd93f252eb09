import type { MediaLibrary } from '../app/media/media-library.ts';
import type { MediaServiceServer } from '../gen/chat/v1/media_service.ts';
import { type Calls, unary } from './calls.ts';
import { mediaKindFromWire, mediaToWire } from './content-wire.ts';

/** MediaService over the library; the bytes themselves go to and from the store's own URLs. */
export function mediaService(library: MediaLibrary, calls: Calls): MediaServiceServer {
  return {
    createUpload: unary(calls, async ({ kind, sizeBytes, ...request }, caller) => {
      const upload = await library.createUpload(caller, {
        ...request,
        mediaKind: mediaKindFromWire(kind),
        sizeBytes: Number(sizeBytes),
      });
      return {
        mediaId: upload.mediaId,
        uploadUrl: upload.url,
        uploadHeaders: new Map(Object.entries(upload.headers)),
        expireTime: new Date(upload.expireTimeMs),
      };
    }),
    getMedia: unary(calls, async ({ mediaId }, caller) => {
      const { media, link } = await library.getMedia(caller, mediaId);
      return { media: mediaToWire(media, link) };
    }),
  };
}
