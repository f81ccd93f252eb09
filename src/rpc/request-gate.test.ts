import { once } from 'node:events';
import { connect } from 'node:http2';
import { duplexPair } from 'node:stream';
import { type handleUnaryCall, Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { describe, expect, test } from '@jest/globals';
import { answerOf, callHead, framed } from '../testing/attacks/calls.ts';
import { StandingClock } from '../testing/standing-clock.ts';
import { connectionServer } from './grpc-internals.ts';
import { gateRequests } from './request-gate.ts';
import { UnfinishedRequests } from './unfinished-requests.ts';

/*
 * Cause: of the calls that a connection brings in one turn of the event loop, all but the first were passed on after it. The stream of a request
 * without a body had ended by then, and told nobody a second time: the call was never answered.
 */

const metrics = { cut() {} };
const answerMs = 2_000;
const bytes = (value: Buffer) => value;

function gatedServer() {
  const server = new Server();
  const one: handleUnaryCall<Buffer, Buffer> = (_, callback) => callback(null, Buffer.from('a'));
  const many = (call: ServerDuplexStream<Buffer, Buffer>) => call.on('end', () => call.end()).resume();
  server.register('/a.B/One', one, bytes, bytes, 'unary');
  server.register('/a.B/Many', many, bytes, bytes, 'bidi');
  const connections = connectionServer(server, ServerCredentials.createInsecure(), {});
  gateRequests(connections, {
    unfinished: new UnfinishedRequests(new StandingClock(), metrics),
    metrics,
    afterReading: setImmediate,
    asOutcast: () => undefined,
  });
  const [ours, theirs] = duplexPair();
  connections.serve(theirs);
  return { session: connect('http://server', { createConnection: () => ours }), server };
}

describe('of calls that come together, each is answered', () => {
  test.each([
    ['whose requests end with their heads', true, undefined, '/a.B/Many', '0'],
    ['whose requests end without a body', false, Buffer.alloc(0), '/a.B/Many', '0'],
    ['of one request each, that end with their heads', true, undefined, '/a.B/One', '12'],
    ['of one request each, that end without a body', false, Buffer.alloc(0), '/a.B/One', '12'],
    ['whose requests have a message', false, framed(Buffer.from('x')), '/a.B/Many', '0'],
    ['of one request each', false, framed(Buffer.from('x')), '/a.B/One', '0'],
  ] as const)('%s', async (_, endStream, body, path, status) => {
    const { session, server } = gatedServer();
    await once(session, 'remoteSettings');
    const streams = Array.from({ length: 4 }, () => {
      const stream = session.request(callHead(path), { endStream });
      stream.on('error', () => undefined).resume();
      if (!endStream) stream.end(body);
      return stream;
    });
    const answers = await Promise.all(streams.map((stream) => answerOf(stream, answerMs)));
    expect(answers.map((answer) => answer['grpc-status'])).toEqual(answers.map(() => status));
    session.destroy();
    server.forceShutdown();
  });
});
