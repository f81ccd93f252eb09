import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { objectOf, sampleBytes } from '../../ports/contracts/media-store.contract.ts';
import type { MediaObject } from '../../ports/media-store.ts';
import { headOf, RawConnection } from './testing/raw-connection.ts';
import { ServedStore } from './testing/served-store.ts';

// Longer than any wait in a test, so that the wait says what did not come.
const hourMs = 3_600_000;
const bytes = sampleBytes(10_000);

async function stored(served: ServedStore, more: Partial<MediaObject> = {}, content = bytes) {
  const object = objectOf(content, more);
  await served.store.put(object, content);
  return { object, url: await served.store.downloadUrl(object, served.clock.nowMs() + hourMs) };
}

describe('an object is served', () => {
  test('as what it is, to be shown, never to be taken for a page, and kept no longer than its URL works', async () => {
    await using served = await ServedStore.start();
    const { object, url } = await stored(served, { kind: 'image', contentType: 'image/png' });
    served.clock.forward(60_000);
    const { status, headers } = await fetch(url);
    expect(status).toBe(200);
    expect(Object.fromEntries(headers)).toMatchObject({
      'content-type': 'image/png',
      'content-length': '10000',
      'content-disposition': `inline; filename="${object.mediaId}.png"`,
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
      'cross-origin-resource-policy': 'cross-origin',
      'access-control-allow-origin': '*',
      'accept-ranges': 'bytes',
      etag: `"${object.sha256}"`,
      'last-modified': new Date((await served.store.stat(object.mediaId))!.createTimeMs).toUTCString(),
    });
    const maxAge = Number(/^private, max-age=(\d+)$/.exec(headers.get('cache-control') ?? '')?.[1]);
    expect(maxAge).toBeGreaterThan(3_500);
    expect(maxAge).toBeLessThanOrEqual(3_540);
  });

  test.each(['text/html', 'image/svg+xml', 'application/pdf'])('of type %s: to be saved', async (contentType) => {
    await using served = await ServedStore.start();
    const { object, url } = await stored(served, { contentType });
    const { headers } = await fetch(url);
    expect(headers.get('content-disposition')).toBe(`attachment; filename="${object.mediaId}.bin"`);
  });

  test('to HEAD without its bytes', async () => {
    await using served = await ServedStore.start();
    const { url } = await stored(served);
    using raw = await RawConnection.open(served.port);
    raw.write(headOf('HEAD', url, { range: 'bytes=0-9' }));
    raw.write(headOf('HEAD', `${url}x`, { connection: 'close' }));
    const [, first, second] = (await raw.closed()).split('HTTP/1.1 ');
    expect(first).toMatch(/^200 OK\r\n[\s\S]*content-length: 10000\r\n[\s\S]*\r\n\r\n$/i);
    expect(second).toMatch(/^403 Forbidden\r\n[\s\S]*\r\n\r\n$/);
  });

  test('until its URL expires', async () => {
    await using served = await ServedStore.start();
    const { url } = await stored(served);
    served.clock.forward(hourMs);
    const response = await fetch(url);
    expect(response.status).toBe(403);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await response.json()).toEqual({ reason: 'MEDIA_URL_INVALID', detail: expect.any(String) });
  });

  test('to many at once, over kept connections', async () => {
    await using served = await ServedStore.start();
    const { url } = await stored(served);
    const answers = await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const response = await fetch(url, { headers: { range: `bytes=${index}-${index}` } });
        return new Uint8Array(await response.arrayBuffer())[0];
      }),
    );
    expect(answers).toEqual([...bytes.subarray(0, 200)]);
  });
});

describe('who has it already', () => {
  test.each([
    ['its tag', (tag: string) => tag, 304],
    ['its tag as a weak one', (tag: string) => `W/${tag}`, 304],
    ['its tag among others', (tag: string) => `"x", ${tag}`, 304],
    ['anything', () => '*', 304],
    ['another tag', () => '"x"', 200],
  ])('and says so by %s', async (_what, known, status) => {
    await using served = await ServedStore.start();
    const { object, url } = await stored(served);
    const response = await fetch(url, { headers: { 'if-none-match': known(`"${object.sha256}"`) } });
    expect(response.status).toBe(status);
    expect((await response.arrayBuffer()).byteLength).toBe(status === 200 ? bytes.length : 0);
    expect(response.headers.get('etag')).toBe(`"${object.sha256}"`);
  });

  test('in part gets the rest only if it is of the same', async () => {
    await using served = await ServedStore.start();
    const { object, url } = await stored(served);
    const createTimeMs = (await served.store.stat(object.mediaId))?.createTimeMs ?? 0;
    const statusIf = async (condition: string) =>
      (await fetch(url, { headers: { range: 'bytes=5-', 'if-range': condition } })).status;
    expect(await statusIf(`"${object.sha256}"`)).toBe(206);
    expect(await statusIf(new Date(createTimeMs).toUTCString())).toBe(206);
    expect(await statusIf('"x"')).toBe(200);
    expect(await statusIf(new Date(0).toUTCString())).toBe(200);
  });
});

describe('a range', () => {
  test('that is not there is refused with the length there is', async () => {
    await using served = await ServedStore.start();
    const { url } = await stored(served);
    const response = await fetch(url, { headers: { range: 'bytes=10000-' } });
    expect(response.status).toBe(416);
    expect(response.headers.get('content-range')).toBe('bytes */10000');
    expect(await response.json()).toMatchObject({ reason: 'MEDIA_MISMATCH' });
  });

  test('one of several is answered with the whole', async () => {
    await using served = await ServedStore.start();
    const { url } = await stored(served);
    const response = await fetch(url, { headers: { range: 'bytes=0-1,5-6' } });
    expect([response.status, (await response.arrayBuffer()).byteLength]).toEqual([200, 10_000]);
  });
});

describe('nothing is served', () => {
  test.each([
    ['GET', '/media/'],
    ['GET', '/media'],
    ['GET', '/media/test/'],
    ['GET', '/media/url-key'],
    ['GET', '/media/../media/url-key'],
    ['GET', '/media/20261122-x.json'],
    ['GET', '/media/20261122-x/'],
    ['PUT', '/media/'],
    ['OPTIONS', '/media/'],
    ['OPTIONS', '*'],
  ])('to %s %s', async (method, path) => {
    await using served = await ServedStore.start();
    await stored(served);
    using raw = await RawConnection.open(served.port);
    raw.write(`${method} ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
    expect(await raw.closed()).toMatch(/^HTTP\/1\.1 404 [\s\S]*"MEDIA_NOT_FOUND"/);
  });

  test('to other methods', async () => {
    await using served = await ServedStore.start();
    const { url } = await stored(served);
    for (const method of ['POST', 'DELETE', 'PATCH', 'PROPFIND']) {
      const response = await fetch(url, { method });
      expect([method, response.status, response.headers.get('allow')]).toEqual([
        method,
        405,
        'GET, HEAD, PUT, OPTIONS',
      ]);
    }
    using raw = await RawConnection.open(served.port);
    raw.write(headOf('GET', url, { 'content-length': 5 }));
    expect(await raw.until((received) => received.includes('}'))).toMatch(/^HTTP\/1\.1 400 /);
  });

  test('of an object whose files are not what they should be', async () => {
    await using served = await ServedStore.start();
    const content = sampleBytes(20);
    for (const [ending, damage] of [
      ['', 'not twenty bytes any more'],
      ['.json', '{"owner":"ann"'],
      ['.json', '[]'],
      ['.json', 'null'],
      ['.json', '{"owner":"ann","kind":"voice","type":"text/html\\r\\nx: y","size":20,"sha256":"","createTimeMs":0}'],
    ] as const) {
      const { object, url } = await stored(served, {}, content);
      const day = new Date().toISOString().slice(0, 10);
      await writeFile(join(served.folder, 'test', day, `${object.mediaId}${ending}`), damage);
      expect((await fetch(url)).status).toBe(404);
      expect(await served.store.stat(object.mediaId)).toBeNull();
      // What is not whole is made whole by the next put.
      await served.store.put(object, content);
      expect((await fetch(url)).status).toBe(200);
    }
    expect(served.errors).toEqual([]);
  });
});

describe('a client that goes, or does not read', () => {
  const large = sampleBytes(8_000_000);

  test('costs nothing once it is gone', async () => {
    await using served = await ServedStore.start({ maxDownloads: 1 });
    const { url } = await stored(served, {}, large);
    for (let time = 0; time < 5; time += 1) {
      using raw = await RawConnection.open(served.port);
      raw.write(headOf('GET', url));
      expect(await raw.until((received) => received.length > 1_000)).toMatch(/^HTTP\/1\.1 200 /);
      raw.reset();
      await Promise.all(served.answering);
    }
    expect(served.errors).toEqual([]);
  });

  test('is cut in time, so that others have its place', async () => {
    await using served = await ServedStore.start({ maxDownloads: 1, stallTimeoutMs: 2_000 });
    const { url } = await stored(served, {}, large);
    using raw = await RawConnection.open(served.port);
    raw.write(headOf('GET', url));
    await raw.until((received) => received.length > 0);
    raw.pause();
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(503);
    await Promise.all(served.answering);
    expect((await fetch(url)).status).toBe(200);
    expect(served.errors).toEqual([]);
  });
});
