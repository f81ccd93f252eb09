import type { OutgoingHttpHeaders } from 'node:http2';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import { SendRequest } from '../gen/chat/v1/chat_service.ts';
import { answerOf, callHead, framed, openConnection, unfinishedCall } from '../testing/attacks/calls.ts';
import { metricOf, startTarget, type Target } from '../testing/attacks/target.ts';

/*
 * Cause: a unary call is answered when its request has ended. Until then grpc-js kept all of it, inflated and decoded, for whoever had sent it,
 * for as long as they liked: 247 KB of gzip were 519 MiB in the server.
 */

const largestBytes = 4 * 1_024 * 1_024;
const sendPath = '/chat.v1.ChatService/Send';
/** As large as a message may be, so that what is decoded of it is as large again. */
const largest = Buffer.from(
  SendRequest.encode(
    SendRequest.fromPartial({
      sessionId: 'none',
      message: { parts: [{ value: { $case: 'text', value: 'x'.repeat(largestBytes - 200) } }] },
    }),
  ).finish(),
);
const calls = 60;
/** Less than half of what these attacks gained without the limits. */
const maxGrowthMib = 400;

type Answer = Readonly<Record<string, unknown>>;

/** Begins calls on a connection and ends none of them. */
async function unfinishedCalls(target: Target, head: OutgoingHttpHeaders, body: Buffer): Promise<readonly Answer[]> {
  const session = await openConnection(target.grpcPort);
  const streams = Array.from({ length: calls }, () => unfinishedCall(session, head, body));
  const answers = await Promise.all(streams.map((stream) => answerOf(stream)));
  session.destroy();
  return answers;
}

/** The same by gRPC-Web, in bytes or in base64, each call on a connection of its own. Resolves when all are closed. */
async function unfinishedWebCalls(target: Target, bytes: Buffer, type: 'grpc-web' | 'grpc-web-text'): Promise<void> {
  const body = type === 'grpc-web' ? bytes : Buffer.from(bytes.toString('base64'));
  const head = [
    `POST ${sendPath} HTTP/1.1`,
    'host: 127.0.0.1',
    `content-type: application/${type}+proto`,
    `content-length: ${body.length + 4}`,
  ];
  const one = async () => {
    const socket = connect(target.httpPort, '127.0.0.1').on('error', () => undefined);
    socket.write(`${head.join('\r\n')}\r\n\r\n`);
    socket.write(body);
    socket.resume();
    await new Promise((resolve) => socket.once('close', resolve));
  };
  await Promise.all(Array.from({ length: calls }, one));
}

test('compressed requests are refused before they are inflated', async () => {
  await using target = await startTarget();
  const body = framed(gzipSync(largest), true);
  const answers = unfinishedCalls(target, callHead(sendPath, { 'grpc-encoding': 'gzip' }), body);
  const peakMib = await target.peakMib(answers);
  console.info(`${body.length * calls} bytes were sent, the server grew by ${peakMib.toFixed(0)} MiB`);
  for (const answer of await answers)
    expect(answer).toMatchObject({ 'grpc-status': '12', 'grpc-accept-encoding': 'identity' });
  expect(peakMib).toBeLessThan(maxGrowthMib / 2);
  await target.honestClientIsServed();
  expect(await metricOf(target, 'compressed')).toBe(calls);
});

test('requests that never end share one bound and have a deadline, whatever calls and doors they are of', async () => {
  await using target = await startTarget();
  // All but the last byte: nothing of it is decoded yet.
  const body = framed(largest).subarray(0, -1);
  const attacks = [
    unfinishedCalls(target, callHead(sendPath), framed(largest)),
    unfinishedCalls(target, callHead(sendPath), body),
    unfinishedCalls(target, callHead('/chat.v1.ChatService/Open'), body),
    unfinishedCalls(target, callHead('/chat.v1.ChatService/Chat'), body),
    unfinishedCalls(target, callHead('/grpc.reflection.v1.ServerReflection/ServerReflectionInfo'), body),
    unfinishedCalls(target, callHead('/chat.v1.ChatService/NoSuchCall'), body),
  ] as const;
  const all = Promise.all([
    ...attacks,
    unfinishedWebCalls(target, body, 'grpc-web'),
    unfinishedWebCalls(target, body, 'grpc-web-text'),
  ]);
  const peakMib = await target.peakMib(all);
  const sentMib = (calls * 8 * largestBytes) / 2 ** 20;
  console.info(`up to ${sentMib} MiB were sent, the server grew by ${peakMib.toFixed(0)} MiB`);
  const codes = new Set((await Promise.all(attacks)).flat().map((answer) => answer['grpc-status']));
  // Nothing here: no answer within the time, or the stream was reset.
  console.info(`answers: ${[...codes].join()}`);
  expect(peakMib).toBeLessThan(maxGrowthMib);
  await target.honestClientIsServed();
  expect(await metricOf(target, 'body_bytes')).toBeGreaterThan(0);
  expect(await metricOf(target, 'body_time')).toBeGreaterThan(0);
});

/*
 * Cause: who a caller is was asked when the request had ended. People without an account held the whole of that bound, and requests of people who have one
 * gave way to theirs.
 */
test('where callers prove who they are, those who have not may send no more than signing in takes', async () => {
  await using target = await startTarget({ PARLEY_AUTH: 'accounts' });
  const body = framed(largest).subarray(0, -1);
  const forged = { authorization: 'Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.AAAA' };
  const attacks = [
    unfinishedCalls(target, callHead(sendPath), body),
    unfinishedCalls(target, callHead(sendPath, forged), body),
    unfinishedCalls(target, callHead('/chat.v1.ChatService/Chat'), body),
    unfinishedCalls(target, callHead('/grpc.health.v1.Health/Check'), body),
  ] as const;
  const all = Promise.all([
    ...attacks,
    unfinishedWebCalls(target, body, 'grpc-web'),
    unfinishedWebCalls(target, body, 'grpc-web-text'),
  ]);
  const peakMib = await target.peakMib(all);
  console.info(
    `up to ${(calls * 6 * largestBytes) / 2 ** 20} MiB were sent, the server grew by ${peakMib.toFixed(0)} MiB`,
  );
  const answers = (await Promise.all(attacks)).flat();
  expect(new Set(answers.map((answer) => answer['grpc-status']))).toEqual(new Set(['16']));
  expect(String(answers[0]?.['grpc-status-details-bin'])).not.toBe('undefined');
  expect(peakMib).toBeLessThan(maxGrowthMib / 5);
  // A chat stream without a token is refused at its head.
  expect(await metricOf(target, 'unproven')).toBeGreaterThanOrEqual(5 * calls);
  expect(await metricOf(target, 'body_bytes')).toBe(0);
  await target.honestClientIsServed();
});
