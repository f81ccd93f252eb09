import { GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { extensionOf } from '../../domain/media/formats.ts';
import type { MediaObject, UploadTarget } from '../../ports/media-store.ts';
import { checksumOf, metadataOf } from './description.ts';
import { maxUrlLifetimeS } from './limits.ts';

/** What a browser shows by itself without running anything; everything else is for saving. */
const shownInline = /^(?:audio|video|image)\/(?!svg)/;

/** Where, and for how long. */
export interface UrlOptions {
  readonly bucket: string;
  readonly key: string;
  readonly nowMs: number;
  /** Epoch. A URL ends at this time or less than a second later: S3 counts seconds. */
  readonly expireTimeMs: number;
}

/**
 * A URL to PUT exactly the object. Length, type, hash and description are headers that are signed: the client must send them as they are. S3 compares
 * the hash with the bytes before it stores them.
 */
export async function uploadTarget(client: S3Client, object: MediaObject, options: UrlOptions): Promise<UploadTarget> {
  const metadata = metadataOf(object);
  const fixed: Record<string, string> = { 'x-amz-checksum-sha256': checksumOf(object) };
  for (const [name, value] of Object.entries(metadata)) fixed[`x-amz-meta-${name}`] = value;
  const command = new PutObjectCommand({
    Bucket: options.bucket,
    Key: options.key,
    ContentType: object.contentType,
    ContentLength: object.sizeBytes,
    ChecksumSHA256: checksumOf(object),
    Metadata: metadata,
  });
  const url = await getSignedUrl(client, command, {
    ...lifetimeOf(options),
    signableHeaders: new Set(['host', 'content-type', 'content-length', ...Object.keys(fixed)]),
    // As parameters of the URL they would be signed too, but not every server heeds them there.
    unhoistableHeaders: new Set(Object.keys(fixed)),
  });
  return { url, headers: { 'content-type': object.contentType, ...fixed } };
}

/**
 * A URL to GET the object, inline or as an attachment by its type, cached by browsers no longer than it works. `x-content-type-options` and
 * `content-security-policy` cannot be signed in: instead only audio, images and video are inline, and from another origin than any page.
 */
export function downloadUrl(
  client: S3Client,
  { mediaId, contentType }: Pick<MediaObject, 'mediaId' | 'contentType'>,
  options: UrlOptions,
): Promise<string> {
  const disposition = shownInline.test(contentType) ? 'inline' : 'attachment';
  const command = new GetObjectCommand({
    Bucket: options.bucket,
    Key: options.key,
    ResponseContentType: contentType,
    ResponseContentDisposition: `${disposition}; filename="${mediaId}.${extensionOf(contentType)}"`,
    ResponseCacheControl: `private, max-age=${Math.max(0, Math.floor((options.expireTimeMs - options.nowMs) / 1_000))}`,
  });
  return getSignedUrl(client, command, lifetimeOf(options));
}

function lifetimeOf({ nowMs, expireTimeMs }: UrlOptions): { readonly signingDate: Date; readonly expiresIn: number } {
  const nowS = Math.floor(nowMs / 1_000);
  const lifetimeS = Math.ceil(expireTimeMs / 1_000) - nowS;
  return { signingDate: new Date(nowS * 1_000), expiresIn: Math.min(maxUrlLifetimeS, Math.max(1, lifetimeS)) };
}
