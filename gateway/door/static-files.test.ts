import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { diagramHeaders, pageHeaders } from './page-headers.ts';
import { staticFiles } from './static-files.ts';

const script = 'console.log("a script");\n'.repeat(200);
const page = '<!doctype html><title>Parley</title>';

let folder: string;
let server: ReturnType<typeof createServer>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-page-'));
  const dist = join(folder, 'dist');
  await mkdir(join(dist, 'assets'), { recursive: true });
  await writeFile(join(folder, 'secret.txt'), 'secret');
  await writeFile(join(dist, 'index.html'), page);
  await writeFile(join(dist, '.env.txt.swp'), 'secret');
  await writeFile(join(dist, 'assets/index-abc.js'), script);
  await writeFile(join(dist, 'assets/index-abc.js.br'), brotliCompressSync(script));
  await writeFile(join(dist, 'assets/index-abc.js.gz'), gzipSync(script));
  const answer = await staticFiles(dist, () => pageHeaders({ media: ['https://media.example'], issuer: undefined }));
  if (answer === undefined) throw new Error('nothing was found in the folder');
  // Gone, as while it is built anew: what was there is still served.
  await rm(dist, { recursive: true });
  server = createServer((request, response) => {
    const path = URL.parse(request.url ?? '', 'http://door')?.pathname ?? '';
    if (!answer(request, response, path)) response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true });
});

/** As it is written: `fetch` would tidy the path, and unpack what it gets. */
async function ask(path: string, headers: Record<string, string> = {}, method = 'GET') {
  const { port } = server.address() as AddressInfo;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    httpRequest({ host: '127.0.0.1', port, path, headers, method, agent: false }, resolve).on('error', reject).end();
  });
  const body = Buffer.concat(await response.toArray());
  return { status: response.statusCode, headers: response.headers, body };
}

test('gives the page at the root, to be asked for anew each time', async () => {
  for (const path of ['/', '/index.html', '/?from=elsewhere']) {
    const { status, headers, body } = await ask(path);
    expect([status, String(body)]).toEqual([200, page]);
    expect(headers).toMatchObject({ 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache' });
  }
});

test('gives what has a hash in its name for ever', async () => {
  const { headers, body } = await ask('/assets/index-abc.js');
  expect(String(body)).toBe(script);
  expect(headers).toMatchObject({
    'content-type': 'text/javascript; charset=utf-8',
    'cache-control': 'public, max-age=31536000, immutable',
    vary: 'accept-encoding',
  });
});

test.each([
  ['gzip, deflate, br', 'br', brotliCompressSync(script)],
  ['gzip', 'gzip', gzipSync(script)],
  ['br;q=0, gzip;q=0.5', 'gzip', gzipSync(script)],
  ['identity', undefined, Buffer.from(script)],
])('gives those who take %s what is smallest: %s', async (accepted, encoding, expected) => {
  const { headers, body } = await ask('/assets/index-abc.js', { 'accept-encoding': accepted });
  expect(headers['content-encoding']).toBe(encoding);
  expect(headers['content-length']).toBe(String(expected.length));
  expect(body.equals(expected)).toBe(true);
});

test('says that it is known still, of each encoding by itself', async () => {
  const { headers } = await ask('/assets/index-abc.js', { 'accept-encoding': 'br' });
  const known = { 'if-none-match': `"x", W/${headers.etag}` };
  const again = await ask('/assets/index-abc.js', { ...known, 'accept-encoding': 'br' });
  expect([again.status, again.body.length, again.headers.etag]).toEqual([304, 0, headers.etag]);
  expect((await ask('/assets/index-abc.js', known)).status).toBe(200);
});

test('answers HEAD with the head alone, and a range with the whole', async () => {
  const { status, headers, body } = await ask('/assets/index-abc.js', {}, 'HEAD');
  expect([status, headers['content-length'], body.length]).toEqual([200, String(script.length), 0]);
  for (const range of ['bytes=0-9', 'bytes=-5', 'bytes=9-2', 'bytes=99999999-'])
    expect(await ask('/assets/index-abc.js', { range })).toMatchObject({ status: 200, body: Buffer.from(script) });
});

test.each([
  '/../secret.txt',
  '/%2e%2e/secret.txt',
  '/assets/../../secret.txt',
  '/assets/%2e%2e%2f%2e%2e%2fsecret.txt',
  '/..%5csecret.txt',
  '/.env.txt.swp',
  '/assets/index-abc.js.br',
  '/assets',
  '/assets/',
  '/index',
  '/%',
  '/constructor',
])('has nothing at %s', async (path) => {
  expect((await ask(path)).status).toBe(404);
});

test('lets nothing run or be fetched but what is its own', async () => {
  const { headers } = await ask('/');
  expect(headers['content-security-policy']).toBe(
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' blob: https://media.example; " +
      "media-src 'self' blob: https://media.example; connect-src 'self' https://media.example; manifest-src 'self'; " +
      "frame-src 'self'; " +
      "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  );
  expect(headers).toMatchObject({
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'permissions-policy': expect.stringContaining('microphone=(self)'),
  });
});

test('lets the page reach the issuer where people sign in there', () => {
  const { 'content-security-policy': policy } = pageHeaders({ media: [], issuer: 'https://issuer.example' });
  expect(policy).toContain("connect-src 'self' https://issuer.example;");
});

test('lets the page alone show the frame for diagrams, which has no origin and fetches nothing but its script', async () => {
  expect(diagramHeaders()['content-security-policy']).toBe(
    "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; " +
      "frame-ancestors 'self'; sandbox allow-scripts",
  );
  // As which it asks for it.
  expect((await ask('/assets/index-abc.js', { origin: 'null' })).headers).toMatchObject({
    'access-control-allow-origin': '*',
  });
  expect((await ask('/')).headers).not.toHaveProperty('access-control-allow-origin');
});

test('is nothing where nothing was built', async () => {
  expect(await staticFiles(join(folder, 'no such folder'), () => ({}))).toBeUndefined();
});
