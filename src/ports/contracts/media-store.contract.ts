import { hash, randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { newMediaId } from '../../domain/media/media-id.ts';
import {
  type MediaLimits,
  MediaMissing,
  type MediaObject,
  MediaQuotaExceeded,
  type MediaStore,
  MediaUnavailable,
  type StoredMedia,
} from '../media-store.ts';

/** A store to test. It may hold objects of others, but of no test of this suite. */
export interface MediaStoreUnderTest extends AsyncDisposable {
  readonly store: MediaStore;
  /** Closes the store and opens it again on what it stored. `store` of this object is closed by then. */
  reopen(): Promise<MediaStore>;
}

const hourMs = 3_600_000;
/** Stores count seconds. */
const shortMs = 1_500;
/** What stores answer to a URL that is not theirs. */
const refused: ReadonlySet<number> = new Set([400, 403]);
const text = new TextEncoder();

/** Bytes, and the object that they are. */
export function objectOf(bytes: Uint8Array, more: Partial<MediaObject> = {}): MediaObject {
  return {
    mediaId: newMediaId(randomUUID(), Date.now()),
    ownerId: 'ann',
    kind: 'voice',
    contentType: 'audio/mpeg',
    sizeBytes: bytes.length,
    sha256: hash('sha256', bytes, 'hex'),
    ...more,
  };
}

/** Every byte value, in an order of its own, so that a range at a wrong place is another. */
export function sampleBytes(length: number, salt = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8) * 7 + salt) & 0xff);
}

/** Compared at once: matchers look at every byte by itself. */
function expectSame(found: Uint8Array | ArrayBuffer, expected: Uint8Array): void {
  expect(hash('sha256', new Uint8Array(found), 'hex')).toBe(hash('sha256', expected, 'hex'));
}

/** What every media store must do. `open` with limits, which are those of the store opened again, too. */
export function mediaStoreContract(name: string, open: (limits?: MediaLimits) => Promise<MediaStoreUnderTest>): void {
  describe(`media store: ${name}`, () => {
    let subject: MediaStoreUnderTest;
    beforeEach(async () => {
      subject = await open();
    });
    afterEach(async () => {
      await subject[Symbol.asyncDispose]();
    });

    const storeOf = () => subject.store;
    describe('put', () => putting(() => subject));
    describe('an upload’s URL', () => uploading(storeOf));
    describe('an upload that is not as described', () => refusing(storeOf));
    describe('a download’s URL', () => downloading(storeOf));
    describe('read', () => reading(storeOf));
    describe('list and delete', () => listing(storeOf));
    closing(() => subject);
    describe('what an owner may have', () => limiting(open));
  });
}

async function upload(store: MediaStore, object: MediaObject, body: Uint8Array, expireTimeMs = Date.now() + hourMs) {
  const { url, headers } = await store.uploadUrl(object, expireTimeMs);
  return send(url, headers, body);
}

/** The status; 0 when the connection was closed on the body. */
async function send(url: string, headers: Readonly<Record<string, string>>, body: Uint8Array): Promise<number> {
  try {
    const response = await fetch(url, { method: 'PUT', headers, body: body as Uint8Array<ArrayBuffer> });
    await response.arrayBuffer();
    return response.status;
  } catch (error) {
    if ((error as Error).message === 'fetch failed') return 0;
    throw error;
  }
}

async function listed(store: MediaStore): Promise<StoredMedia[]> {
  const found: StoredMedia[] = [];
  for await (const batch of store.list()) found.push(...batch);
  return found;
}

function putting(subjectOf: () => MediaStoreUnderTest): void {
  test('stores an object with all that it is, for whoever opens the store later', async () => {
    const bytes = sampleBytes(100_000);
    const object = objectOf(bytes, { ownerId: 'Ünïcode 😀 "/\\ 値', kind: 'image', contentType: 'image/png' });
    const before = Date.now();
    await subjectOf().store.put(object, bytes);
    const store = await subjectOf().reopen();
    const stored = await store.stat(object.mediaId);
    expect(stored).toEqual({ ...object, createTimeMs: expect.any(Number) });
    // Stores may count whole seconds.
    expect(stored!.createTimeMs).toBeGreaterThan(before - 2_000);
    expect(stored!.createTimeMs).toBeLessThan(Date.now() + 2_000);
    expectSame(await store.read(object.mediaId), bytes);
  });

  test('leaves an object that is there as it is', async () => {
    const { store } = subjectOf();
    const bytes = text.encode('first');
    const object = objectOf(bytes);
    await store.put(object, bytes);
    const stored = await store.stat(object.mediaId);
    await store.put(object, bytes);
    const other = text.encode('second, and longer');
    await store.put({ ...objectOf(other), mediaId: object.mediaId, ownerId: 'bob' }, other);
    expect(await store.stat(object.mediaId)).toEqual(stored);
    expectSame(await store.read(object.mediaId), bytes);
  });

  test('of one object, many at once, store it once', async () => {
    const { store } = subjectOf();
    const bytes = sampleBytes(70_000);
    const object = objectOf(bytes);
    await Promise.all(Array.from({ length: 8 }, () => store.put(object, bytes)));
    expectSame(await store.read(object.mediaId), bytes);
    expect((await listed(store)).filter(({ mediaId }) => mediaId === object.mediaId)).toHaveLength(1);
  });

  test('takes no other bytes than those described, none at all, and no id that is none', async () => {
    const { store } = subjectOf();
    const bytes = text.encode('these');
    const object = objectOf(bytes);
    await expect(store.put(object, text.encode('those'))).rejects.toThrow(RangeError);
    await expect(store.put(object, text.encode('these and more'))).rejects.toThrow(RangeError);
    await expect(store.put(object, text.encode('thes'))).rejects.toThrow(RangeError);
    expect(await store.stat(object.mediaId)).toBeNull();
    const nothing = new Uint8Array();
    await expect(store.put(objectOf(nothing), nothing)).rejects.toThrow(RangeError);
    await expect(store.put({ ...object, mediaId: '../20261122-x' }, bytes)).rejects.toThrow(RangeError);
  });
}

function uploading(storeOf: () => MediaStore): void {
  test('takes exactly the object’s bytes; before that nothing is there', async () => {
    const store = storeOf();
    const bytes = sampleBytes(300_000);
    const object = objectOf(bytes, { ownerId: 'Ünïcode 😀 & = + % "値"', kind: 'video', contentType: 'video/mp4' });
    const { url, headers } = await store.uploadUrl(object, Date.now() + hourMs);
    expect(await store.stat(object.mediaId)).toBeNull();
    expect(await send(url, headers, bytes)).toBeLessThan(300);
    expect(await store.stat(object.mediaId)).toEqual({ ...object, createTimeMs: expect.any(Number) });
    expectSame(await store.read(object.mediaId), bytes);
  });

  test('answers a repeat as it answered the first, and changes nothing', async () => {
    const store = storeOf();
    const bytes = sampleBytes(5_000);
    const object = objectOf(bytes);
    const { url, headers } = await store.uploadUrl(object, Date.now() + hourMs);
    expect(await send(url, headers, bytes)).toBeLessThan(300);
    const stored = await store.stat(object.mediaId);
    expect(await send(url, headers, bytes)).toBeLessThan(300);
    expect(await store.stat(object.mediaId)).toEqual(stored);
  });

  test('takes two at once without harm', async () => {
    const store = storeOf();
    const bytes = sampleBytes(500_000);
    const object = objectOf(bytes);
    const statuses = await Promise.all([1, 2, 3].map(() => upload(store, object, bytes)));
    expect(Math.max(...statuses)).toBeLessThan(300);
    expectSame(await store.read(object.mediaId), bytes);
  });

  test('ends when it expires', async () => {
    const store = storeOf();
    const bytes = sampleBytes(1_000);
    const [stored, late] = [objectOf(bytes), objectOf(bytes)];
    await store.put(stored, bytes);
    const expireTimeMs = Date.now() + shortMs;
    const { url, headers } = await store.uploadUrl(late, expireTimeMs);
    const download = await store.downloadUrl(stored, expireTimeMs);
    expect((await fetch(download)).status).toBe(200);
    while ((await fetch(download)).ok) expect(Date.now()).toBeLessThan(expireTimeMs + 5_000);
    expect(Date.now()).toBeGreaterThan(expireTimeMs - 1_000);
    expect(await send(url, headers, bytes)).toBe(403);
    expect(await store.stat(late.mediaId)).toBeNull();
  });

  test('is of no use for anything else: another object, other fields, another method, another signature', async () => {
    const store = storeOf();
    const bytes = sampleBytes(1_000);
    const [object, other] = [objectOf(bytes), objectOf(bytes)];
    const { url, headers } = await store.uploadUrl(object, Date.now() + hourMs);
    expect(await send(url.replace(object.mediaId, other.mediaId), headers, bytes)).toBeGreaterThanOrEqual(400);
    const keys = [...new URL(url).searchParams.keys()];
    expect(keys.length).toBeGreaterThan(1);
    for (const key of keys) {
      const changed = new URL(url);
      const value = changed.searchParams.get(key) ?? '';
      changed.searchParams.set(key, `${value.slice(0, -1)}${value.endsWith('0') ? '1' : '0'}`);
      expect([key, refused.has(await send(changed.href, headers, bytes))]).toEqual([key, true]);
      changed.searchParams.delete(key);
      expect([key, refused.has(await send(changed.href, headers, bytes))]).toEqual([key, true]);
    }
    for (const mediaId of [object.mediaId, other.mediaId]) expect(await store.stat(mediaId)).toBeNull();
    expect((await fetch(url)).status).toBeGreaterThanOrEqual(400);
    expect((await fetch(url, { method: 'DELETE' })).status).toBeGreaterThanOrEqual(400);
    expect(await send(url, headers, bytes)).toBeLessThan(300);
    expect((await fetch(url)).status).toBeGreaterThanOrEqual(400);
    expect((await fetch(url, { method: 'DELETE' })).status).toBeGreaterThanOrEqual(400);
    expect(await store.stat(object.mediaId)).not.toBeNull();
  });
}

function refusing(storeOf: () => MediaStore): void {
  const bytes = sampleBytes(100_000);
  const another = Uint8Array.from(bytes, (byte, index) => (index === 77_777 ? byte ^ 1 : byte));

  test.each([
    ['shorter by a byte', bytes.subarray(1)],
    ['longer by a byte', sampleBytes(100_001)],
    ['empty', new Uint8Array()],
    ['of the right length, with one bit changed', another],
  ])('because it is %s leaves nothing, and what is as described is taken after it', async (_what, wrong) => {
    const store = storeOf();
    const object = objectOf(bytes);
    const { url, headers } = await store.uploadUrl(object, Date.now() + hourMs);
    expect(await send(url, headers, wrong)).toBeGreaterThanOrEqual(400);
    expect(await store.stat(object.mediaId)).toBeNull();
    await expect(store.read(object.mediaId)).rejects.toThrow(MediaMissing);
    expect(await send(url, headers, bytes)).toBeLessThan(300);
    expectSame(await store.read(object.mediaId), bytes);
  });

  test('because it says another type leaves nothing', async () => {
    const store = storeOf();
    const object = objectOf(bytes);
    const { url, headers } = await store.uploadUrl(object, Date.now() + hourMs);
    expect(await send(url, { ...headers, 'content-type': 'text/html' }, bytes)).toBeGreaterThanOrEqual(400);
    expect(await store.stat(object.mediaId)).toBeNull();
  });
}

function downloading(storeOf: () => MediaStore): void {
  const bytes = sampleBytes(10_000);
  let object: MediaObject;
  let url: string;

  beforeEach(async () => {
    object = objectOf(bytes);
    await storeOf().put(object, bytes);
    url = await storeOf().downloadUrl(object, Date.now() + hourMs);
  });

  test('gives the object, of its type', async () => {
    const response = await fetch(url);
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'audio/mpeg']);
    expectSame(await response.arrayBuffer(), bytes);
  });

  test.each([
    ['bytes=0-0', 0, 1],
    ['bytes=100-199', 100, 200],
    ['bytes=9990-', 9_990, 10_000],
    ['bytes=9990-20000', 9_990, 10_000],
    ['bytes=-10', 9_990, 10_000],
  ])('gives the range %s', async (range, start, end) => {
    const response = await fetch(url, { headers: { range } });
    expect(response.status).toBe(206);
    expect(response.headers.get('content-range')).toBe(`bytes ${start}-${end - 1}/10000`);
    expectSame(await response.arrayBuffer(), bytes.slice(start, end));
  });

  test('says that a range is past the end', async () => {
    const response = await fetch(url, { headers: { range: 'bytes=10000-' } });
    expect(response.status).toBe(416);
    await response.arrayBuffer();
  });

  test('of nothing says so', async () => {
    const missing = await storeOf().downloadUrl(objectOf(bytes), Date.now() + hourMs);
    expect((await fetch(missing)).status).toBe(404);
    await storeOf().delete(object.mediaId);
    expect((await fetch(url)).status).toBe(404);
  });

  test('gives nothing but its object, and takes nothing', async () => {
    const store = storeOf();
    const other = objectOf(bytes);
    await store.put(other, bytes);
    expect((await fetch(url.replace(object.mediaId, other.mediaId))).status).toBe(403);
    for (const key of new URL(url).searchParams.keys()) {
      const changed = new URL(url);
      const value = changed.searchParams.get(key) ?? '';
      changed.searchParams.set(key, `${value.slice(0, -1)}${value.endsWith('0') ? '1' : '0'}`);
      expect([key, refused.has((await fetch(changed)).status)]).toEqual([key, true]);
    }
    expect((await fetch(new URL('/', url))).status).toBeGreaterThanOrEqual(400);
    expect(await send(url, { 'content-type': 'audio/mpeg' }, sampleBytes(10_000, 2))).toBeGreaterThanOrEqual(400);
    expect((await fetch(url, { method: 'DELETE' })).status).toBeGreaterThanOrEqual(400);
    expectSame(await store.read(object.mediaId), bytes);
  });
}

function reading(storeOf: () => MediaStore): void {
  test.each([
    [0, 0],
    [0, 5_000],
    [1, 2],
    [4_999, 5_000],
    [4_999, 9_999],
    [5_000, 6_000],
    [7_000, 8_000],
    [3_000, 2_000],
  ])('from %i to %i gives what is there of it', async (start, end) => {
    const bytes = sampleBytes(5_000);
    const object = objectOf(bytes);
    await storeOf().put(object, bytes);
    expectSame(await storeOf().read(object.mediaId, { start, end }), bytes.slice(start, end));
  });

  test('says that there is no such object, whatever the id', async () => {
    const store = storeOf();
    for (const mediaId of [objectOf(sampleBytes(1)).mediaId, '', '..', '../../etc/passwd', '20261122-x/../y', '\0']) {
      await expect(store.read(mediaId)).rejects.toThrow(MediaMissing);
      expect(await store.stat(mediaId)).toBeNull();
      await store.delete(mediaId);
    }
  });
}

function listing(storeOf: () => MediaStore): void {
  test('every object is listed once, by day; one that was deleted is not', async () => {
    const store = storeOf();
    const days = [Date.UTC(2026, 0, 31), Date.UTC(2024, 1, 29), Date.UTC(2026, 10, 22)];
    const putOne = async (index: number) => {
      const bytes = text.encode(`object ${index}`);
      const object = objectOf(bytes, { mediaId: newMediaId(randomUUID(), days[index % 3] ?? 0) });
      await store.put(object, bytes);
      return object;
    };
    const objects: MediaObject[] = [];
    // Not all at once: on a busy machine some would find no connection in time.
    while (objects.length < 250)
      objects.push(...(await Promise.all(Array.from({ length: 25 }, (_, index) => putOne(objects.length + index)))));
    const mine = new Set(objects.map(({ mediaId }) => mediaId));
    const found = (await listed(store)).filter(({ mediaId }) => mine.has(mediaId));
    const byId = (a: MediaObject, b: MediaObject) => (a.mediaId < b.mediaId ? -1 : 1);
    expect(found.toSorted(byId)).toEqual(
      objects.toSorted(byId).map((object) => ({ ...object, createTimeMs: expect.any(Number) })),
    );
    const daysFound = found.map(({ mediaId }) => mediaId.slice(0, 8));
    expect(daysFound).toEqual(daysFound.toSorted());

    const [gone, ...rest] = objects;
    await store.delete(gone!.mediaId);
    await store.delete(gone!.mediaId);
    expect(await store.stat(gone!.mediaId)).toBeNull();
    const left = (await listed(store)).filter(({ mediaId }) => mine.has(mediaId));
    expect(left.map(({ mediaId }) => mediaId).toSorted()).toEqual(rest.map(({ mediaId }) => mediaId).toSorted());
  });

  test('what interrupted uploads leave is removed without harm to what is whole', async () => {
    const store = storeOf();
    const bytes = sampleBytes(1_000);
    const object = objectOf(bytes);
    await store.put(object, bytes);
    await store.removePartial(0);
    expectSame(await store.read(object.mediaId), bytes);
  });
}

function closing(subjectOf: () => MediaStoreUnderTest): void {
  test('what an upload was answered survives, and so do the URLs', async () => {
    const bytes = sampleBytes(20_000);
    const [before, after] = [objectOf(bytes), objectOf(bytes)];
    const { store } = subjectOf();
    const target = await store.uploadUrl(after, Date.now() + hourMs);
    expect(await upload(store, before, bytes)).toBeLessThan(300);
    const url = await store.downloadUrl(before, Date.now() + hourMs);
    const again = await subjectOf().reopen();
    expect(await again.stat(before.mediaId)).toEqual({ ...before, createTimeMs: expect.any(Number) });
    expectSame(await (await fetch(url)).arrayBuffer(), bytes);
    expect(await send(target.url, target.headers, bytes)).toBeLessThan(300);
    expectSame(await again.read(after.mediaId), bytes);
  });

  test('a store that was closed says that it is unavailable', async () => {
    const { store } = subjectOf();
    const bytes = sampleBytes(10);
    const object = objectOf(bytes);
    await store.put(object, bytes);
    await subjectOf().reopen();
    await expect(store.stat(object.mediaId)).rejects.toThrow(MediaUnavailable);
    await expect(store.read(object.mediaId)).rejects.toThrow(MediaUnavailable);
    await expect(store.put(objectOf(bytes), bytes)).rejects.toThrow(MediaUnavailable);
    await expect(store.uploadUrl(objectOf(bytes), Date.now() + hourMs)).rejects.toThrow(MediaUnavailable);
    await expect(listed(store)).rejects.toThrow(MediaUnavailable);
  });
}

const maxBytesPerOwner = 1_000;

/** An object of so many bytes, and its bytes. */
function sized(length: number, more: Partial<MediaObject> = {}) {
  const bytes = sampleBytes(length, length);
  return { bytes, object: objectOf(bytes, more) };
}

function limiting(open: (limits?: MediaLimits) => Promise<MediaStoreUnderTest>): void {
  let subject: MediaStoreUnderTest;
  let store: MediaStore;
  beforeEach(async () => {
    subject = await open({ maxBytesPerOwner });
    store = subject.store;
  });
  afterEach(async () => {
    await subject[Symbol.asyncDispose]();
  });

  async function put(length: number, more: Partial<MediaObject> = {}): Promise<MediaObject> {
    const { object, bytes } = sized(length, more);
    await store.put(object, bytes);
    return object;
  }

  /** Nothing of this size has room. */
  async function expectFull(length: number): Promise<void> {
    const { object, bytes } = sized(length);
    await expect(store.put(object, bytes)).rejects.toThrow(MediaQuotaExceeded);
    await expect(store.uploadUrl(object, Date.now() + hourMs)).rejects.toThrow(MediaQuotaExceeded);
    expect(await store.stat(object.mediaId)).toBeNull();
  }

  test('are so many bytes and not one more, each owner for itself', async () => {
    await put(600);
    const { object, bytes } = sized(400);
    expect(await upload(store, object, bytes)).toBeLessThan(300);
    await store.stat(object.mediaId);
    await expectFull(1);
    await put(1_000, { ownerId: 'bob' });
    expect(await store.usageOf('ann')).toEqual({ objects: 2, bytes: 1_000 });
    expect(await store.usageOf('carl')).toEqual({ objects: 0, bytes: 0 });
  });

  test('is as much after the store is opened again', async () => {
    await put(600);
    store = await subject.reopen();
    await expectFull(401);
    expect(await store.usageOf('ann')).toEqual({ objects: 1, bytes: 600 });
    await put(400);
    await expectFull(1);
  });

  test('is more again when objects are deleted, however often', async () => {
    const { mediaId } = await put(1_000);
    await expectFull(1);
    await store.delete(mediaId);
    await store.delete(mediaId);
    await put(999);
    await expectFull(2);
  });

  test('is not needed twice for an object that is there', async () => {
    const { object, bytes } = sized(1_000);
    expect(await upload(store, object, bytes)).toBeLessThan(300);
    await store.stat(object.mediaId);
    await store.put(object, bytes);
    expect(await store.usageOf('ann')).toEqual({ objects: 1, bytes: 1_000 });
  });

  test('holds for many that come at once', async () => {
    const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => put(300)));
    expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBeLessThanOrEqual(3);
    expect((await store.usageOf('ann')).bytes).toBeLessThanOrEqual(maxBytesPerOwner);
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(MediaQuotaExceeded);
  });

  test('holds for uploads that were begun for the same room', async () => {
    const begun = [sized(600), sized(600)];
    const urls = await Promise.allSettled(begun.map(({ object }) => store.uploadUrl(object, Date.now() + hourMs)));
    for (const [index, url] of urls.entries()) {
      const { object, bytes } = begun[index] as (typeof begun)[number];
      if (url.status === 'rejected') expect(url.reason).toBeInstanceOf(MediaQuotaExceeded);
      else await send(url.value.url, url.value.headers, bytes);
      await store.stat(object.mediaId);
    }
    const there = await listed(store);
    expect(there.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)).toBeLessThanOrEqual(maxBytesPerOwner);
  });
}
