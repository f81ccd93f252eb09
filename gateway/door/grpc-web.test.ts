import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:http2';
import type { Readable } from 'node:stream';
import { Metadata, type ServerWritableStream, status } from '@grpc/grpc-js';
import { describe, expect, test } from '@jest/globals';
import { seededRandom, testSeeds } from '../../src/testing/random.ts';
import { eventually } from '../../src/testing/test-sessions.ts';
import {
  allFrames,
  asText,
  bodyOf,
  ended,
  exchange,
  framed,
  framesOf,
  fromBase64,
  inSegments,
  post,
} from './testing/browser.ts';
import { type ByteServer, startByteServer } from './testing/byte-server.ts';

const hello = framed(Buffer.from('hello'));

describe('a call', () => {
  test('comes with its bytes, and is answered with them', async () => {
    await using server = await startByteServer();
    for (const size of [0, 1, 70_000, 4 * 1_024 * 1_024]) {
      const message = Buffer.alloc(size, size % 251);
      const { http, code, messages } = await exchange(server.once, framed(message));
      expect([http, code, messages.length]).toEqual([200, 0, 1]);
      expect(messages[0]?.equals(message)).toBe(true);
    }
  });

  test('has the metadata that a page may give, the way it came, and nothing else of the request', async () => {
    const seen: Metadata[] = [];
    await using server = await startByteServer({
      once({ metadata }, callback) {
        seen.push(metadata);
        callback(null, Buffer.alloc(0));
      },
      deps: { credentials: { 'x-door': 'key' } },
    });
    const headers = {
      authorization: 'Bearer a.b.c',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      'x-forwarded-for': '192.0.2.1',
      'x-door': 'a guess',
      'x-other': 'x',
    };
    await exchange(server.once, hello, { headers });
    expect(seen[0]?.getMap()).toMatchObject({
      authorization: headers.authorization,
      traceparent: headers.traceparent,
      'x-forwarded-for': '192.0.2.1, 127.0.0.1',
      'x-door': 'key',
    });
    expect(seen[0]?.get('x-other')).toEqual([]);
    expect(seen[0]?.get('cookie')).toEqual([]);
  });

  test('is refused with the status, the words and the details of the server', async () => {
    const metadata = new Metadata();
    metadata.set('grpc-status-details-bin', Buffer.from([1, 2, 250]));
    const error = { code: status.NOT_FOUND, details: 'nothing: é, 100 %', metadata };
    await using server = await startByteServer({
      once: (_, callback) => callback(error),
      many: (call) => void call.emit('error', error),
    });
    for (const url of [server.once, server.many]) {
      const { http, code, trailers } = await exchange(url, hello);
      expect([http, code]).toEqual([200, status.NOT_FOUND]);
      expect(decodeURIComponent(trailers.get('grpc-message') ?? '')).toBe('nothing: é, 100 %');
      expect(trailers.get('grpc-status-details-bin')).toMatch(/^AQL6/);
    }
  });

  test('ends by its deadline', async () => {
    await using server = await startByteServer({ many: () => {} });
    const { code } = await exchange(server.many, hello, { headers: { 'grpc-timeout': '50m' } });
    expect(code).toBe(status.DEADLINE_EXCEEDED);
  });

  test('goes on beside two hundred others', async () => {
    const calls: ServerWritableStream<Buffer, Buffer>[] = [];
    await using server = await startByteServer({
      many(call) {
        calls.push(call);
        if (calls.length < 200) return;
        for (const one of calls) {
          one.write(one.request);
          one.end();
        }
      },
    });
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) => exchange(server.many, framed(Buffer.from(`call ${index}`)))),
    );
    expect(answers.map(({ messages }) => String(messages[0]))).toEqual(answers.map((_, index) => `call ${index}`));
  });
});

/** Five messages, each of which is written when the one before has been read. */
function countingStream() {
  let call: ServerWritableStream<Buffer, Buffer> | undefined;
  return {
    many: (begun: ServerWritableStream<Buffer, Buffer>) => {
      call = begun;
      begun.write(Buffer.from('0'));
    },
    async isReadInTurn(body: AsyncIterable<Uint8Array>) {
      let count = 0;
      for await (const { flags, bytes } of framesOf(body)) {
        if (flags !== 0) break;
        expect(String(bytes)).toBe(String(count));
        count += 1;
        if (count < 5) call?.write(Buffer.from(String(count)));
        else call?.end();
      }
      expect(count).toBe(5);
    },
  };
}

describe('a stream', () => {
  test('is read piece by piece: the next one is written when the one before has been read', async () => {
    const counting = countingStream();
    await using server = await startByteServer({ many: counting.many });
    await counting.isReadInTurn(bodyOf(await post(server.many, hello)));
  });

  test('tells that the server cut it off, whether or not it had answered', async () => {
    let calls = 0;
    await using server = await startByteServer({
      many(call) {
        calls += 1;
        if (calls === 1) call.write(Buffer.from('first'));
      },
    });
    const answers = [await post(server.many, hello), post(server.many, hello)];
    await eventually(
      async () => calls,
      (count) => count === 2,
    );
    server.rpc.forceShutdown();
    for (const answer of answers) expect((await ended(await answer)).code).toBe(status.UNAVAILABLE);
  });
});

// All calls share a connection within the process, and Node ends one on which more than 1,000 streams are reset at once.
test('a stream outlives 1,500 others that were given up', async () => {
  const calls: ServerWritableStream<Buffer, Buffer>[] = [];
  let cancelled = 0;
  await using server = await startByteServer({
    many(call) {
      calls.push(call);
      call.on('cancelled', () => {
        cancelled += 1;
      });
      call.write(Buffer.from('first'));
    },
  });
  const lasting = await begin(server, 'HTTP/1');
  for (let round = 0; round < 30; round += 1) {
    const given = await Promise.all(Array.from({ length: 50 }, () => begin(server, 'HTTP/1')));
    for (const response of given) response.destroy();
  }
  await eventually(
    async () => cancelled,
    (count) => count >= 1_500,
  );
  expect(cancelled).toBe(1_500);
  calls[0]?.write(Buffer.from('last'));
  calls[0]?.end();
  const frames = await allFrames(lasting);
  expect(frames.slice(0, -1).map(({ bytes }) => String(bytes))).toEqual(['first', 'last']);
});

/** Makes a call, and gives the response, of which nothing is read until the test does. */
async function begin(server: ByteServer, protocol: 'HTTP/1' | 'HTTP/2'): Promise<Readable> {
  const headers = { 'content-type': 'application/grpc-web+proto' };
  if (protocol === 'HTTP/1') {
    const [response] = await once(
      request(server.many, { method: 'POST', headers, agent: false }).end(hello),
      'response',
    );
    return response as Readable;
  }
  const session = connect(server.origin);
  const stream = session.request({ ':method': 'POST', ':path': new URL(server.many).pathname, ...headers });
  stream.once('close', () => session.close()).end(hello);
  await once(stream, 'response');
  return stream;
}

/** Makes a call, and is gone after so many turns of the event loop. */
async function leaveAtOnce(server: ByteServer, protocol: 'HTTP/1' | 'HTTP/2', turns: number): Promise<void> {
  const headers = { 'content-type': 'application/grpc-web+proto' };
  const { pathname } = new URL(server.many);
  const session = protocol === 'HTTP/2' ? connect(server.origin) : undefined;
  const call =
    session?.request({ ':method': 'POST', ':path': pathname, ...headers }) ??
    request(server.many, { method: 'POST', headers, agent: false });
  call.on('error', () => {});
  call.end(hello);
  if (session === undefined) await once(call, 'socket');
  else await once(session, 'connect');
  for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  call.destroy();
  session?.destroy();
}

describe.each(['HTTP/1', 'HTTP/2'] as const)('a stream over %s', (protocol) => {
  test('is cancelled when its client is gone', async () => {
    let isCancelled = false;
    await using server = await startByteServer({
      protocol,
      many(call) {
        call.write(Buffer.from('first'));
        call.on('cancelled', () => {
          isCancelled = true;
        });
      },
    });
    const response = await begin(server, protocol);
    await once(response, 'data');
    expect(isCancelled).toBe(false);
    response.destroy();
    await eventually(
      async () => isCancelled,
      (cancelled) => cancelled,
    );
  });

  test('is not left behind by clients that go at once', async () => {
    let [begun, cancelled] = [0, 0];
    await using server = await startByteServer({
      protocol,
      many(call) {
        begun += 1;
        call.on('cancelled', () => {
          cancelled += 1;
        });
      },
    });
    for (let round = 0; round < 100; round += 1) await leaveAtOnce(server, protocol, round % 30);
    await eventually(
      async () => [begun > 0, begun - cancelled],
      ([some, left]) => some === true && left === 0,
    );
  });

  test('goes no faster than it is read, and loses nothing', async () => {
    const chunk = Buffer.alloc(64 * 1_024, 7);
    const chunks = 1_000;
    let written = 0;
    await using server = await startByteServer({
      protocol,
      many(call) {
        const write = () => {
          while (written < chunks) {
            written += 1;
            if (!call.write(chunk)) return void call.once('drain', write);
          }
          call.end();
        };
        write();
      },
    });
    const response = await begin(server, protocol);
    expect(await standstill(() => written)).toBeLessThan(chunks / 2);
    const frames = await allFrames(response);
    expect(frames.filter(({ flags, bytes }) => flags === 0 && bytes.equals(chunk))).toHaveLength(chunks);
    expect(String(frames.at(-1)?.bytes)).toContain('grpc-status: 0');
  });
});

// Cause: what is written after the last frame was counted by nobody; a stream without a window kept its response for ever.
test.each([1, 1_000])('who does not read the end of a call of %i frames is cut off', async (frames) => {
  await using server = await startByteServer({
    protocol: 'HTTP/2',
    deps: { stallMs: 200 },
    many(call) {
      for (let index = 0; index < frames; index += 1) call.write(Buffer.alloc(1_024));
      call.end();
    },
  });
  const session = connect(server.origin, { settings: { initialWindowSize: 0 } });
  const call = session.request({
    ':method': 'POST',
    ':path': new URL(server.many).pathname,
    'content-type': 'application/grpc-web+proto',
  });
  call.on('error', () => undefined).end(hello);
  await once(call, 'close');
  session.destroy();
});

/** The number once it has begun to grow and no longer does. */
async function standstill(count: () => number): Promise<number> {
  let last = 0;
  await eventually(
    async () => {
      const before = last;
      await new Promise((resolve) => setTimeout(resolve, 250));
      last = count();
      return last > 0 && last === before;
    },
    (stands) => stands,
  );
  return last;
}

describe('a call in base64', () => {
  test('comes with its bytes, however they are divided, and is answered with them in base64', async () => {
    await using server = await startByteServer();
    for (const [size, segmentBytes] of [
      [0, 5],
      [1, 1],
      [70_000, 7],
      [70_000, 70_005],
      [4 * 1_024 * 1_024, 3 * 1_024 * 1_024],
    ] as const) {
      const message = Buffer.alloc(size, size % 251);
      const response = await post(server.once, inSegments(framed(message), segmentBytes), { headers: asText });
      expect(response.headers.get('content-type')).toBe('application/grpc-web-text+proto');
      const { code, messages } = await ended(response);
      expect([code, messages.length]).toEqual([0, 1]);
      expect(messages[0]?.equals(message)).toBe(true);
    }
  });

  test('is answered in bytes unless it asks for base64, and bytes are answered in base64 when they do', async () => {
    await using server = await startByteServer();
    const typeOf = async (body: string | Buffer, headers: Record<string, string>) => {
      const response = await post(server.once, body, { headers });
      const type = response.headers.get('content-type');
      expect(String((await ended(response)).messages[0])).toBe('hello');
      return type;
    };
    const text = hello.toString('base64');
    const binary = 'application/grpc-web+proto';
    expect(await typeOf(text, { 'content-type': 'application/grpc-web-text+proto' })).toBe(binary);
    expect(await typeOf(text, { ...asText, accept: binary })).toBe(binary);
    expect(await typeOf(hello, { accept: asText.accept })).toBe('application/grpc-web-text+proto');
  });

  test('has each piece of its stream as soon as there is one, and its refusal in base64 as well', async () => {
    const counting = countingStream();
    await using server = await startByteServer({ many: counting.many });
    const response = await post(server.many, hello.toString('base64'), { headers: asText });
    await counting.isReadInTurn(fromBase64(bodyOf(response)));
    const refused = await exchange(`${server.origin}/test.Bytes/Other`, hello.toString('base64'), { headers: asText });
    expect(refused.code).toBe(status.UNIMPLEMENTED);
  });

  test.each([
    ['the alphabet of URLs', Buffer.from([0xfb, 0xff, 0xfe]).toString('base64url')],
    ['bytes', hello],
    ['an octet beyond ASCII', `${hello.toString('base64').slice(0, -1)}\xff`],
    ['padding within a group', 'A=AA'],
    ['nothing but padding', '===='],
    ['a group that is not whole', hello.toString('base64').slice(0, -1)],
    ['a line break', `${hello.toString('base64')}\n`],
  ])('is told what is no base64: %s', async (_, body) => {
    await using server = await startByteServer();
    const { http, code, trailers } = await exchange(server.once, body, { headers: asText });
    expect([http, code]).toEqual([200, status.INVALID_ARGUMENT]);
    expect(decodeURIComponent(trailers.get('grpc-message') ?? '')).toMatch(/base64/);
  });

  test('is counted by what its base64 stands for, and is too large as soon as that is', async () => {
    const counted: number[] = [];
    const count = (bytes: number) => counted.push(bytes) > 0;
    const deps = { maxMessageBytes: 100_000, arriving: () => ({ count, end() {} }) };
    await using server = await startByteServer({ deps });
    const largest = framed(Buffer.alloc(100_000));
    for (const segmentBytes of [1, largest.length]) {
      counted.length = 0;
      expect((await exchange(server.once, inSegments(largest, segmentBytes), { headers: asText })).code).toBe(0);
      expect(counted.reduce((sum, bytes) => sum + bytes, 0)).toBe(largest.length);
      const larger = inSegments(framed(Buffer.alloc(100_001)), segmentBytes);
      const chunked = new ReadableStream({
        start(controller) {
          controller.enqueue(Buffer.from(larger));
          controller.close();
        },
      });
      for (const body of [larger, chunked])
        expect((await exchange(server.once, body, { headers: asText })).code).toBe(status.RESOURCE_EXHAUSTED);
    }
  });
});

describe('what is no call', () => {
  test.each([
    ['nothing', Buffer.alloc(0), /empty/],
    ['half a head', Buffer.alloc(3), /3 bytes/],
    ['less than is said', Buffer.concat([hello]).subarray(0, 8), /5 bytes, 3 follow/],
    ['more than is said', Buffer.concat([hello, hello]), /5 bytes, 15 follow/],
    ['compressed', framed(Buffer.from('x'), 1), /compressed/],
    ['trailers', framed(Buffer.from('x'), 0x80), /0x80/],
  ])('is told so: %s', async (_, body, words) => {
    await using server = await startByteServer();
    const { http, code, trailers } = await exchange(server.once, body);
    expect([http, code]).toEqual([200, status.INVALID_ARGUMENT]);
    expect(decodeURIComponent(trailers.get('grpc-message') ?? '')).toMatch(words);
  });

  test.each(testSeeds)('whatever the bytes are, they are answered in order (TEST_SEED=%i)', async (seed) => {
    await using server = await startByteServer();
    const random = seededRandom(seed);
    for (let round = 0; round < 200 / testSeeds.length; round += 1) {
      const body = Buffer.from(Array.from({ length: Math.floor(random() * 40) }, () => Math.floor(random() * 256)));
      // Half of them with a head that could be right.
      if (random() < 0.5 && body.length >= 5)
        body.writeUIntBE(Math.max(0, body.length - Math.floor(random() * 10)), 0, 5);
      const { http, code } = await exchange(server.once, body);
      expect([http, [status.OK, status.INVALID_ARGUMENT].includes(code)]).toEqual([200, true]);
    }
    expect((await exchange(server.once, hello)).code).toBe(0);
  });

  test('is too large as soon as it says so, or is', async () => {
    await using server = await startByteServer({ deps: { maxMessageBytes: 100_000 } });
    const bytes = Buffer.alloc(100_006);
    const chunked = new ReadableStream({
      start(controller) {
        for (let count = 0; count < 20; count += 1) controller.enqueue(bytes);
        controller.close();
      },
    });
    for (const body of [bytes, chunked]) {
      const { http, code } = await exchange(server.once, body);
      expect([http, code]).toEqual([200, status.RESOURCE_EXHAUSTED]);
    }
    expect((await exchange(server.once, framed(Buffer.alloc(100_000)))).code).toBe(0);
  });

  test('is a call that the server does not have, or not for browsers', async () => {
    await using server = await startByteServer();
    for (const path of ['/test.Bytes/Other', '/test.Bytes/once', '/other.Service/Once'])
      expect(await exchange(server.origin + path, hello)).toMatchObject({ http: 200, code: status.UNIMPLEMENTED });
  });

  test('is another method or type', async () => {
    await using server = await startByteServer();
    expect((await fetch(server.once)).status).toBe(405);
    for (const type of ['text/plain', 'application/grpc-web-text+json', 'application/grpc'])
      expect((await exchange(server.once, hello, { headers: { 'content-type': type } })).http).toBe(415);
  });
});

describe('a page of another origin', () => {
  const listed = 'https://chat.example';
  const rules = { others: [listed], secure: false, ownNames: ['parley.example'] };
  const ask = (url: string, origin: string, host = '') =>
    exchange(url, hello, { headers: { origin, ...(host === '' ? {} : { host }) } });

  test('may not call, with or without asking first', async () => {
    await using server = await startByteServer({ deps: { origins: rules } });
    for (const origin of ['https://evil.example', 'null', 'http://127.0.0.1:1', `${listed}.evil.example`]) {
      expect((await ask(server.once, origin)).http).toBe(403);
      expect((await fetch(server.once, { method: 'OPTIONS', headers: { origin } })).status).toBe(403);
    }
  });

  test('may, where it is named, and reads the answer', async () => {
    await using server = await startByteServer({ deps: { origins: rules } });
    const asked = await fetch(server.once, { method: 'OPTIONS', headers: { origin: listed } });
    expect(asked.status).toBe(204);
    expect(asked.headers.get('access-control-allow-origin')).toBe(listed);
    expect(asked.headers.get('access-control-allow-headers')).toContain('authorization');
    expect(asked.headers.get('vary')).toBe('origin');
    const response = await post(server.once, hello, { headers: { origin: listed } });
    expect(response.headers.get('access-control-allow-origin')).toBe(listed);
    expect(response.headers.get('access-control-expose-headers')).toContain('grpc-status');
    expect((await ended(response)).code).toBe(0);
  });

  test('its own page may', async () => {
    await using server = await startByteServer({ deps: { origins: rules } });
    expect((await ask(server.once, server.origin)).code).toBe(0);
    const asked = await post(server.once, hello, { headers: { origin: server.origin } });
    expect(asked.headers.get('access-control-allow-origin')).toBeNull();
    await asked.text();
  });
});
