import { expect, test } from '@jest/globals';
import { objectOf, sampleBytes } from '../../ports/contracts/media-store.contract.ts';
import { MediaStoreFull } from '../../ports/media-store.ts';
import { openFolderMediaStore } from './folder-media-store.ts';
import { freeBytesOf } from './room.ts';
import { movableClock, ServedStore, temporaryFolder } from './testing/served-store.ts';

const minFreeBytes = 10_000;
const hourMs = 3_600_000;

/** An object of so many bytes, and its bytes. */
function sized(length: number) {
  const bytes = sampleBytes(length);
  return { bytes, object: objectOf(bytes) };
}

async function send(url: string, headers: Readonly<Record<string, string>>, bytes: Uint8Array<ArrayBuffer>) {
  const response = await fetch(url, { method: 'PUT', headers, body: bytes });
  const { status, headers: answered } = response;
  return { status, retryAfterS: answered.get('retry-after'), body: await response.text() };
}

test('what would leave less of the disk than is kept for the log is refused, begun or not, until there is room', async () => {
  let freeBytes = 11_000;
  const refused: Error[] = [];
  const room = { minFreeBytes, freeBytes: async () => freeBytes, onNoRoom: (error: Error) => void refused.push(error) };
  await using served = await ServedStore.start({}, room);
  const { store } = served;
  const [small, large] = [sized(1_000), sized(1_001)];
  const expireTimeMs = Date.now() + hourMs;
  await expect(store.put(large.object, large.bytes)).rejects.toThrow(MediaStoreFull);
  await expect(store.uploadUrl(large.object, expireTimeMs)).rejects.toThrow(MediaStoreFull);
  const { url, headers } = await store.uploadUrl(small.object, expireTimeMs);
  freeBytes = 10_999;
  const answer = await send(url, headers, small.bytes as Uint8Array<ArrayBuffer>);
  expect(answer).toMatchObject({ status: 507, retryAfterS: '60' });
  expect(JSON.parse(answer.body)).toMatchObject({ reason: 'MEDIA_STORE_FULL' });
  expect(await served.partial()).toEqual([]);
  expect(refused).toHaveLength(3);
  // It is counted, and no fault that somebody must look at.
  expect(served.errors).toEqual([]);
  freeBytes = 11_000;
  expect(await send(url, headers, small.bytes as Uint8Array<ArrayBuffer>)).toMatchObject({ status: 201 });
  freeBytes = 0;
  // What is there can be read, sent again, and deleted.
  expect(await send(url, headers, small.bytes as Uint8Array<ArrayBuffer>)).toMatchObject({ status: 200 });
  expect(await store.read(small.object.mediaId)).toHaveLength(1_000);
  await store.delete(small.object.mediaId);
});

test('what is on its way counts as if it had come', async () => {
  const looking = Promise.withResolvers<number>();
  await using served = await ServedStore.start({}, { minFreeBytes, freeBytes: () => looking.promise });
  const [one, other] = [sized(600), sized(600)];
  const outcomes = Promise.allSettled([one, other].map(({ object, bytes }) => served.store.put(object, bytes)));
  await new Promise((resolve) => setTimeout(resolve, 50));
  looking.resolve(minFreeBytes + 1_000);
  expect((await outcomes).filter(({ status }) => status === 'fulfilled').length).toBeLessThanOrEqual(1);
});

test('all objects together have a limit of their own, and give it back', async () => {
  await using served = await ServedStore.start({}, { maxBytesInAll: 1_000 });
  const [first, second] = [sized(600), sized(600)];
  await served.store.put(first.object, first.bytes);
  const store = await served.reopen();
  await expect(store.put(second.object, second.bytes)).rejects.toThrow(MediaStoreFull);
  await store.delete(first.object.mediaId);
  await store.put(second.object, second.bytes);
});

test('the disk is asked what it has left', async () => {
  await using folder = await temporaryFolder();
  const free = await freeBytesOf(folder.path);
  expect(free).toBeGreaterThan(0);
  await using store = await openFolderMediaStore({
    folder: folder.path,
    prefix: 'test',
    publicUrl: () => '',
    clock: movableClock(),
    maxObjectBytes: 1_000,
    onError: () => undefined,
    room: { minFreeBytes: 2 * free },
  });
  const { object, bytes } = sized(1);
  await expect(store.put(object, bytes)).rejects.toThrow(MediaStoreFull);
});
