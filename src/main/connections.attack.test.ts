import { expect, test } from '@jest/globals';
import { maxHealthWatchStreams } from '../domain/connection-limits.ts';
import { answerOf, callHead, framed, openConnection, unfinishedCall } from '../testing/attacks/calls.ts';
import { callFields, flags, frame, frameTypes, preface } from '../testing/attacks/http2-frames.ts';
import { HeldConnections } from '../testing/attacks/sockets.ts';
import { metricOf, openFiles, startTarget } from '../testing/attacks/target.ts';
import { CertificateFolder, newAuthority, newCertificate } from '../testing/certificates.ts';
import { startServer } from '../testing/server.ts';
import { eventually } from '../testing/test-sessions.ts';

/** More than what the server admits by default, so that the last ones come when it has no more room. */
const manyConnections = 4_000;
const someConnections = 300;
const maxGrowthMib = 250;
/** What a server opens besides: an honest client's connection that is not closed yet, files of its own. */
const fewFiles = 30;
/** Twice the longest limit here, and more: no figure of speed. */
const closedWithinMs = 40_000;

const attacker = { localAddress: '127.0.0.2' };

test('connections that say nothing give way to others, and are closed', async () => {
  await using target = await startTarget();
  using _grpc = await HeldConnections.open({ port: target.grpcPort, count: manyConnections });
  using _http = await HeldConnections.open({ port: target.httpPort, count: manyConnections });
  await eventually(
    () => target.openedFiles(),
    // All that the server admits, on both ports.
    (files) => files > 6_000,
  );
  await target.honestClientIsServed();
  const peakMib = await target.grownMib();
  const files = await target.openedFiles();
  console.info(
    `${files} of ${2 * manyConnections} connections were open, the server grew by ${peakMib.toFixed(0)} MiB`,
  );
  expect(peakMib).toBeLessThan(maxGrowthMib);
  await eventually(
    () => target.openedFiles(),
    (left) => left < fewFiles,
    closedWithinMs,
  );
  expect(await metricOf(target, 'silent')).toBeGreaterThan(0);
  expect(await metricOf(target, 'connections')).toBeGreaterThan(0);
});

test('heads of requests that come octet by octet are not waited for', async () => {
  await using target = await startTarget();
  const first = 'GET /healthz HTTP/1.1\r\nhost: a\r\nx-slow: ';
  using http = await HeldConnections.open({ port: target.httpPort, count: someConnections, first });
  // The same for a preface of HTTP/2.
  using _ = await HeldConnections.open({
    port: target.grpcPort,
    count: someConnections,
    first: preface.subarray(0, 20),
  });
  await eventually(
    () => target.openedFiles(),
    (files) => files >= 2 * someConnections,
  );
  const dripping = setInterval(() => http.write('x'), 500);
  try {
    await target.honestClientIsServed();
    await eventually(
      () => target.openedFiles(),
      (files) => files < fewFiles,
      closedWithinMs,
    );
  } finally {
    clearInterval(dripping);
  }
});

test('handshakes of TLS that stall are closed', async () => {
  const authority = await newAuthority('an authority');
  await using files = await CertificateFolder.make();
  const { cert, key } = await newCertificate(authority, 'a server');
  await using server = await startServer({
    env: {
      PARLEY_TLS_CERT_FILE: await files.write('cert.pem', cert),
      PARLEY_TLS_KEY_FILE: await files.write('key.pem', key),
    },
  });
  const ports = [server.address, server.httpAddress].map((address) => Number(address.split(':').at(-1)));
  const clientHello = Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]);
  const atStart = await openFiles(server.pid);
  const held = ports.flatMap((port) => [
    HeldConnections.open({ port, count: someConnections }),
    HeldConnections.open({ port, count: someConnections, first: clientHello }),
  ]);
  await Promise.all(held);
  const opened = async () => (await openFiles(server.pid)) - atStart;
  await eventually(opened, (count) => count >= 4 * someConnections);
  await eventually(opened, (count) => count < fewFiles, closedWithinMs);
  for (const connections of held) (await connections)[Symbol.dispose]();
});

test('connections without a call are closed, although their clients hold on to them', async () => {
  await using target = await startTarget({ PARLEY_CONNECTION_IDLE_MS: '1000' });
  using _ = await HeldConnections.open({ port: target.grpcPort, count: someConnections, first: preface });
  await eventually(
    () => target.openedFiles(),
    (files) => files >= someConnections,
  );
  await eventually(
    () => target.openedFiles(),
    (files) => files < fewFiles,
    closedWithinMs,
  );
  expect(await metricOf(target, 'idle')).toBeGreaterThanOrEqual(someConnections);
  await target.honestClientIsServed();
});

/*
 * Cause: Node leaves a connection open, whether or not its client closes its half, that breaks a frame after it has said that it goes away.
 */
test('connections that are broken after their clients have said that they go away are closed like idle ones', async () => {
  await using target = await startTarget({ PARLEY_CONNECTION_IDLE_MS: '1000' });
  const answered = frame(frameTypes.headers, flags.endHeaders | flags.endStream, 1, callFields('/a.B/None'));
  const away = frame(frameTypes.goAway, flags.none, 0, Buffer.alloc(8));
  const broken = frame(frameTypes.data, flags.none, 0, Buffer.alloc(100)).subarray(0, 20);
  const first = Buffer.concat([preface, answered, away, broken]);
  using _ = await HeldConnections.open({ port: target.grpcPort, count: someConnections, first });
  await eventually(
    () => target.openedFiles(),
    (files) => files >= someConnections / 2,
  );
  await eventually(
    () => target.openedFiles(),
    (files) => files < fewFiles,
    closedWithinMs,
  );
  await target.honestClientIsServed();
});

test('one address has its share of the connections and no more, a proxy that is trusted all', async () => {
  await using target = await startTarget({
    PARLEY_MAX_CONNECTIONS_PER_ADDRESS: '50',
    PARLEY_TRUSTED_PROXIES: '127.0.0.3',
  });
  using grpc = await HeldConnections.open({
    port: target.grpcPort,
    count: someConnections,
    first: preface,
    ...attacker,
  });
  using http = await HeldConnections.open({ port: target.httpPort, count: someConnections, ...attacker });
  await eventually(
    async () => [grpc.open, http.open],
    (open) => open.every((count) => count === 50),
  );
  await target.honestClientIsServed();
  using proxy = await HeldConnections.open({
    port: target.grpcPort,
    count: someConnections,
    first: preface,
    localAddress: '127.0.0.3',
  });
  await eventually(
    () => target.openedFiles(),
    (files) => files >= someConnections + 2 * 50,
  );
  expect(proxy.open).toBe(someConnections);
  expect(await metricOf(target, 'address')).toBe(2 * (someConnections - 50));
});

test('chat streams without a Hello are ended', async () => {
  await using target = await startTarget();
  const session = await openConnection(target.grpcPort);
  const streams = Array.from({ length: 50 }, () =>
    unfinishedCall(session, callHead('/chat.v1.ChatService/Chat'), Buffer.alloc(0)),
  );
  await target.honestClientIsServed();
  const answers = await Promise.all(streams.map((stream) => answerOf(stream, closedWithinMs)));
  session.destroy();
  for (const answer of answers) {
    expect(answer['grpc-status']).toBe('3');
    expect(Buffer.from(String(answer['grpc-status-details-bin']), 'base64').toString('latin1')).toContain(
      'HELLO_EXPECTED',
    );
  }
});

test('calls that watch the health of the server for ever have a bound in all', async () => {
  await using target = await startTarget();
  const sessions = await Promise.all(Array.from({ length: 11 }, () => openConnection(target.grpcPort)));
  const watch = () => callHead('/grpc.health.v1.Health/Watch');
  const answers = sessions.flatMap((session) =>
    Array.from({ length: 95 }, () => {
      const stream = session.request(watch());
      stream
        .on('error', () => undefined)
        .resume()
        .end(framed(Buffer.alloc(0)));
      return new Promise<unknown>((resolve) => stream.once('response', (headers) => resolve(headers['grpc-status'])));
    }),
  );
  const refused = (await Promise.all(answers)).filter((status) => status === '8');
  expect(refused.length).toBe(11 * 95 - maxHealthWatchStreams);
  expect(await metricOf(target, 'watches')).toBe(refused.length);
  await target.honestClientIsServed();
  for (const session of sessions) session.destroy();
});
