import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { nodeCryptoIds } from '../adapters/node/node-crypto-ids.ts';
import { Watchdog } from '../app/watchdog.ts';
import { Refused } from '../domain/errors/catalogue.ts';
import { slowConsumerMs, sweepMs } from '../domain/limits.ts';
import { type ChatServiceServer, ChatServiceService } from '../gen/chat/v1/chat_service.ts';
import { StandingClock } from '../testing/standing-clock.ts';
import { ErrorMapping } from './errors.ts';
import { type SessionStream, StreamOutput } from './stream-output.ts';
import { durationOf } from './wire-values.ts';

/*
 * Cause: the end of a stream waits behind what was written to it. A client that said goodbye and read nothing kept its stream for ever,
 * and what was written to it: the slow-consumer limit ended its session, which had ended already.
 */

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const uncounted = { refused() {}, accepted() {}, replied() {}, historyRead() {}, sessionEnded() {}, writeRefused() {} };
const limits = {
  maxClients: 1,
  maxProcessing: 1,
  maxTextBytes: 1,
  maxInlineBytes: 1,
  maxMediaBytes: 1n,
  maxFrameBytes: 1,
};
const facts = { heartbeatInterval: durationOf(1), firstMessageDeadline: durationOf(1), limits };
const errors = new ErrorMapping(quiet, uncounted, nodeCryptoIds);

let server: Server;
let port: number;
let clock: StandingClock;
let serve: (stream: SessionStream) => void;
let session: ClientHttp2Session | undefined;

beforeAll(async () => {
  server = new Server();
  const unused = () => {
    throw new Error('not called here');
  };
  const implementation: ChatServiceServer = {
    chat: (call) => serve(call),
    open: (call) => serve(call as SessionStream),
    join: unused,
    send: unused,
    stopReply: unused,
    heartbeat: unused,
    close: unused,
  };
  server.addService(ChatServiceService, implementation);
  port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
});

afterEach(() => session?.destroy());
afterAll(() => server.forceShutdown());

/** An empty message of gRPC. */
const emptyMessage = Buffer.alloc(5);

/** A client that gives the server no window to send in, and a stream of it. */
function deafCall(method: 'Chat' | 'Open'): ClientHttp2Stream {
  session = connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 0 } });
  const call = session.request({
    ':method': 'POST',
    ':path': `/chat.v1.ChatService/${method}`,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  call.on('error', () => undefined);
  if (method === 'Open') call.end(emptyMessage);
  return call;
}

/** The server's output of the next stream. */
function nextOutput(): Promise<{ readonly output: StreamOutput; readonly slow: Refused[] }> {
  clock = new StandingClock();
  return new Promise((resolve) => {
    serve = (stream) => {
      const slow: Refused[] = [];
      const deps = { facts, errors, clock, watchdog: new Watchdog(clock, sweepMs) };
      const output: StreamOutput = new StreamOutput(stream, deps, (refused) => {
        slow.push(refused);
        output.end(refused);
      });
      resolve({ output, slow });
    };
  });
}

/** Time passes in the steps in which deadlines are looked at, whoever runs in between having their turn. */
async function pass(ms: number): Promise<void> {
  for (let passedMs = 0; passedMs < ms; passedMs += 500) {
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(500);
  }
  await new Promise((resolve) => setImmediate(resolve));
}

const closed = (call: ClientHttp2Stream) =>
  new Promise<number>((resolve) => call.once('close', () => resolve(call.rstCode)));

describe.each(['Chat', 'Open'] as const)('a client of %s that reads nothing', (method) => {
  test.each([1, 100])('is cut at the limit after its session ended in order, %i events unread', async (events) => {
    const opened = nextOutput();
    const call = deafCall(method);
    const end = closed(call);
    const { output, slow } = await opened;
    for (let index = 0; index < events; index += 1) output.emit({ type: 'pong', timeMs: index });
    output.end(undefined);
    await pass(slowConsumerMs - 1_000);
    expect(call.closed).toBe(false);
    await pass(2_000);
    expect(await end).toBe(constants.NGHTTP2_CANCEL);
    expect(slow).toEqual([]);
  });

  test('is refused at the limit, and cut when it does not read that either', async () => {
    const opened = nextOutput();
    const call = deafCall(method);
    const end = closed(call);
    const { output, slow } = await opened;
    for (let index = 0; index < 100; index += 1) output.emit({ type: 'pong', timeMs: index });
    await pass(slowConsumerMs + 1_000);
    expect(slow.map(({ reason }) => reason)).toEqual(['SLOW_CONSUMER']);
    expect(call.closed).toBe(false);
    await pass(slowConsumerMs);
    expect(await end).toBe(constants.NGHTTP2_CANCEL);
  });

  test('does not keep those waiting that send only as fast as it reads', async () => {
    const opened = nextOutput();
    deafCall(method);
    const { output } = await opened;
    for (let index = 0; index < 100; index += 1) output.emit({ type: 'pong', timeMs: index });
    const writable = output.writable();
    output.end(undefined);
    await writable;
  });
});

test('a client that has read everything and does not close its half is cut at the limit', async () => {
  const opened = nextOutput();
  session = connect(`http://127.0.0.1:${port}`);
  const call = session.request({
    ':method': 'POST',
    ':path': '/chat.v1.ChatService/Chat',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  call.on('error', () => undefined).resume();
  const { output } = await opened;
  const trailers = new Promise((resolve) => call.once('trailers', resolve));
  const end = closed(call);
  output.emit({ type: 'pong', timeMs: 1 });
  output.end(new Refused('STALE'));
  await trailers;
  await pass(slowConsumerMs + 1_000);
  await end;
});
