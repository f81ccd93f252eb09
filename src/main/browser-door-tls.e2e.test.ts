import { once } from 'node:events';
import { connect, type OutgoingHttpHeaders } from 'node:http2';
import { request } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { expect, test } from '@jest/globals';
import { framed } from '../../gateway/door/testing/browser.ts';
import { Kind } from '../gen/chat/v1/content.ts';
import { CreateUploadRequest, CreateUploadResponse } from '../gen/chat/v1/media_service.ts';
import { CertificateFolder, newAuthority, newCertificate } from '../testing/certificates.ts';
import { padded, picture, sha256 } from '../testing/media-samples.ts';
import { seededRandom, testSeeds } from '../testing/random.ts';
import { startServer } from '../testing/server.ts';

const nothing = framed(Buffer.alloc(0));

/** A server with a certificate, that asks for its clients' ones or not. */
async function startWithTls(asksClients: boolean, settings: Readonly<Record<string, string>> = {}) {
  const files = await CertificateFolder.make();
  const authority = await newAuthority('Parley tests');
  const { cert, key } = await newCertificate(authority, 'server');
  const env = {
    ...settings,
    PARLEY_TLS_CERT_FILE: await files.write('cert.pem', cert),
    PARLEY_TLS_KEY_FILE: await files.write('key.pem', key),
    ...(asksClients ? { PARLEY_TLS_CLIENT_CA_FILE: await files.write('ca.pem', authority.cert) } : {}),
  };
  const server = await startServer({ env });
  return {
    server,
    origin: `https://${server.httpAddress}`,
    ca: authority.cert,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await files[Symbol.asyncDispose]();
    },
  };
}

type WithTls = Awaited<ReturnType<typeof startWithTls>>;

/** One request over HTTP/2, as browsers make it. */
async function ask({ origin, ca }: WithTls, headers: OutgoingHttpHeaders, body?: Buffer) {
  const session = connect(origin, { ca });
  try {
    const stream = session.request({ ':method': body === undefined ? 'GET' : 'POST', ...headers });
    const status = new Promise<number>((resolve, reject) => {
      stream.once('response', (head) => resolve(Number(head[':status']))).once('error', reject);
    });
    stream.end(body);
    return { status: await status, body: Buffer.concat(await stream.toArray()) };
  } finally {
    session.close();
  }
}

/** A call from a page of this origin; its answer has the message first, and `grpc-status` in its last frame. */
function call(tls: WithTls, path: string, message: Buffer, from = tls.origin) {
  const headers = { ':path': path, 'content-type': 'application/grpc-web+proto', origin: from };
  return ask(tls, headers, message);
}

const describeSignIn = '/chat.v1.AccountService/DescribeSignIn';

test('pages call over HTTP/2, and from https alone', async () => {
  await using tls = await startWithTls(false);
  const answer = await call(tls, describeSignIn, nothing);
  expect([answer.status, answer.body.toString('latin1')]).toEqual([200, expect.stringContaining('grpc-status: 0')]);
  expect((await call(tls, describeSignIn, nothing, tls.origin.replace('https:', 'http:'))).status).toBe(403);
  expect((await call(tls, describeSignIn, framed(Buffer.alloc(5 * 1_024 * 1_024)))).status).toBe(200);
  expect(tls.server.stdout()).toContain(`${tls.origin}/ `);
  expect(await tls.server.stop('SIGTERM')).toEqual({ code: 0, signal: null });
});

test('media go up and come down over HTTP/2', async () => {
  await using tls = await startWithTls(false);
  const bytes = padded(picture, 3 * 1_024 * 1_024);
  const described = {
    kind: Kind.IMAGE,
    contentType: 'image/png',
    sizeBytes: BigInt(bytes.length),
    clientId: 'ada',
  };
  const wanted = CreateUploadRequest.encode({ ...described, sha256: sha256(bytes) }).finish();
  const { body } = await call(tls, '/chat.v1.MediaService/CreateUpload', framed(wanted));
  const { uploadUrl } = CreateUploadResponse.decode(body.subarray(5, 5 + body.readUInt32BE(1)));
  const put = { ':method': 'PUT', ':path': uploadUrl.slice(tls.origin.length), 'content-length': bytes.length };
  expect((await ask(tls, { ...put, 'content-type': 'image/gif' }, bytes)).status).toBe(415);
  expect((await ask(tls, { ...put, 'content-type': 'image/png' }, bytes)).status).toBe(201);
});

test('those who speak HTTP/1 are answered, too', async () => {
  await using tls = await startWithTls(false);
  const status = await new Promise((resolve, reject) => {
    request(`${tls.origin}/`, { ca: tls.ca, agent: false }, (response) => resolve(response.resume().statusCode))
      .on('error', reject)
      .end();
  });
  expect(status).toBe(200);
});

test('every answer over TLS says that TLS is the only way, but not under localhost', async () => {
  await using tls = await startWithTls(false);
  const port = tls.server.httpAddress.split(':')[1];
  const told = (path: string, host: string) =>
    new Promise((resolve, reject) => {
      const headers = { host: `${host}:${port}` };
      request(`${tls.origin}${path}`, { ca: tls.ca, servername: 'localhost', agent: false, headers }, (response) =>
        resolve(response.resume().headers['strict-transport-security']),
      )
        .on('error', reject)
        .end();
    });
  for (const path of ['/', '/docs', '/healthz', '/nothing', '/media/nothing', describeSignIn])
    expect([path, await told(path, 'chat.example')]).toEqual([path, 'max-age=31536000']);
  for (const host of ['localhost', 'chat.localhost'])
    expect([host, await told('/docs', host)]).toEqual([host, undefined]);
  const session = connect(tls.origin, { ca: tls.ca });
  const [head] = await once(session.request({ ':path': '/docs' }), 'response');
  expect(head['strict-transport-security']).toBe('max-age=31536000');
  session.destroy();
});

test('says so of subdomains where it is told that all of them speak TLS', async () => {
  await using tls = await startWithTls(false, { PARLEY_HSTS_SUBDOMAINS: 'true' });
  const session = connect(tls.origin, { ca: tls.ca });
  const head = { ':path': '/docs', ':authority': 'chat.example' };
  const [answer] = await once(session.request(head), 'response');
  expect(answer['strict-transport-security']).toBe('max-age=31536000; includeSubDomains');
  session.destroy();
});

test('without TLS nothing is said of it', async () => {
  await using server = await startServer();
  const { headers } = await fetch(`http://${server.httpAddress}/docs`);
  expect(headers.get('strict-transport-security')).toBeNull();
});

test.each(testSeeds)('whoever breaks off, or speaks no HTTP, harms nobody (TEST_SEED=%i)', async (seed) => {
  await using tls = await startWithTls(false);
  const random = seededRandom(seed);
  const [host = '', port] = tls.server.httpAddress.split(':');
  for (let round = 0; round < 30; round += 1) {
    const protocol = random() < 0.5 ? 'h2' : 'http/1.1';
    const tcp = connectTcp({ host, port: Number(port) });
    const socket = connectTls({ socket: tcp, servername: 'localhost', ca: tls.ca, ALPNProtocols: [protocol] });
    for (const one of [tcp, socket]) one.on('error', () => {});
    socket.resume();
    const closed = new Promise((resolve) => tcp.once('close', resolve));
    await once(socket, 'secureConnect');
    if (protocol === 'h2' && random() < 0.5) socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    socket.write(Buffer.from(Array.from({ length: 200 }, () => Math.floor(random() * 256))));
    if (random() < 0.5) tcp.resetAndDestroy();
    else socket.end();
    await closed;
  }
  expect((await call(tls, describeSignIn, nothing)).status).toBe(200);
});

test('where clients must show a certificate, the port is no way around it', async () => {
  await using tls = await startWithTls(true);
  expect((await call(tls, describeSignIn, nothing)).status).toBe(405);
  expect((await ask(tls, { ':path': '/' })).body.toString()).toContain('for clients with a certificate');
});
