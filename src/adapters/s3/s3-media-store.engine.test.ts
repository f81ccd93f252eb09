import { createHash, hash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetBucketCorsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { newMediaId } from '../../domain/media/media-id.ts';
import { objectOf, sampleBytes } from '../../ports/contracts/media-store.contract.ts';
import {
  MediaMissing,
  type MediaObject,
  MediaQuotaExceeded,
  type MediaStore,
  MediaUnavailable,
} from '../../ports/media-store.ts';
import { type S3Engine, startS3 } from '../../testing/engines/s3.ts';
import { systemClock } from '../node/system-clock.ts';
import { metadataOf } from './description.ts';
import { incomingKey, ledgerFolder, ledgerMarkerKey, objectKey } from './keys.ts';
import { Ledger } from './ledger.ts';
import { ObjectStore } from './object-store.ts';
import { StallTimeout } from './stall-timeout.ts';
import { patternSha256, patternStream } from './testing/pattern-stream.ts';
import { bucket, newPrefix, openStore, quiet, settingsOf, strangerTo } from './testing/s3-stores.ts';
import { Uploads } from './uploads.ts';

const hourMs = 3_600_000;
const mebibyte = 1_024 * 1_024;

let s3: S3Engine;
let stranger: S3Client;
let prefix: string;
let store: MediaStore;
beforeAll(async () => {
  s3 = await startS3();
  stranger = strangerTo(s3);
  // The first operation makes the bucket.
  await using first = openStore(s3, newPrefix());
  await first.stat(objectOf(sampleBytes(1)).mediaId);
});
afterAll(async () => {
  stranger.destroy();
  await s3[Symbol.asyncDispose]();
});
beforeEach(() => {
  prefix = newPrefix();
  store = openStore(s3, prefix);
});
afterEach(async () => {
  await store[Symbol.asyncDispose]();
});

const bytes = sampleBytes(10_000);
const another = Uint8Array.from(bytes, (byte, index) => (index === 7_777 ? byte ^ 1 : byte));

async function put(url: string, headers: Readonly<Record<string, string>>, body: Uint8Array): Promise<number> {
  const response = await fetch(url, { method: 'PUT', headers, body: body as Uint8Array<ArrayBuffer> });
  await response.arrayBuffer();
  return response.status;
}

/** Keys below the prefix. */
/** Of the objects and uploads. */
async function keys(): Promise<readonly string[]> {
  return (await allKeys()).filter((key) => !isOfLedger(key));
}

/** Of the empty objects that say whose the others are. */
async function entries(): Promise<readonly string[]> {
  return (await allKeys()).filter((key) => isOfLedger(key) && key !== ledgerMarkerKey(prefix));
}

function isOfLedger(key: string): boolean {
  return (['kept', 'reserved'] as const).some((kind) => key.startsWith(ledgerFolder(prefix, kind)));
}

async function allKeys(): Promise<readonly string[]> {
  const { Contents = [] } = await stranger.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: `${prefix}/` }));
  return Contents.map(({ Key = '' }) => Key);
}

async function idsOf(of: MediaStore): Promise<string[]> {
  const ids: string[] = [];
  for await (const batch of of.list()) ids.push(...batch.map(({ mediaId }) => mediaId));
  return ids;
}

/** As if an S3 that does not compare hashes had taken them. */
async function smuggle(object: MediaObject, body: Uint8Array): Promise<void> {
  const Key = incomingKey(prefix, object.mediaId);
  const { contentType: ContentType } = object;
  await stranger.send(
    new PutObjectCommand({ Bucket: bucket, Key, Body: body, ContentType, Metadata: metadataOf(object) }),
  );
}

describe('an upload with another description is refused by S3', () => {
  const object = objectOf(bytes, { ownerId: 'ann' });
  const sha256 = (of: Uint8Array) => hash('sha256', of, 'base64');

  test.each<[what: string, headers: Record<string, string | undefined>, body?: Uint8Array]>([
    ['another type', { 'content-type': 'text/html' }],
    ['another owner', { 'x-amz-meta-owner': 'bob' }],
    ['no owner', { 'x-amz-meta-owner': undefined }],
    ['another kind', { 'x-amz-meta-kind': 'video' }],
    ['another hash', { 'x-amz-meta-sha256': hash('sha256', another, 'hex') }, another],
    ['another hash for S3', { 'x-amz-checksum-sha256': sha256(another) }, another],
    [
      'another hash everywhere',
      { 'x-amz-checksum-sha256': sha256(another), 'x-amz-meta-sha256': hash('sha256', another, 'hex') },
      another,
    ],
    ['no hash for S3', { 'x-amz-checksum-sha256': undefined }],
    ['one field more', { 'x-amz-meta-created': '0' }],
    ['other bytes', {}, another],
    ['more bytes', {}, sampleBytes(10_001)],
  ])('%s', async (_what, changed, body = bytes) => {
    const one = { ...object, mediaId: objectOf(bytes).mediaId };
    const { url, headers } = await store.uploadUrl(one, Date.now() + hourMs);
    const forged = Object.entries({ ...headers, ...changed }).filter(([, value]) => value !== undefined);
    expect([400, 403]).toContain(await put(url, Object.fromEntries(forged) as Record<string, string>, body));
    expect(await keys()).toEqual([]);
    expect(await put(url, headers, bytes)).toBe(200);
    expect(await store.stat(one.mediaId)).toMatchObject(one);
  });

  test('another key: that of the object itself, or of another upload', async () => {
    const [one, other] = [objectOf(bytes), objectOf(bytes)];
    const { url, headers } = await store.uploadUrl(one, Date.now() + hourMs);
    const own = objectKey(prefix, one.mediaId)!;
    expect(await put(url.replace(incomingKey(prefix, one.mediaId), own), headers, bytes)).toBe(403);
    expect(await put(url.replace(one.mediaId, other.mediaId), headers, bytes)).toBe(403);
    expect(await keys()).toEqual([]);
  });

  test('its length is signed, not only its hash', async () => {
    const { url } = await store.uploadUrl(objectOf(bytes), Date.now() + hourMs);
    const signed = new URL(url).searchParams.get('X-Amz-SignedHeaders')?.split(';') ?? [];
    expect(signed).toEqual(expect.arrayContaining(['content-length', 'content-type', 'host']));
  });

  test('a larger object than is allowed, before it is begun', async () => {
    await using small = openStore(s3, prefix, { maxObjectBytes: 9_999 });
    await expect(small.uploadUrl(objectOf(bytes), Date.now() + hourMs)).rejects.toThrow(RangeError);
    await expect(small.put(objectOf(bytes), bytes)).rejects.toThrow(RangeError);
  });
});

describe('an upload', () => {
  test('that comes again after it was taken in changes nothing, and is cleared away', async () => {
    const object = objectOf(bytes);
    const { url, headers } = await store.uploadUrl(object, Date.now() + hourMs);
    expect(await put(url, headers, bytes)).toBe(200);
    const uploadedMs = Date.now();
    // S3 counts seconds: only then another time could be seen.
    const nextSecond = async () => {
      const begunMs = Date.now();
      while (Date.now() < begunMs + 1_100) await new Promise((resolve) => setTimeout(resolve, 50));
    };
    await nextSecond();
    const stored = await store.stat(object.mediaId);
    expect(stored!.createTimeMs).toBeLessThanOrEqual(uploadedMs);
    expect(await keys()).toEqual([objectKey(prefix, object.mediaId)]);
    expect(await store.stat(object.mediaId)).toEqual(stored);
    await nextSecond();
    expect(await put(url, headers, bytes)).toBe(200);
    expect(await store.stat(object.mediaId)).toEqual(stored);
    await store.removePartial(0);
    expect(await keys()).toEqual([objectKey(prefix, object.mediaId)]);
    expect(await store.stat(object.mediaId)).toEqual(stored);
  });

  test('that came again is deleted with its object', async () => {
    const object = objectOf(bytes);
    const { url, headers } = await store.uploadUrl(object, Date.now() + hourMs);
    await put(url, headers, bytes);
    await store.stat(object.mediaId);
    await put(url, headers, bytes);
    await store.delete(object.mediaId);
    expect(await store.stat(object.mediaId)).toBeNull();
    expect(await keys()).toEqual([]);
  });

  test('of the right length and with other bytes, which S3 did not compare, is never there', async () => {
    const object = objectOf(bytes);
    await smuggle(object, another);
    expect(await store.stat(object.mediaId)).toBeNull();
    await expect(store.read(object.mediaId)).rejects.toThrow(MediaMissing);
    expect(await idsOf(store)).toEqual([]);
    expect((await fetch(await store.downloadUrl(object, Date.now() + hourMs))).status).toBe(404);
    await smuggle(object, bytes);
    expect(await store.stat(object.mediaId)).toMatchObject(object);
    expect(hash('sha256', await store.read(object.mediaId), 'hex')).toBe(object.sha256);
  });

  test('of another length than it says is never there', async () => {
    const object = objectOf(bytes);
    await smuggle(object, bytes.subarray(1));
    expect(await store.stat(object.mediaId)).toBeNull();
  });

  test('is taken in when it is read first, and by many at once', async () => {
    const object = objectOf(bytes);
    await smuggle(object, bytes);
    await using other = openStore(s3, prefix);
    const [stores, wanted] = [[store, other, store, other, store, other], hash('sha256', bytes, 'hex')];
    const found = await Promise.all(stores.map((one) => one.read(object.mediaId)));
    expect(found.map((one) => hash('sha256', one, 'hex'))).toEqual(stores.map(() => wanted));
    const stats = await Promise.all(stores.map((one) => one.stat(object.mediaId)));
    expect(new Set(stats.map((one) => JSON.stringify(one))).size).toBe(1);
  });

  test('that is never asked for is removed when it is old, and not before', async () => {
    let aheadMs = 0;
    const clock = { ...systemClock, nowMs: () => Date.now() + aheadMs };
    await using later = openStore(s3, prefix, { clock });
    const objects = [objectOf(bytes), objectOf(bytes), objectOf(bytes)];
    for (const object of objects) {
      const { url, headers } = await store.uploadUrl(object, Date.now() + hourMs);
      expect(await put(url, headers, bytes)).toBe(200);
    }
    await store.stat(objects[0]!.mediaId);
    aheadMs = hourMs - 60_000;
    await later.removePartial(hourMs);
    expect(await keys()).toHaveLength(3);
    aheadMs = hourMs + 60_000;
    await later.removePartial(hourMs);
    expect(await keys()).toEqual([objectKey(prefix, objects[0]!.mediaId)]);
    expect(await store.stat(objects[1]!.mediaId)).toBeNull();
  });
});

test('an object that somebody else has made meanwhile is not overwritten', async () => {
  using stallTimeout = new StallTimeout();
  const objects = new ObjectStore(stranger, bucket);
  const [object, other] = [objectOf(bytes), objectOf(another)];
  const key = objectKey(prefix, object.mediaId)!;
  expect(await objects.create(key, object, bytes, stallTimeout)).toBe(true);
  expect(await objects.create(key, other, another, stallTimeout)).toBe(false);
  expect(await store.stat(object.mediaId)).toMatchObject(object);
});

describe('while an upload is looked at', () => {
  /** Does something of its own after each reading. */
  class Watched extends ObjectStore {
    reads = 0;
    afterRead: () => Promise<void> = async () => {};

    override async sha256(...args: Parameters<ObjectStore['sha256']>): Promise<string | undefined> {
      this.reads += 1;
      const found = await super.sha256(...args);
      await this.afterRead();
      return found;
    }
  }

  async function look(uploads: Uploads, { mediaId }: MediaObject) {
    using stallTimeout = new StallTimeout();
    return await uploads.takeIn(mediaId, objectKey(prefix, mediaId)!, stallTimeout);
  }

  test('wrong bytes are read once only', async () => {
    const object = objectOf(bytes);
    await smuggle(object, another);
    const watched = new Watched(stranger, bucket);
    const uploads = new Uploads(watched, prefix, new Ledger(watched, prefix, {}));
    for (let times = 0; times < 3; times += 1) expect(await look(uploads, object)).toBeUndefined();
    expect(watched.reads).toBe(1);
  });

  test('bytes that are changed just then are not taken for those that were looked at', async () => {
    const object = objectOf(bytes);
    await smuggle(object, bytes);
    const watched = new Watched(stranger, bucket);
    watched.afterRead = () => smuggle(object, another);
    expect(await look(new Uploads(watched, prefix, new Ledger(watched, prefix, {})), object)).toBeUndefined();
    expect(watched.reads).toBe(2);
    expect(await store.stat(object.mediaId)).toBeNull();
  });

  test('one that changes each time is given up for now', async () => {
    const object = objectOf(bytes);
    await smuggle(object, bytes);
    const watched = new Watched(stranger, bucket);
    watched.afterRead = async () => {
      const other = sampleBytes(100 + watched.reads);
      await smuggle(objectOf(other, { mediaId: object.mediaId }), other);
    };
    const looking = look(new Uploads(watched, prefix, new Ledger(watched, prefix, {})), object);
    await expect(looking).rejects.toThrow(MediaUnavailable);
    expect(watched.reads).toBe(3);
    expect(await keys()).toEqual([incomingKey(prefix, object.mediaId)]);
  });
});

describe('100 MiB', () => {
  const sizeBytes = 100 * mebibyte;
  const sha256 = patternSha256(sizeBytes);

  async function upload(url: string, headers: Readonly<Record<string, string>>): Promise<number> {
    const sending = request(url, { method: 'PUT', headers: { ...headers, 'content-length': sizeBytes } });
    const answered = once(sending, 'response');
    await pipeline(patternStream(sizeBytes), sending);
    const [answer] = await answered;
    answer.resume();
    return answer.statusCode;
  }

  /** The most that buffers have held at once while this was done, above what they held before; what is garbage already is not held. */
  async function growthBytes(work: () => Promise<void>): Promise<number> {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const held = () => {
      collectGarbage();
      return process.memoryUsage().arrayBuffers;
    };
    const before = held();
    let most = before;
    const sampling = setInterval(() => {
      most = Math.max(most, held());
    }, 100);
    await work().finally(() => clearInterval(sampling));
    return most - before;
  }

  test('are uploaded by URL, compared by S3, and taken in', async () => {
    const object = objectOf(bytes, { sizeBytes, sha256, kind: 'video', contentType: 'video/mp4' });
    const { url, headers } = await store.uploadUrl(object, Date.now() + hourMs);
    expect(await upload(url, headers)).toBe(200);
    const grown = await growthBytes(async () => {
      expect(await store.stat(object.mediaId)).toMatchObject(object);
    });
    expect(grown).toBeLessThan(64 * mebibyte);
    const end = await store.read(object.mediaId, { start: sizeBytes - 10, end: sizeBytes + 10 });
    expect(end).toHaveLength(10);
  });

  test('that S3 did not compare are read through with little memory', async () => {
    const object = objectOf(bytes, { sizeBytes, sha256, kind: 'video', contentType: 'video/mp4' });
    const command = new PutObjectCommand({
      Bucket: bucket,
      Key: incomingKey(prefix, object.mediaId),
      Body: patternStream(sizeBytes),
      ContentLength: sizeBytes,
      ContentType: object.contentType,
      Metadata: metadataOf(object),
    });
    await stranger.send(command);
    const grown = await growthBytes(async () => {
      expect(await store.stat(object.mediaId)).toMatchObject(object);
    });
    expect(grown).toBeLessThan(64 * mebibyte);
    expect(
      createHash('sha256')
        .update(await store.read(object.mediaId))
        .digest('hex'),
    ).toBe(sha256);
  });
});

describe('a download', () => {
  test.each([
    ['audio/mpeg', 'inline', 'mp3'],
    ['image/png', 'inline', 'png'],
    ['image/svg+xml', 'attachment', 'bin'],
    ['text/html', 'attachment', 'bin'],
    ['application/pdf', 'attachment', 'bin'],
  ])('of type %s is for %s', async (contentType, disposition, extension) => {
    const object = objectOf(bytes, { contentType });
    await store.put(object, bytes);
    const { status, headers } = await fetch(await store.downloadUrl(object, Date.now() + 900_000));
    expect(status).toBe(200);
    expect(Object.fromEntries(headers)).toMatchObject({
      'content-type': contentType,
      'content-length': '10000',
      'content-disposition': `${disposition}; filename="${object.mediaId}.${extension}"`,
      'accept-ranges': 'bytes',
    });
    const maxAgeS = Number(/^private, max-age=(\d+)$/.exec(headers.get('cache-control') ?? '')?.[1]);
    expect(maxAgeS).toBeGreaterThan(890);
    expect(maxAgeS).toBeLessThanOrEqual(900);
  });

  test('is of the type that its URL says, whatever S3 may think it is', async () => {
    const object = objectOf(bytes);
    await store.put(object, bytes);
    const url = await store.downloadUrl({ ...object, contentType: 'audio/wav' }, Date.now() + hourMs);
    expect((await fetch(url)).headers.get('content-type')).toBe('audio/wav');
  });

  test('has the public endpoint in its URL, as an upload has, and works there', async () => {
    const publicEndpoint = s3.endpoint.replace('127.0.0.1', 'localhost');
    await using reached = openStore(s3, prefix, { s3: { ...settingsOf(s3), publicEndpoint } });
    const object = objectOf(bytes);
    const { url, headers } = await reached.uploadUrl(object, Date.now() + hourMs);
    expect(url.startsWith(`${publicEndpoint}/`)).toBe(true);
    expect(await put(url, headers, bytes)).toBe(200);
    expect(await reached.stat(object.mediaId)).toMatchObject(object);
    const download = await reached.downloadUrl(object, Date.now() + hourMs);
    expect(download.startsWith(`${publicEndpoint}/`)).toBe(true);
    expect((await fetch(download)).status).toBe(200);
    // Signed for one host, it is of no use at another.
    expect((await fetch(download.replace('localhost', '127.0.0.1'))).status).toBe(403);
  });
});

describe('the bucket', () => {
  async function preflight(url: string, origin: string, headers: Readonly<Record<string, string>>): Promise<boolean> {
    const asked = {
      origin,
      'access-control-request-method': 'PUT',
      'access-control-request-headers': Object.keys(headers).join(','),
    };
    const response = await fetch(url, { method: 'OPTIONS', headers: asked });
    const allowed = response.headers.get('access-control-allow-headers')?.toLowerCase().split(/, */) ?? [];
    const isAllowed = response.headers.get('access-control-allow-origin') === origin;
    return isAllowed && Object.keys(headers).every((name) => allowed.includes(name) || allowed.includes('*'));
  }

  test('lets the configured web pages PUT and GET, and no other', async () => {
    const object = objectOf(bytes);
    const { url, headers } = await store.uploadUrl(object, Date.now() + hourMs);
    expect(await preflight(url, 'https://chat.example', headers)).toBe(true);
    expect(await preflight(url, 'https://evil.example', headers)).toBe(false);
    await store.put(object, bytes);
    const download = await store.downloadUrl(object, Date.now() + hourMs);
    const response = await fetch(download, { headers: { origin: 'https://chat.example', range: 'bytes=0-0' } });
    expect(response.headers.get('access-control-allow-origin')).toBe('https://chat.example');
    expect(response.headers.get('access-control-expose-headers')).toContain('Content-Range');
  });

  test('gets other rules when other pages are configured, and is left alone when they are the same', async () => {
    await store.stat(objectOf(bytes).mediaId);
    const corsOrigins = ['https://b.example', 'https://a.example'];
    await using other = openStore(s3, prefix, { s3: { ...settingsOf(s3), corsOrigins } });
    const { url, headers } = await other.uploadUrl(objectOf(bytes), Date.now() + hourMs);
    expect(await preflight(url, 'https://a.example', headers)).toBe(true);
    expect(await preflight(url, 'https://chat.example', headers)).toBe(false);
    const { CORSRules } = await stranger.send(new GetBucketCorsCommand({ Bucket: bucket }));
    expect(CORSRules).toHaveLength(1);
    await using again = openStore(s3, prefix);
    await again.stat(objectOf(bytes).mediaId);
  });

  test('that is removed while the store is open is made again', async () => {
    const own = `removed-${randomUUID()}`;
    await using other = openStore(s3, prefix, { s3: { ...settingsOf(s3), bucket: own } });
    const object = objectOf(bytes);
    await other.put(object, bytes);
    await other.delete(object.mediaId);
    await stranger.send(new DeleteBucketCommand({ Bucket: own }));
    await expect(other.put(object, bytes)).rejects.toThrow(MediaUnavailable);
    await other.put(object, bytes);
    expect(await other.stat(object.mediaId)).toMatchObject(object);
  });

  test('of somebody whom the keys do not open is unavailable, and S3’s own word for it is told', async () => {
    const settings = settingsOf(s3);
    const credentials = { accessKeyId: s3.accessKeyId, secretAccessKey: 'wrong' };
    await using other = openStore(s3, prefix, { s3: { ...settings, credentials }, logger: quiet });
    await expect(other.stat(objectOf(bytes).mediaId)).rejects.toThrow(MediaUnavailable);
  });
});

test('a list of more than a thousand objects has each once, by day, and nothing that is not ours', async () => {
  const days = [Date.UTC(2026, 0, 31), Date.UTC(2024, 1, 29), Date.UTC(2026, 10, 22)];
  const count = 1_050;
  const small = Array.from({ length: count }, (_, index) => {
    const content = sampleBytes(10, index);
    return { content, object: objectOf(content, { mediaId: newMediaId(randomUUID(), days[index % 3]!) }) };
  });
  const junk = [`${prefix}/2026-11-22/20261122-foreign`, `${prefix}/2026-11-22/x`, `${prefix}/zzz`, `${prefix}x/y`];
  for (const Key of junk) await stranger.send(new PutObjectCommand({ Bucket: bucket, Key, Body: bytes }));
  const left = [...small];
  const putting = async () => {
    for (let one = left.pop(); one !== undefined; one = left.pop()) await store.put(one.object, one.content);
  };
  await Promise.all(Array.from({ length: 16 }, putting));
  const ids = await idsOf(store);
  expect(ids).toEqual(ids.toSorted());
  expect(ids).toEqual(small.map(({ object }) => object.mediaId).toSorted());
  const [gone, ...rest] = ids;
  await using other = openStore(s3, prefix);
  await other.delete(gone!);
  expect(await idsOf(store)).toEqual(rest);
});

describe('what owners have', () => {
  const upload = () => objectOf(sampleBytes(600));
  const lifetimeMs = hourMs;

  test('counts an upload from when it is begun, for every process', async () => {
    const limited = () => openStore(s3, prefix, { room: { maxBytesPerOwner: 1_000 } });
    await using one = limited();
    await using other = limited();
    await one.uploadUrl(upload(), Date.now() + hourMs);
    expect(await other.usageOf('ann')).toEqual({ objects: 1, bytes: 600 });
    await expect(other.uploadUrl(upload(), Date.now() + hourMs)).rejects.toThrow(MediaQuotaExceeded);
    expect(await entries()).toHaveLength(1);
  });

  test('no longer counts one that never came, once it cannot be named any more', async () => {
    let aheadMs = 0;
    await using later = openStore(s3, prefix, {
      clock: { ...systemClock, nowMs: () => systemClock.nowMs() + aheadMs },
    });
    await store.uploadUrl(upload(), Date.now() + hourMs);
    aheadMs = 2 * lifetimeMs - 60_000;
    await later.removePartial(lifetimeMs);
    expect(await store.usageOf('ann')).toEqual({ objects: 1, bytes: 600 });
    aheadMs = 2 * lifetimeMs + 60_000;
    await later.removePartial(lifetimeMs);
    expect(await entries()).toEqual([]);
  });

  test('leaves nothing of what was deleted, whether or not it was looked at', async () => {
    const [looked, not] = [upload(), upload()];
    for (const object of [looked, not]) {
      const { url, headers } = await store.uploadUrl(object, Date.now() + hourMs);
      await put(url, headers, sampleBytes(600));
    }
    await store.stat(looked.mediaId);
    expect(await store.usageOf('ann')).toEqual({ objects: 2, bytes: 1_200 });
    await store.delete(looked.mediaId);
    await store.delete(not.mediaId);
    expect(await allKeys()).toEqual([]);
  });

  test('has no entry of an upload whose bytes were others', async () => {
    const object = upload();
    await store.uploadUrl(object, Date.now() + hourMs);
    await smuggle(object, sampleBytes(600, 2));
    expect(await store.stat(object.mediaId)).toBeNull();
    await using later = openStore(s3, prefix, {
      clock: { ...systemClock, nowMs: () => systemClock.nowMs() + 3 * lifetimeMs },
    });
    await later.removePartial(lifetimeMs);
    expect(await allKeys()).toEqual([]);
  });

  // Objects of earlier releases were entered nowhere.
  test('is entered by the first look at all objects, where it was not', async () => {
    await store.put(upload(), sampleBytes(600));
    for (const Key of await entries()) await stranger.send(new DeleteObjectCommand({ Bucket: bucket, Key }));
    expect(await store.usageOf('ann')).toEqual({ objects: 0, bytes: 0 });
    await idsOf(store);
    expect(await store.usageOf('ann')).toEqual({ objects: 1, bytes: 600 });
  });
});
