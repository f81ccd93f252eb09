import { hash } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { objectOf, sampleBytes } from '../../ports/contracts/media-store.contract.ts';
import { type MediaObject, type MediaStore, MediaUnavailable } from '../../ports/media-store.ts';
import { startS3 } from '../../testing/engines/s3.ts';
import { seededRandom } from '../../testing/random.ts';
import { rounds } from '../../testing/rounds.ts';
import { newPrefix, openStore, settingsOf } from './testing/s3-stores.ts';
import { startStallingRelay } from './testing/stalling-relay.ts';

const hourMs = 3_600_000;
/** What the store promises, and half a second for a slow machine. */
const rejectedWithinMs = 5_500;
const bytes = sampleBytes(20_000);
const kills = rounds({ usual: 2, long: 5 });

/** How long the operation took to reject, and that it did so with MediaUnavailable, for this reason. */
async function rejection(work: Promise<unknown>, reason = /./): Promise<number> {
  const begun = performance.now();
  const error: unknown = await work.catch((rejected: unknown) => rejected);
  expect(error).toBeInstanceOf(MediaUnavailable);
  expect((error as Error).message).toMatch(reason);
  return performance.now() - begun;
}

async function everything(store: MediaStore, object: MediaObject): Promise<readonly number[]> {
  const list = async () => {
    for await (const batch of store.list()) expect(batch).toEqual([]);
  };
  return Promise.all(
    [
      store.put(objectOf(bytes), bytes),
      store.stat(object.mediaId),
      store.read(object.mediaId),
      store.read(object.mediaId, { start: 0, end: 10 }),
      store.delete(object.mediaId),
      store.removePartial(0),
      store.usageOf(object.ownerId),
      list(),
    ].map((work) => rejection(work)),
  );
}

test('a store opened before S3 is there says that it is unavailable, gives URLs of what is stored, and works once S3 is there', async () => {
  await using s3 = await startS3();
  const object = objectOf(bytes);
  await s3.kill();
  await using store = openStore(s3, newPrefix());
  for (const tookMs of await everything(store, object)) expect(tookMs).toBeLessThan(rejectedWithinMs);
  expect(await rejection(store.uploadUrl(object, Date.now() + hourMs))).toBeLessThan(rejectedWithinMs);
  const url = await store.downloadUrl(object, Date.now() + hourMs);
  await s3.start();
  await store.put(object, bytes);
  expect((await fetch(url)).status).toBe(200);
});

test('S3 that stands still: every operation rejects in time, and all works once it goes on', async () => {
  await using s3 = await startS3();
  await using store = openStore(s3, newPrefix());
  const object = objectOf(bytes);
  await store.put(object, bytes);
  await s3.pause();
  try {
    for (const tookMs of await everything(store, object)) expect(tookMs).toBeLessThan(rejectedWithinMs);
    const uploading = store.uploadUrl(objectOf(bytes), Date.now() + hourMs);
    expect(await rejection(uploading)).toBeLessThan(rejectedWithinMs);
    // It needs nothing of S3.
    await store.downloadUrl(object, Date.now() + hourMs);
  } finally {
    s3.resume();
  }
  // It may still do what it was asked before it stood still: to delete the object.
  await store.put(object, bytes);
  expect(await store.stat(object.mediaId)).toMatchObject(object);
});

test('S3 that stands still in the middle of an object', async () => {
  await using s3 = await startS3();
  await using relay = await startStallingRelay(s3.endpoint);
  const prefix = newPrefix();
  await using store = openStore(s3, prefix, { s3: { ...settingsOf(s3), endpoint: relay.endpoint } });
  const large = sampleBytes(4_000_000);
  const object = objectOf(large);
  await store.put(object, large);
  relay.stallAfter(1_000_000);
  expect(await rejection(store.read(object.mediaId), /did not answer within/)).toBeLessThan(rejectedWithinMs);
  relay.stallAfter(Number.POSITIVE_INFINITY);
  expect(hash('sha256', await store.read(object.mediaId), 'hex')).toBe(object.sha256);
});

test('closing ends what waits for S3', async () => {
  await using s3 = await startS3();
  const store = openStore(s3, newPrefix());
  const object = objectOf(bytes);
  await store.put(object, bytes);
  await s3.pause();
  const waiting = rejection(store.stat(object.mediaId));
  await new Promise((resolve) => setImmediate(resolve));
  await store[Symbol.asyncDispose]();
  expect(await waiting).toBeLessThan(2_000);
});

test('S3 killed under load again and again: nothing acknowledged is lost, everything else rejects in time, and it goes on by itself', async () => {
  const random = seededRandom();
  await using s3 = await startS3();
  await using store = openStore(s3, newPrefix());
  const acknowledged: MediaObject[] = [];
  let [slowestMs, rejected] = [0, 0];
  let isOver = false;

  async function byUrl(object: MediaObject, content: Uint8Array): Promise<boolean> {
    const { url, headers } = await store.uploadUrl(object, Date.now() + hourMs);
    const body = content as Uint8Array<ArrayBuffer>;
    const response = await fetch(url, { method: 'PUT', headers, body }).catch(() => undefined);
    await response?.arrayBuffer().catch(() => undefined);
    return response?.ok ?? false;
  }

  async function client(index: number): Promise<void> {
    for (let n = 0; !isOver; n += 1) {
      const content = sampleBytes(1_000 + Math.floor(random() * 50_000), index * 7 + n);
      const object = objectOf(content);
      const begun = performance.now();
      try {
        if (n % 2 === 0) await store.put(object, content);
        else if (!(await byUrl(object, content))) continue;
        acknowledged.push(object);
        if (n % 3 === 0) await store.stat(object.mediaId);
      } catch (error) {
        expect(error).toBeInstanceOf(MediaUnavailable);
        rejected += 1;
        // As a client would, rather than at once.
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      slowestMs = Math.max(slowestMs, performance.now() - begun);
    }
  }

  const clients = Array.from({ length: 6 }, (_, index) => client(index));
  for (let times = 0; times < kills; times += 1) {
    const before = acknowledged.length;
    while (acknowledged.length < before + 20) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, random() * 100));
    await s3.kill();
    const refusedBefore = rejected;
    while (rejected < refusedBefore + 3) await new Promise((resolve) => setTimeout(resolve, 5));
    await s3.start();
  }
  isOver = true;
  await Promise.all(clients);

  expect(slowestMs).toBeLessThan(rejectedWithinMs);
  for (const object of acknowledged) {
    expect(await store.stat(object.mediaId)).toMatchObject(object);
    expect(hash('sha256', await store.read(object.mediaId), 'hex')).toBe(object.sha256);
  }
  expect(acknowledged.length).toBeGreaterThanOrEqual(20 * kills);
});
