import { hash } from 'node:crypto';
import type { MediaObject } from '../../../ports/media-store.ts';

/** What an upload's URL allows. */
interface UploadPermit {
  readonly object: MediaObject;
  readonly expireTimeMs: number;
}

/** What a download's URL allows. */
interface DownloadPermit {
  readonly mediaId: string;
  readonly expireTimeMs: number;
}

const sealMark = '&seal=';

/**
 * URLs that carry what they allow:
 *
 *     <prefix><media id>?permit=<JSON, with the method>&seal=<SHA-256 of all before>
 *
 * Nobody here forges any, so the seal holds no secret: it refuses what was changed on the way.
 */
export class MediaUrls {
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  toUpload(permit: UploadPermit): string {
    return this.#sealed('PUT', permit.object.mediaId, permit);
  }

  toDownload(permit: DownloadPermit): string {
    return this.#sealed('GET', permit.mediaId, permit);
  }

  /** Undefined for a URL that is no upload's, or not as it was made. */
  upload(url: string): UploadPermit | undefined {
    return this.#opened('PUT', url) as UploadPermit | undefined;
  }

  /** Undefined for a URL that is no download's, or not as it was made. */
  download(url: string): DownloadPermit | undefined {
    return this.#opened('GET', url) as DownloadPermit | undefined;
  }

  #sealed(method: string, mediaId: string, permit: object): string {
    const begin = `${this.#prefix}${mediaId}?permit=${encodeURIComponent(JSON.stringify({ method, ...permit }))}`;
    return `${begin}${sealMark}${hash('sha256', begin, 'hex')}`;
  }

  #opened(method: string, url: string): unknown {
    const end = url.lastIndexOf(sealMark);
    const begin = url.slice(0, Math.max(end, 0));
    if (!url.startsWith(this.#prefix) || url.slice(end + sealMark.length) !== hash('sha256', begin, 'hex'))
      return undefined;
    const permit = JSON.parse(decodeURIComponent(begin.slice(begin.indexOf('=') + 1))) as { readonly method: string };
    return permit.method === method ? permit : undefined;
  }
}
