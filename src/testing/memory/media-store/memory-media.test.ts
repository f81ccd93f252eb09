import { expect, test } from '@jest/globals';
import { objectOf, sampleBytes } from '../../../ports/contracts/media-store.contract.ts';
import { MediaMissing, MediaUnavailable } from '../../../ports/media-store.ts';
import { MemoryMediaServer } from './memory-media.ts';

const bytes = sampleBytes(1_000);

test('takes an upload and gives it back, by the server’s clock', async () => {
  let nowMs = 1_000;
  const server = new MemoryMediaServer(() => nowMs);
  const store = server.handle();
  const object = objectOf(bytes);
  const { url, headers } = await store.uploadUrl(object, 2_000);
  expect(server.upload(url, headers, bytes.subarray(1)).status).toBe(400);
  expect(server.upload(url, {}, bytes).status).toBe(415);
  expect(server.upload(url, headers, bytes).status).toBe(201);
  expect(server.upload(url, headers, bytes).status).toBe(200);
  expect(server.objects()).toEqual([{ ...object, createTimeMs: 1_000 }]);
  const download = await store.downloadUrl(object, 2_000);
  expect(server.download(download)).toMatchObject({ status: 200, body: bytes });
  expect(server.download(download, 'bytes=-10')).toMatchObject({ status: 206, body: bytes.slice(-10) });
  expect(server.download(url).status).toBe(403);
  nowMs = 2_000;
  expect([server.download(download).status, server.upload(url, headers, bytes).status]).toEqual([403, 403]);
});

test('an object that is taken away is gone for every handle', async () => {
  const server = new MemoryMediaServer(() => 1_000);
  const [one, other] = [server.handle(), server.handle()];
  const object = objectOf(bytes);
  await one.put(object, bytes);
  expect(server.remove(object.mediaId)).toBe(true);
  expect(server.remove(object.mediaId)).toBe(false);
  expect(await other.stat(object.mediaId)).toBeNull();
  await expect(other.read(object.mediaId)).rejects.toThrow(MediaMissing);
  expect(server.download(await one.downloadUrl(object, 2_000)).status).toBe(404);
});

test('a disposed handle leaves the others alone, and nobody shares bytes with a writer', async () => {
  const server = new MemoryMediaServer(() => 1_000);
  const [one, other] = [server.handle(), server.handle()];
  const own = bytes.slice();
  const object = objectOf(own);
  await one.put(object, own);
  await one[Symbol.asyncDispose]();
  own.fill(0);
  (await other.read(object.mediaId)).fill(0);
  expect(await other.read(object.mediaId)).toEqual(bytes);
  await expect(one.stat(object.mediaId)).rejects.toThrow(MediaUnavailable);
});
