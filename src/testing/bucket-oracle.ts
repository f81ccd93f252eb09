import { createHash } from 'node:crypto';
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import type { S3Engine } from './engines/s3.ts';
import type { Entry } from './log-oracle.ts';
import { namedMedia } from './media-oracle.ts';

/** `<prefix>/<yyyy-mm-dd>/<id>`, where the day is the one that the id begins with. */
const objectKey = /^parley\/(\d{4})-(\d\d)-(\d\d)\/(\1\2\3[\w-]+)$/;

/** `<prefix>/kept/<owner>/<id>.<bytes>`: empty, and says that the object is its owner's. */
const keptKey = /^parley\/kept\/[0-9a-f]{64}\/([\w-]+)\.(\d+)$/;
/** Uploads that may still come, and that all objects are entered. */
const otherEntry = /^parley\/(reserved\/|kept\/all$)/;

/** What is wrong with a deployment's media in S3 (O6), told without the code that wrote it: what is named is there whole, and nothing else is; so is it counted. */
export async function bucketBreaches(s3: S3Engine, partitions: readonly (readonly Entry[])[]): Promise<string[]> {
  const named = new Map(namedMedia(partitions));
  const { endpoint, region, accessKeyId, secretAccessKey } = s3;
  const credentials = { accessKeyId, secretAccessKey };
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  const breaches: string[] = [];
  const counted = new Map([...named].map(([mediaId, { sizeBytes }]) => [mediaId, String(sizeBytes)]));
  try {
    for (const key of await keysIn(client)) {
      const [, keptId = '', keptBytes] = keptKey.exec(key) ?? [];
      if (keptBytes !== undefined && counted.get(keptId) === keptBytes) {
        counted.delete(keptId);
        continue;
      }
      if (otherEntry.test(key)) continue;
      const media = named.get(objectKey.exec(key)?.[4] ?? '');
      if (media === undefined) {
        breaches.push(`${key} is left over`);
        continue;
      }
      named.delete(media.mediaId);
      const { sizeBytes, sha256 } = await measured(client, key);
      if (sizeBytes !== media.sizeBytes || sha256 !== media.sha256)
        breaches.push(`${key} is named with ${media.sizeBytes} bytes ${media.sha256}, and is ${sizeBytes} ${sha256}`);
    }
  } finally {
    client.destroy();
  }
  return [
    ...breaches,
    ...[...named.keys()].map((mediaId) => `${mediaId} is named and not there`),
    ...[...counted.keys()].map((mediaId) => `${mediaId} is named and not counted`),
  ];
}

const bucket = 'parley-media';

async function keysIn(client: S3Client): Promise<string[]> {
  const keys: string[] = [];
  let token: string | undefined;
  do {
    const page = await client.send(
      new ListObjectsV2Command({ Bucket: bucket, ...(token !== undefined && { ContinuationToken: token }) }),
    );
    keys.push(...(page.Contents ?? []).flatMap(({ Key }) => Key ?? []));
    token = page.NextContinuationToken;
  } while (token !== undefined);
  return keys;
}

async function measured(
  client: S3Client,
  key: string,
): Promise<{ readonly sizeBytes: number; readonly sha256: string }> {
  const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array();
  return { sizeBytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}
