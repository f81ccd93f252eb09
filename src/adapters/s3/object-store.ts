import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { MediaObject, StoredMedia } from '../../ports/media-store.ts';
import { checksumOf, describedBy, metadataOf, metadataOfStored } from './description.ts';
import { statusOf } from './errors.ts';
import type { StallTimeout } from './stall-timeout.ts';

/** An object's metadata in S3. */
export interface Found {
  readonly media: StoredMedia;
  /** Of these very bytes and metadata. */
  readonly etag: string;
  /** As hexadecimal digits; undefined when S3 has not computed it. */
  readonly sha256: string | undefined;
}

export interface Listed {
  readonly key: string;
  readonly changeTimeMs: number;
}

/** The requests that are made to the bucket, each within the stallTimeout of the operation that it is part of. Reject with what the SDK says. */
export class ObjectStore {
  readonly #client: S3Client;
  readonly #bucket: string;

  constructor(client: S3Client, bucket: string) {
    this.#client = client;
    this.#bucket = bucket;
  }

  /** undefined: nothing there, or nothing of ours. */
  async find(key: string, mediaId: string, stallTimeout: StallTimeout): Promise<Found | undefined> {
    const head = await this.#head(key, stallTimeout);
    const media = head && describedBy(mediaId, head);
    if (media === undefined) return undefined;
    // Of an object that came in parts it would be the checksum of theirs.
    const isOfAll = head?.ChecksumType !== 'COMPOSITE' && head?.ChecksumSHA256 !== undefined;
    const sha256 = isOfAll ? Buffer.from(head.ChecksumSHA256 ?? '', 'base64').toString('hex') : undefined;
    return { media, etag: head?.ETag ?? '', sha256 };
  }

  /** False when something is there already. S3 compares the bytes with their hash. */
  async create(key: string, object: MediaObject, bytes: Uint8Array, stallTimeout: StallTimeout): Promise<boolean> {
    const command = new PutObjectCommand({
      Bucket: this.#bucket,
      Key: key,
      Body: bytes,
      IfNoneMatch: '*',
      ContentType: object.contentType,
      ContentLength: object.sizeBytes,
      ChecksumSHA256: checksumOf(object),
      Metadata: metadataOf(object),
    });
    stallTimeout.renew(bytes.length);
    const put = stallTimeout.wait(this.#client.send(command, { abortSignal: stallTimeout.signal }));
    return (await unlessStatus([412], put)) !== undefined;
  }

  /** Copies just this; false when it is not there any more, or something else is. */
  async copy(from: string, to: string, { media, etag }: Found, stallTimeout: StallTimeout): Promise<boolean> {
    const command = new CopyObjectCommand({
      Bucket: this.#bucket,
      Key: to,
      CopySource: `${this.#bucket}/${from}`,
      CopySourceIfMatch: etag,
      MetadataDirective: 'REPLACE',
      ContentType: media.contentType,
      Metadata: metadataOfStored(media),
    });
    stallTimeout.renew(media.sizeBytes);
    const copied = stallTimeout.wait(this.#client.send(command, { abortSignal: stallTimeout.signal }));
    return (await unlessStatus([404, 412], copied)) !== undefined;
  }

  /** The bytes of a range as HTTP writes it, or all; undefined when nothing is there; none when the range begins behind the end. */
  async read(key: string, range: string | undefined, stallTimeout: StallTimeout): Promise<Uint8Array | undefined> {
    const command = new GetObjectCommand({
      Bucket: this.#bucket,
      Key: key,
      ...(range === undefined ? {} : { Range: range }),
    });
    try {
      const answer = await stallTimeout.wait(this.#client.send(command, { abortSignal: stallTimeout.signal }));
      const chunks: Uint8Array[] = [];
      for await (const chunk of chunksOf(answer, stallTimeout)) chunks.push(chunk);
      return Buffer.concat(chunks);
    } catch (error) {
      const status = statusOf(error);
      if (status === 416) return new Uint8Array();
      if (status === 404) return undefined;
      throw error;
    }
  }

  /** Of the bytes that are there, read once from beginning to end; undefined when they are not there any more. */
  async sha256(key: string, etag: string, stallTimeout: StallTimeout): Promise<string | undefined> {
    const command = new GetObjectCommand({ Bucket: this.#bucket, Key: key, IfMatch: etag });
    const got = stallTimeout.wait(this.#client.send(command, { abortSignal: stallTimeout.signal }));
    const answer = await unlessStatus([404, 412], got);
    if (answer === undefined) return undefined;
    const hash = createHash('sha256');
    for await (const chunk of chunksOf(answer, stallTimeout)) hash.update(chunk);
    return hash.digest('hex');
  }

  /** Puts an object without content there: that it is there says all. */
  async mark(key: string, stallTimeout: StallTimeout): Promise<void> {
    const command = new PutObjectCommand({ Bucket: this.#bucket, Key: key, Body: '', ContentLength: 0 });
    await stallTimeout.wait(this.#client.send(command, { abortSignal: stallTimeout.signal }));
    stallTimeout.renew();
  }

  /** Whether anything is there, ours or not. */
  async isThere(key: string, stallTimeout: StallTimeout): Promise<boolean> {
    return (await this.#head(key, stallTimeout)) !== undefined;
  }

  async delete(key: string, stallTimeout: StallTimeout): Promise<void> {
    const command = new DeleteObjectCommand({ Bucket: this.#bucket, Key: key });
    await stallTimeout.wait(this.#client.send(command, { abortSignal: stallTimeout.signal }));
  }

  /** What is below this, in the order of the keys, a page at a time. */
  async page(
    folder: string,
    token: string | undefined,
    stallTimeout: StallTimeout,
  ): Promise<{ readonly objects: readonly Listed[]; readonly next: string | undefined }> {
    const command = new ListObjectsV2Command({ Bucket: this.#bucket, Prefix: folder, ContinuationToken: token });
    const answer = await stallTimeout.wait(this.#client.send(command, { abortSignal: stallTimeout.signal }));
    const objects = (answer.Contents ?? []).map(({ Key = '', LastModified }) => ({
      key: Key,
      changeTimeMs: LastModified?.getTime() ?? 0,
    }));
    return { objects, next: answer.IsTruncated ? answer.NextContinuationToken : undefined };
  }

  async #head(key: string, stallTimeout: StallTimeout): Promise<HeadObjectCommandOutput | undefined> {
    const command = new HeadObjectCommand({ Bucket: this.#bucket, Key: key, ChecksumMode: 'ENABLED' });
    return unlessStatus([404], stallTimeout.wait(this.#client.send(command, { abortSignal: stallTimeout.signal })));
  }
}

/** What S3 answers; undefined when it answers with one of these statuses. */
async function unlessStatus<T>(statuses: readonly number[], answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (statuses.includes(statusOf(error) ?? 0)) return undefined;
    throw error;
  }
}

/** The body as it comes; each chunk renews stallTimeout. */
async function* chunksOf({ Body }: GetObjectCommandOutput, stallTimeout: StallTimeout): AsyncGenerator<Uint8Array> {
  const body = Body as Readable;
  const hangUp = () => body.destroy(stallTimeout.signal.reason as Error);
  stallTimeout.signal.addEventListener('abort', hangUp);
  try {
    for await (const chunk of body) {
      stallTimeout.renew();
      yield chunk as Uint8Array;
    }
  } finally {
    stallTimeout.signal.removeEventListener('abort', hangUp);
    body.destroy();
  }
}
