/**
 * URLs that carry what they allow, and prove that we said so:
 *
 *   upload   = /media/<id>?owner=…&kind=…&type=…&size=…&sha256=…&expires=…&signature=…
 *   download = /media/<id>?type=…&expires=…&signature=…
 *
 * `expires` is in milliseconds since the epoch. The signature is HMAC-SHA256, in base64url, over the prefix, the method, the id and the other
 * fields in this order, as JSON: no two lists of strings are the same JSON.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { MediaKind } from '../../domain/conversation/events.ts';
import { mediaDay } from '../../domain/media/media-id.ts';
import type { MediaObject } from '../../ports/media-store.ts';
import { maxTargetChars } from './limits.ts';

const uploadFields = ['owner', 'kind', 'type', 'size', 'sha256', 'expires'] as const;
const downloadFields = ['type', 'expires'] as const;
const targetForm = /^\/media\/([^/?#]+)(?:\?([^#]*))?$/;

/** What a request asks for, by its path alone. */
export interface Target {
  readonly mediaId: string;
  readonly query: string;
}

export interface UploadPermit {
  readonly object: MediaObject;
  readonly expireTimeMs: number;
}

export interface DownloadPermit {
  readonly mediaId: string;
  readonly expireTimeMs: number;
}

/** The path and query of a request as it came, nothing decoded or resolved; undefined when it cannot be one of ours. */
export function parseTarget(url: string): Target | undefined {
  if (url.length > maxTargetChars) return undefined;
  const [, mediaId = '', query = ''] = targetForm.exec(url) ?? [];
  return mediaDay(mediaId) === undefined ? undefined : { mediaId, query };
}

/** Makes and checks URLs with one key. */
export class SignedUrls {
  readonly #key: Uint8Array;
  readonly #prefix: string;

  constructor(key: Uint8Array, prefix: string) {
    this.#key = key;
    this.#prefix = prefix;
  }

  /** Path and query of an upload. */
  upload(object: MediaObject, expireTimeMs: number): string {
    const { mediaId, ownerId, kind, contentType, sizeBytes, sha256 } = object;
    return this.#sign('PUT', mediaId, {
      owner: ownerId,
      kind,
      type: contentType,
      size: String(sizeBytes),
      sha256,
      expires: String(Math.floor(expireTimeMs)),
    });
  }

  /** Path and query of a download. */
  download({ mediaId, contentType }: Pick<MediaObject, 'mediaId' | 'contentType'>, expireTimeMs: number): string {
    return this.#sign('GET', mediaId, { type: contentType, expires: String(Math.floor(expireTimeMs)) });
  }

  /** What an upload's URL allows; undefined when we did not make it. Whether it has expired is not looked at. */
  uploadPermit(target: Target): UploadPermit | undefined {
    const fields = this.#check('PUT', target, uploadFields);
    if (fields === undefined) return undefined;
    const { owner, kind, type, size, sha256, expires } = fields;
    const sizeBytes = Number(size);
    const object = {
      mediaId: target.mediaId,
      ownerId: owner,
      kind: kind as MediaKind,
      contentType: type,
      sizeBytes,
      sha256,
    };
    return { object, expireTimeMs: Number(expires) };
  }

  /** What a download's URL allows; undefined when we did not make it. Whether it has expired is not looked at. */
  downloadPermit(target: Target): DownloadPermit | undefined {
    const fields = this.#check('GET', target, downloadFields);
    return fields && { mediaId: target.mediaId, expireTimeMs: Number(fields.expires) };
  }

  #sign(method: string, mediaId: string, fields: Readonly<Record<string, string>>): string {
    const signature = this.#signatureOf(method, mediaId, Object.values(fields));
    return `/media/${mediaId}?${new URLSearchParams({ ...fields, signature }).toString()}`;
  }

  /** The fields of a query, each there once and nothing else, if the signature is theirs. */
  #check<F extends string>(method: string, target: Target, names: readonly F[]): Record<F, string> | undefined {
    const query = new URLSearchParams(target.query);
    const values = names.map((name) => query.get(name));
    if (query.size !== names.length + 1 || values.includes(null)) return undefined;
    const expected = Buffer.from(this.#signatureOf(method, target.mediaId, values));
    const given = Buffer.from(query.get('signature') ?? '');
    // How long a signature is, is no secret.
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
    return Object.fromEntries(names.map((name, index) => [name, values[index]])) as Record<F, string>;
  }

  #signatureOf(method: string, mediaId: string, values: readonly (string | null)[]): string {
    const signed = JSON.stringify([this.#prefix, method, mediaId, ...values]);
    return createHmac('sha256', this.#key).update(signed).digest('base64url');
  }
}
