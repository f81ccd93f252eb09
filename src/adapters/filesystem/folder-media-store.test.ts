import { mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { newMediaId } from '../../domain/media/media-id.ts';
import { objectOf, sampleBytes } from '../../ports/contracts/media-store.contract.ts';
import { MediaMissing, MediaUnavailable } from '../../ports/media-store.ts';
import { MediaStoreDamaged, MediaStoreTooNew } from './errors.ts';
import { ServedStore } from './testing/served-store.ts';

const hourMs = 3_600_000;
const today = () => new Date().toISOString().slice(0, 10);
const permissions = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

describe('the folder', () => {
  test('is laid out by days, and is nobody else’s', async () => {
    await using served = await ServedStore.start();
    const bytes = sampleBytes(100);
    const object = objectOf(bytes, { mediaId: newMediaId('x', Date.UTC(2026, 10, 22)) });
    await served.store.put(object, bytes);
    expect(await served.tree()).toEqual([
      'media',
      'media/test',
      'media/test/2026-11-22',
      'media/test/2026-11-22/20261122-x',
      'media/test/2026-11-22/20261122-x.json',
      'media/test/partial',
      'media/url-key',
      'media/version',
    ]);
    const key = join(served.folder, 'url-key');
    expect((await readFile(key)).length).toBe(32);
    expect(await readFile(join(served.folder, 'version'), 'utf8')).toBe('1\n');
    const day = join(served.folder, 'test', '2026-11-22');
    expect(
      await Promise.all([key, join(day, object.mediaId), join(day, `${object.mediaId}.json`)].map(permissions)),
    ).toEqual(['600', '600', '600']);
    expect(await Promise.all([served.folder, day].map(permissions))).toEqual(['700', '700']);
  });

  test('of a later release is refused, one that does not say is not guessed at, and neither is changed', async () => {
    await using served = await ServedStore.start();
    await served.close();
    const before = await served.tree();
    for (const [content, error] of [
      ['2\n', MediaStoreTooNew],
      ['two\n', MediaStoreDamaged],
      ['', MediaStoreDamaged],
    ] as const) {
      await writeFile(join(served.folder, 'version'), content);
      await expect(served.reopen()).rejects.toThrow(error);
      expect(await readFile(join(served.folder, 'version'), 'utf8')).toBe(content);
    }
    await writeFile(join(served.folder, 'version'), '1\n');
    await writeFile(join(served.folder, 'url-key'), 'short');
    await expect(served.reopen()).rejects.toThrow(MediaStoreDamaged);
    expect(await served.tree()).toEqual(before);
  });

  test('cannot be used when something else is in its place', async () => {
    await using served = await ServedStore.start();
    await served.close();
    await rm(served.folder, { recursive: true });
    await writeFile(served.folder, 'a file');
    await expect(served.reopen()).rejects.toThrow(MediaUnavailable);
  });

  test('makes a key that was not finished anew', async () => {
    await using served = await ServedStore.start();
    await served.close();
    await rename(join(served.folder, 'url-key'), join(served.folder, 'url-key.new'));
    await writeFile(join(served.folder, 'url-key.new'), 'half');
    await served.reopen();
    expect((await readFile(join(served.folder, 'url-key'))).length).toBe(32);
  });
});

describe('what interrupted uploads have left', () => {
  test('is gone when the store is opened', async () => {
    await using served = await ServedStore.start();
    await writeFile(join(served.folder, 'test', 'partial', '1-x'), 'half');
    await mkdir(join(served.folder, 'test', 'partial', 'strange'));
    await served.reopen();
    expect(await served.partial()).toEqual([]);
  });

  test('is removed when it is old, but not what is being written', async () => {
    await using served = await ServedStore.start();
    const bytes = sampleBytes(100_000);
    const object = objectOf(bytes);
    const { url, headers } = await served.store.uploadUrl(object, Date.now() + 9 * hourMs);
    let release = () => {};
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(bytes.slice(0, 50_000)),
      pull: async (controller) => {
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        controller.enqueue(bytes.slice(50_000));
        controller.close();
      },
    });
    const upload = fetch(url, { method: 'PUT', headers, body, duplex: 'half' } as RequestInit);
    while ((await served.partial()).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const [writing] = await served.partial();
    await writeFile(join(served.folder, 'test', 'partial', `${served.clock.nowMs()}-left`), 'half');
    await writeFile(join(served.folder, 'test', 'partial', `${served.clock.nowMs()}-left.json`), '{}');

    await served.store.removePartial(hourMs);
    expect(await served.partial()).toHaveLength(3);
    served.clock.forward(hourMs + 1_000);
    await served.store.removePartial(hourMs);
    expect(await served.partial()).toEqual([writing]);
    release();
    expect((await upload).status).toBe(201);
    expect(await served.partial()).toEqual([]);
  });

  test('of a crash between the names of an object’s two files is removed when it is old', async () => {
    await using served = await ServedStore.start();
    const bytes = sampleBytes(10);
    const [whole, half] = [objectOf(bytes), objectOf(bytes)];
    await served.store.put(whole, bytes);
    await served.store.put(half, bytes);
    const day = join(served.folder, 'test', today());
    await rm(join(day, half.mediaId));
    expect(await served.store.stat(half.mediaId)).toBeNull();
    await served.store.removePartial(hourMs);
    expect(await readdir(day)).toContain(`${half.mediaId}.json`);
    served.clock.forward(hourMs + 1_000);
    await served.store.removePartial(hourMs);
    expect((await readdir(day)).sort()).toEqual([whole.mediaId, `${whole.mediaId}.json`]);
  });
});

describe('nothing outside the folder', () => {
  test('is read by way of a link in it', async () => {
    await using served = await ServedStore.start();
    const bytes = sampleBytes(10);
    const object = objectOf(bytes);
    await served.store.put(object, bytes);
    const path = join(served.folder, 'test', today(), object.mediaId);
    const outside = join(served.around, 'outside');
    await writeFile(outside, bytes);
    await rm(path);
    await symlink(outside, path);
    expect(await served.store.stat(object.mediaId)).toBeNull();
    await expect(served.store.read(object.mediaId)).rejects.toThrow(MediaMissing);
    expect((await fetch(await served.store.downloadUrl(object, Date.now() + hourMs))).status).toBe(404);
  });

  test('is listed: files and folders that are none of the store’s are passed over', async () => {
    await using served = await ServedStore.start();
    const bytes = sampleBytes(10);
    const object = objectOf(bytes);
    await served.store.put(object, bytes);
    const root = join(served.folder, 'test');
    await mkdir(join(root, '2026-02-31'));
    await mkdir(join(root, 'lost+found'));
    await writeFile(join(root, today(), 'notes.txt'), 'x');
    const old = objectOf(bytes, { mediaId: '20200101-of-another-day' });
    await served.store.put(old, bytes);
    await writeFile(join(root, today(), old.mediaId), bytes);
    const found: string[] = [];
    for await (const batch of served.store.list()) found.push(...batch.map(({ mediaId }) => mediaId));
    expect(found).toEqual([old.mediaId, object.mediaId]);
    await served.store.removePartial(-hourMs);
    expect(await readdir(join(root, today()))).toHaveLength(4);
  });
});

test('an object that is put and removed at once, over and over, is there whole or not at all', async () => {
  await using served = await ServedStore.start();
  const bytes = sampleBytes(10);
  const objects = Array.from({ length: 20 }, () => objectOf(bytes));
  const { store } = served;
  for (let round = 0; round < 10; round += 1) {
    await Promise.all(
      objects.flatMap((object) => [
        store.put(object, bytes),
        store.delete(object.mediaId),
        store.put(object, bytes),
        store.delete(object.mediaId),
      ]),
    );
    const names = new Set(await readdir(join(served.folder, 'test', today())));
    for (const { mediaId } of objects) expect(names.has(mediaId)).toBe(names.has(`${mediaId}.json`));
  }
});

test('what cannot be described is refused before a URL is made of it', async () => {
  await using served = await ServedStore.start();
  const object = objectOf(sampleBytes(10));
  for (const wrong of [
    { mediaId: '../x' },
    { sizeBytes: 0 },
    { sizeBytes: 1.5 },
    { sha256: 'A'.repeat(64) },
    { contentType: 'text/html\r\nx: y' },
    { contentType: 'audio' },
    { ownerId: '\ud800' },
  ]) {
    await expect(served.store.uploadUrl({ ...object, ...wrong }, Date.now() + hourMs)).rejects.toThrow(RangeError);
  }
});

test('a folder that fails is MediaUnavailable, 503 to clients, and reported', async () => {
  await using served = await ServedStore.start();
  const bytes = sampleBytes(10);
  const object = objectOf(bytes);
  const { url, headers } = await served.store.uploadUrl(object, Date.now() + hourMs);
  await rm(join(served.folder, 'test'), { recursive: true });
  await expect(served.store.put(object, bytes)).rejects.toThrow(MediaUnavailable);
  await expect(served.store.removePartial(0)).rejects.toThrow(MediaUnavailable);
  const response = await fetch(url, { method: 'PUT', headers, body: new Uint8Array(bytes) });
  expect(response.status).toBe(503);
  expect(await response.json()).toMatchObject({ reason: 'MEDIA_UNAVAILABLE' });
  expect(served.errors).toHaveLength(1);
});
