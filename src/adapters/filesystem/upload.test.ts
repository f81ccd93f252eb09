import { describe, expect, test } from '@jest/globals';
import { objectOf, sampleBytes } from '../../ports/contracts/media-store.contract.ts';
import type { MediaObject } from '../../ports/media-store.ts';
import { headOf, RawConnection } from './testing/raw-connection.ts';
import { ServedStore, testMaxObjectBytes } from './testing/served-store.ts';

// Longer than any wait in a test, so that the wait says what did not come.
const hourMs = 3_600_000;
const isAnswered = (received: string) => /^HTTP\/1\.1 [2-5]\d\d[\s\S]*\r\n\r\n/.test(received);

async function targetOf(served: ServedStore, object: MediaObject) {
  return served.store.uploadUrl(object, served.clock.nowMs() + hourMs);
}

async function put(url: string, headers: Readonly<Record<string, string>>, body: Uint8Array | ReadableStream | null) {
  const response = await fetch(url, { method: 'PUT', headers, body, duplex: 'half' } as RequestInit);
  return { status: response.status, answer: response.status < 300 ? null : await response.json(), response };
}

/** A body whose length is not told before it comes. */
function streamed(bytes: Uint8Array, chunkBytes = 10_000): ReadableStream {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, at + chunkBytes));
      at += chunkBytes;
    },
  });
}

/** Nothing of it is kept, neither as an object nor as the part of one. */
async function expectNothing(served: ServedStore, object: MediaObject): Promise<void> {
  expect(await served.store.stat(object.mediaId)).toBeNull();
  await until(async () => (await served.partial()).length === 0);
  expect((await served.tree()).filter((path) => path.includes(object.mediaId))).toEqual([]);
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const endMs = performance.now() + 30_000; !(await isSo()); ) {
    if (performance.now() > endMs) throw new Error('it has not come to be within 30 s');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('an upload is refused', () => {
  const bytes = sampleBytes(50_000);

  test.each([
    ['without a signature', (url: string) => url.replace(/&signature=.*/, '')],
    ['without a query', (url: string) => url.replace(/\?.*/, '')],
    ['with a signature one character longer', (url: string) => `${url}A`],
    ['with another owner', (url: string) => url.replace('owner=ann', 'owner=bob')],
    ['with a field twice', (url: string) => url.replace('owner=ann', 'owner=ann&owner=bob')],
    ['with a field of its own', (url: string) => `${url}&x=1`],
    ['with a later end', (url: string) => url.replace(/expires=(\d)/, 'expires=9')],
  ])('%s: 403', async (_what, change) => {
    await using served = await ServedStore.start();
    const object = objectOf(bytes);
    const { url, headers } = await targetOf(served, object);
    expect(change(url)).not.toBe(url);
    expect(await put(change(url), headers, bytes)).toMatchObject({
      status: 403,
      answer: { reason: 'MEDIA_URL_INVALID', detail: expect.any(String) },
    });
    await expectNothing(served, object);
  });

  test('from the millisecond on that its URL expires', async () => {
    await using served = await ServedStore.start();
    const object = objectOf(bytes);
    const { url, headers } = await targetOf(served, object);
    served.clock.forward(hourMs);
    expect(await put(url, headers, bytes)).toMatchObject({ status: 403, answer: { reason: 'MEDIA_URL_INVALID' } });
    served.clock.forward(-10_000);
    expect((await put(url, headers, bytes)).status).toBe(201);
  });

  test('by a store of another key or prefix', async () => {
    await using served = await ServedStore.start();
    await using other = await ServedStore.start();
    const object = objectOf(bytes);
    const { url, headers } = await targetOf(served, object);
    expect((await put(url.replace(String(served.port), String(other.port)), headers, bytes)).status).toBe(403);
  });

  test.each([
    ['another type', { 'content-type': 'video/mp4' }, 415, 'MEDIA_MISMATCH'],
    ['a parameter', { 'content-type': 'audio/mpeg; charset=utf-8' }, 415, 'MEDIA_MISMATCH'],
    ['a coding', { 'content-encoding': 'gzip' }, 415, 'MEDIA_MISMATCH'],
  ] as const)('when its headers say %s', async (_what, more, status, reason) => {
    await using served = await ServedStore.start();
    const object = objectOf(bytes);
    const { url, headers } = await targetOf(served, object);
    expect(await put(url, { ...headers, ...more }, bytes)).toMatchObject({ status, answer: { reason } });
    await expectNothing(served, object);
  });

  test('when it has neither a length nor a body: 411', async () => {
    await using served = await ServedStore.start();
    const object = objectOf(bytes);
    const { url, headers } = await targetOf(served, object);
    using raw = await RawConnection.open(served.port);
    raw.write(headOf('PUT', url, headers));
    expect(await raw.until(isAnswered)).toMatch(/^HTTP\/1\.1 411 [\s\S]*"reason":"MEDIA_MISMATCH"/);
    expect((await put(url, headers, null)).status).toBe(400);
  });

  test.each([
    ['shorter', bytes.subarray(1), 400],
    ['longer', sampleBytes(50_001), 400],
    ['other', sampleBytes(50_000, 2), 422],
  ])('when it is %s than described, told before or found out at the end', async (_what, wrong, status) => {
    await using served = await ServedStore.start();
    const object = objectOf(bytes);
    const { url, headers } = await targetOf(served, object);
    for (const body of [wrong, streamed(wrong)]) {
      expect(await put(url, headers, body)).toMatchObject({ status, answer: { reason: 'MEDIA_MISMATCH' } });
      await expectNothing(served, object);
    }
    expect((await put(url, headers, streamed(bytes))).status).toBe(201);
  });

  test('when it is too large, by what is told, before any of it is read', async () => {
    await using served = await ServedStore.start();
    const large = objectOf(bytes, { sizeBytes: testMaxObjectBytes + 1 });
    const { url, headers } = await targetOf(served, large);
    using raw = await RawConnection.open(served.port);
    raw.write(headOf('PUT', url, { ...headers, 'content-length': large.sizeBytes }));
    expect(await raw.until(isAnswered)).toMatch(/^HTTP\/1\.1 413 [\s\S]*connection: close[\s\S]*"MEDIA_TOO_LARGE"/i);

    const small = await targetOf(served, objectOf(bytes));
    using another = await RawConnection.open(served.port);
    another.write(headOf('PUT', small.url, { ...small.headers, 'content-length': testMaxObjectBytes + 1 }));
    expect(await another.until(isAnswered)).toMatch(/^HTTP\/1\.1 413 [\s\S]*"MEDIA_TOO_LARGE"/);
    await expectNothing(served, large);
  });

  test('when more comes than described, as soon as it comes: it need not end', async () => {
    await using served = await ServedStore.start();
    const object = objectOf(bytes);
    const { url, headers } = await targetOf(served, object);
    using raw = await RawConnection.open(served.port);
    raw.write(headOf('PUT', url, { ...headers, 'transfer-encoding': 'chunked' }));
    raw.write(Buffer.concat([Buffer.from(`${(50_001).toString(16)}\r\n`), sampleBytes(50_001)]));
    expect(await raw.until(isAnswered)).toMatch(/^HTTP\/1\.1 400 [\s\S]*"MEDIA_MISMATCH"/);
    await raw.closed();
    await expectNothing(served, object);
  });

  test('when it is too large, though it does not tell how much will come', async () => {
    await using served = await ServedStore.start();
    const large = objectOf(bytes, { sizeBytes: testMaxObjectBytes + 1 });
    const { url, headers } = await targetOf(served, large);
    using raw = await RawConnection.open(served.port);
    raw.write(headOf('PUT', url, { ...headers, 'transfer-encoding': 'chunked' }));
    expect(await raw.until(isAnswered)).toMatch(/^HTTP\/1\.1 413 [\s\S]*"MEDIA_TOO_LARGE"/);
    await expectNothing(served, large);
  });

  test('so that a client that writes all before it reads still reads why', async () => {
    await using served = await ServedStore.start();
    const much = new Uint8Array(testMaxObjectBytes * 2);
    const large = await targetOf(served, objectOf(bytes, { sizeBytes: much.length }));
    using tooLarge = await RawConnection.open(served.port);
    tooLarge.write(headOf('PUT', large.url, { ...large.headers, 'content-length': much.length }));
    await tooLarge.writeBlindly(much);
    expect(await tooLarge.until(isAnswered)).toMatch(/^HTTP\/1\.1 413 /);

    const small = await targetOf(served, objectOf(bytes));
    using tooMuch = await RawConnection.open(served.port);
    tooMuch.write(headOf('PUT', small.url, { ...small.headers, 'transfer-encoding': 'chunked' }));
    tooMuch.write(`${much.length.toString(16)}\r\n`);
    await tooMuch.writeBlindly(much);
    expect(await tooMuch.until(isAnswered)).toMatch(/^HTTP\/1\.1 400 /);
  });
});

describe('a client that asks before it sends', () => {
  test('is told to go on, or why not, and then its body does not come', async () => {
    await using served = await ServedStore.start();
    const bytes = sampleBytes(1_000);
    const object = objectOf(bytes);
    const { url, headers } = await targetOf(served, object);
    const asking = { ...headers, expect: '100-continue', 'content-length': 1_000 };
    using refused = await RawConnection.open(served.port);
    refused.write(headOf('PUT', url.replace('owner=ann', 'owner=eve'), asking));
    expect(await refused.until(isAnswered)).toMatch(/^HTTP\/1\.1 403 /);

    using taken = await RawConnection.open(served.port);
    taken.write(headOf('PUT', url, asking));
    expect(await taken.until((received) => received.endsWith('\r\n\r\n'))).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    taken.write(bytes);
    expect(await taken.until((received) => received.includes(' 201 '))).toMatch(
      /^HTTP\/1\.1 100 [\s\S]*HTTP\/1\.1 201 /,
    );
  });
});

describe('an upload that stops half-way', () => {
  const bytes = sampleBytes(100_000);

  test.each(['reset', 'end'] as const)('by a %s leaves nothing, and can be repeated', async (how) => {
    await using served = await ServedStore.start();
    const object = objectOf(bytes);
    const { url, headers } = await targetOf(served, object);
    using raw = await RawConnection.open(served.port);
    raw.write(headOf('PUT', url, { ...headers, 'content-length': bytes.length }));
    raw.write(bytes.subarray(0, 60_000));
    await until(async () => (await served.partial()).length === 1);
    raw[how]();
    await expectNothing(served, object);
    expect((await put(url, headers, bytes)).status).toBe(201);
    await Promise.all(served.answering);
    expect(served.errors).toEqual([]);
  });

  test('and stays silent is ended in time, and told so', async () => {
    await using served = await ServedStore.start({ stallTimeoutMs: 100, lingerMs: 100 });
    const object = objectOf(bytes);
    const { url, headers } = await targetOf(served, object);
    using raw = await RawConnection.open(served.port);
    raw.write(headOf('PUT', url, { ...headers, 'content-length': bytes.length }));
    raw.write(bytes.subarray(0, 60_000));
    expect(await raw.closed()).toMatch(/^HTTP\/1\.1 408 [\s\S]*"MEDIA_UNAVAILABLE"/);
    await expectNothing(served, object);
  });

  test('or comes byte by byte is ended, too, even if its end comes after it was told', async () => {
    await using served = await ServedStore.start({ stallTimeoutMs: 100, lingerMs: 5_000 });
    const object = objectOf(bytes);
    const { url, headers } = await targetOf(served, object);
    using raw = await RawConnection.open(served.port);
    raw.write(headOf('PUT', url, { ...headers, 'content-length': bytes.length }));
    let sent = 0;
    const dribble = setInterval(() => raw.write(bytes.subarray(sent, ++sent)), 5);
    await raw.until(isAnswered);
    clearInterval(dribble);
    expect(raw.received).toMatch(/^HTTP\/1\.1 408 /);
    raw.write(bytes.subarray(sent));
    await raw.closed();
    await expectNothing(served, object);
    await Promise.all(served.answering);
    expect(served.errors).toEqual([]);
  });

  test('at its very end is not taken once it was told that it is too slow', async () => {
    await using served = await ServedStore.start({ stallTimeoutMs: 100, lingerMs: 5_000 });
    const object = objectOf(bytes);
    const { url, headers } = await targetOf(served, object);
    using raw = await RawConnection.open(served.port);
    raw.write(headOf('PUT', url, { ...headers, 'transfer-encoding': 'chunked' }));
    raw.write(`${bytes.length.toString(16)}\r\n`);
    raw.write(bytes);
    expect(await raw.until(isAnswered)).toMatch(/^HTTP\/1\.1 408 /);
    raw.write('\r\n0\r\n\r\n');
    expect(await raw.closed()).not.toMatch(/201/);
    await expectNothing(served, object);
    await Promise.all(served.answering);
    expect(served.errors).toEqual([]);
  });

  test('when the store is closed is cut, and leaves nothing', async () => {
    await using served = await ServedStore.start();
    const object = objectOf(bytes);
    const { url, headers } = await targetOf(served, object);
    using raw = await RawConnection.open(served.port);
    raw.write(headOf('PUT', url, { ...headers, 'content-length': bytes.length }));
    raw.write(bytes.subarray(0, 60_000));
    await until(async () => (await served.partial()).length === 1);
    await served.close();
    expect(await served.partial()).toEqual([]);
    expect(await raw.closed()).toBe('');
  });
});

describe('uploads at once', () => {
  test('are limited, in all and for one client; others are told when to come again', async () => {
    await using served = await ServedStore.start({ maxUploads: 3, maxUploadsPerOwner: 2 });
    const bytes = sampleBytes(1_000);
    const begin = async (ownerId: string) => {
      const { url, headers } = await targetOf(served, objectOf(bytes, { ownerId }));
      const raw = await RawConnection.open(served.port);
      const before = (await served.partial()).length;
      raw.write(headOf('PUT', url, { ...headers, 'content-length': bytes.length }));
      await until(async () => raw.received !== '' || (await served.partial()).length > before);
      return raw;
    };
    using first = await begin('ann');
    using second = await begin('ann');
    using third = await begin('ann');
    expect(third.received).toMatch(/^HTTP\/1\.1 503 [\s\S]*retry-after: 1\r\n[\s\S]*"MEDIA_UNAVAILABLE"/i);
    using fourth = await begin('bob');
    using fifth = await begin('eve');
    expect(fifth.received).toMatch(/^HTTP\/1\.1 503 /);
    for (const raw of [first, second, fourth]) {
      raw.write(bytes);
      expect(await raw.until(isAnswered)).toMatch(/^HTTP\/1\.1 201 /);
    }
    using sixth = await begin('ann');
    sixth.write(bytes);
    expect(await sixth.until(isAnswered)).toMatch(/^HTTP\/1\.1 201 /);
  });
});

test('a page of another origin may put', async () => {
  await using served = await ServedStore.start();
  const bytes = sampleBytes(100);
  const { url, headers } = await targetOf(served, objectOf(bytes));
  const preflight = await fetch(url, { method: 'OPTIONS' });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get('access-control-allow-origin')).toBe('*');
  expect(preflight.headers.get('access-control-allow-methods')).toContain('PUT');
  expect(preflight.headers.get('access-control-allow-headers')).toContain('Content-Type');
  const { response } = await put(url, headers, bytes);
  expect(response.headers.get('access-control-allow-origin')).toBe('*');
  const refused = await put(`${url}x`, headers, bytes);
  expect(refused.response.headers.get('access-control-allow-origin')).toBe('*');
});
