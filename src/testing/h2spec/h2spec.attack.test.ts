import { credentials } from '@grpc/grpc-js';
import { beforeAll, expect, test } from '@jest/globals';
import { callFields, flags, frame, frameTypes, preface, word } from '../attacks/http2-frames.ts';
import { portOf, startTarget } from '../attacks/target.ts';
import { type Certificate, CertificateFolder, newAuthority, newCertificate } from '../certificates.ts';
import { call, clientOf, hangUp } from '../contract.ts';
import { startEnvoy } from '../engines/envoy.ts';
import { installed } from '../engines/install.ts';
import { rawExchange } from '../fuzz/raw-exchange.ts';
import { startServer } from '../server.ts';
import { startBareGrpc, startBareHttps } from './bare-server.ts';
import { type CaseResult, type H2Server, resultsIn, runH2spec } from './h2spec.ts';
import { type Expectation, expectations, type Page, type Port, ports, readPage } from './h2spec-page.ts';

/**
 * Most wrong frames of h2spec follow a request, and the server may have answered it before it reads them. The page lists the cases that end in different ways
 * because of that. Another one may, on a busy machine, but not this often in a row.
 */
const attempts = 5;

type Results = Map<string, CaseResult>;

/** Those where node:http2 serves. */
const nodePorts = ['grpc', 'http'] as const;

let page: Page;
let parley: Readonly<Record<Port, Results>>;
let bare: Readonly<Record<(typeof nodePorts)[number], Results>>;

beforeAll(async () => {
  page = await readPage();
  // Once, before those that need it at the same time.
  await installed('h2spec');
  const authority = await newAuthority('h2spec');
  const certificate = await newCertificate(authority, 'a server');
  const [grpc, http, envoy, bareGrpc, bareHttp] = await Promise.all([
    testGrpcPort(),
    testHttpPort(certificate),
    testEnvoy(certificate, authority.cert),
    testBare(startBareGrpc()),
    testBare(startBareHttps(certificate)),
  ]);
  parley = { grpc, http, envoy };
  bare = { grpc: bareGrpc, http: bareHttp };
});

async function testGrpcPort(): Promise<Results> {
  await using target = await startTarget();
  const results = await settled({ port: target.grpcPort, tls: false }, 'grpc');
  await target.honestClientIsServed();
  return results;
}

async function testHttpPort({ cert, key }: Certificate): Promise<Results> {
  await using files = await CertificateFolder.make();
  const env = {
    PARLEY_TLS_CERT_FILE: await files.write('cert.pem', cert),
    PARLEY_TLS_KEY_FILE: await files.write('key.pem', key),
  };
  await using server = await startServer({ env });
  const results = await settled({ port: portOf(server.httpAddress), tls: true }, 'http');
  expect(await server.stop('SIGTERM')).toEqual({ code: 0, signal: null });
  return results;
}

/** Envoy closes a connection that it has found wrong a second later: so cases last longer, and their groups run at once. */
async function testEnvoy(certificate: Certificate, authority: string): Promise<Results> {
  await using gateway = await startServer();
  await using envoy = await startEnvoy({ gateways: [gateway], certificate });
  const server = { port: portOf(envoy.address), tls: true, answerSeconds: 3 };
  const groups = [['generic', 'hpack', 'http2/3', 'http2/4', 'http2/7'], ['http2/5'], ['http2/6'], ['http2/8']];
  const results = await Promise.all(groups.map((sections) => settled(server, 'envoy', sections)));
  const client = clientOf('chat.v1.AccountService', envoy.address, {}, credentials.createSsl(Buffer.from(authority)));
  await call(client, 'DescribeSignIn', {});
  hangUp(client);
  return new Map(results.flatMap((each) => [...each]));
}

async function testBare(started: Promise<H2Server & AsyncDisposable>): Promise<Results> {
  await using server = await started;
  return byId(await runH2spec(server));
}

/** All cases, or those of these sections. Those that fail against the page are tried again. */
async function settled(server: H2Server, port: Port, sections?: readonly string[]): Promise<Results> {
  const results = byId(await runH2spec(server, sections));
  for (let attempt = 1; attempt < attempts; attempt += 1) {
    const unexpected = [...results.values()].filter(
      ({ id, outcome }) => outcome === 'failed' && expected(id, port) === 'passed',
    );
    if (unexpected.length === 0) break;
    const failed = new Set(unexpected.map(({ id }) => id.slice(0, id.lastIndexOf('/'))));
    const again = byId(await runH2spec(server, [...failed]));
    for (const result of unexpected) results.set(result.id, again.get(result.id) ?? result);
  }
  return results;
}

function byId(results: readonly CaseResult[]): Results {
  return new Map(results.map((result) => [result.id, result]));
}

/** What the page does not list passes. */
function expected(id: string, port: Port): Expectation {
  return page.rows.find((row) => row.id === id)?.[port] ?? 'passed';
}

test.each(ports)('the page lists the cases that the %s port does not pass', (port) => {
  const results = [...parley[port].values()];
  const differences = results
    .filter(({ id, outcome }) => expected(id, port) !== 'varies' && expected(id, port) !== outcome)
    .map(({ id, outcome, detail }) => `${id} ${outcome}, not ${expected(id, port)}: ${detail}`);
  expect(differences).toEqual([]);
});

test.each(nodePorts)('what fails at the %s port fails at node:http2 alone, too', (port) => {
  const failed = [...parley[port].values()].filter(
    ({ id, outcome }) => outcome === 'failed' && expected(id, port) === 'failed',
  );
  expect(failed.length).toBeGreaterThan(0);
  const added = failed.filter(({ id }) => bare[port].get(id)?.outcome !== 'failed');
  expect(added).toEqual([]);
});

test('the page counts the cases, and lists none that there is not', () => {
  for (const [port, name] of [
    ['grpc', 'gRPC'],
    ['http', 'HTTP'],
    ['envoy', 'Envoy'],
  ] as const) {
    const all = [...parley[port].keys()].map((id) => expected(id, port));
    const counts = expectations.map((one) => all.filter((other) => other === one).length);
    expect(page.text).toContain(`\n| ${name} | ${counts.join(' | ')} |\n`);
  }
  for (const { id, title } of page.rows) expect(parley.grpc.get(id)).toMatchObject({ id, title });
});

const priorityType = 2;

/** The stream of each HEADERS frame, in order. */
function answeredStreams(received: Buffer): readonly number[] {
  const streams: number[] = [];
  for (let at = 0; at + 9 <= received.length; at += 9 + received.readUIntBE(at, 3)) {
    if (received.readUInt8(at + 3) === frameTypes.headers) streams.push(received.readUInt32BE(at + 5));
  }
  return streams;
}

test('frames of streams that are over, and of priorities, begin no call, and the connection goes on', async () => {
  await using target = await startTarget();
  const request = (stream: number) =>
    frame(frameTypes.headers, flags.endHeaders | flags.endStream, stream, callFields('/a.B/None'));
  const sent = [
    preface,
    request(5),
    request(3),
    frame(frameTypes.headers, flags.endHeaders, 7, callFields('/a.B/None')),
    frame(frameTypes.reset, flags.none, 7, word(8)),
    request(7),
    frame(frameTypes.data, flags.endStream, 7, Buffer.from('late')),
    frame(priorityType, flags.none, 0, Buffer.alloc(5)),
    request(9),
  ];
  const { received } = await rawExchange(target.grpcPort, Buffer.concat(sent));
  expect(answeredStreams(received)).toEqual([5, 9]);
});

test('a report is read that has octets in it which XML does not allow', () => {
  const report = `<testsuites><testsuite name="6.7. PING" package="http2/6.7">
    <testcase package="http2/6.7" classname="Sends a PING frame" time="0.1"></testcase>
    <testcase package="http2/6.7" classname="Sends &#34;ACK&#34;" time="0.2"><error>h2spec\0\0
Connection closed</error></testcase>
    <testcase package="http2/6.7" classname="Sends no frame" time="0.3"><skipped></skipped></testcase>
    </testsuite></testsuites>`;
  expect(resultsIn(report)).toEqual([
    { id: 'http2/6.7/1', title: 'Sends a PING frame', outcome: 'passed', detail: '' },
    { id: 'http2/6.7/2', title: 'Sends "ACK"', outcome: 'failed', detail: 'h2spec\0\0\nConnection closed' },
    { id: 'http2/6.7/3', title: 'Sends no frame', outcome: 'skipped', detail: '' },
  ]);
});
