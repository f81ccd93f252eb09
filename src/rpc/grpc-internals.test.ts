import { once } from 'node:events';
import { connect } from 'node:http2';
import { duplexPair } from 'node:stream';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { expect, test } from '@jest/globals';
import { answerOf, callHead, unfinishedCall } from '../testing/attacks/calls.ts';
import { StandingClock } from '../testing/standing-clock.ts';
import { connectionServer } from './grpc-internals.ts';
import { gateRequests } from './request-gate.ts';
import { UnfinishedRequests } from './unfinished-requests.ts';

const metrics = { cut() {} };

test('a server that is handed connections has the options of HTTP/2, and each call passes the gate', async () => {
  const server = new Server();
  const settings = { maxConcurrentStreams: 7, maxHeaderListSize: 12_345 };
  const connections = connectionServer(server, ServerCredentials.createInsecure(), { settings });
  const unfinished = new UnfinishedRequests(new StandingClock(), metrics);
  gateRequests(connections, { unfinished, metrics, afterReading: setImmediate, asOutcast: () => undefined });
  const [ours, theirs] = duplexPair();
  connections.serve(theirs);
  const session = connect('http://server', { createConnection: () => ours });
  await once(session, 'remoteSettings');
  expect(session.remoteSettings).toMatchObject(settings);
  const compressed = unfinishedCall(session, callHead('/a.B/C', { 'grpc-encoding': 'gzip' }), Buffer.alloc(0));
  expect(await answerOf(compressed)).toMatchObject({ 'grpc-status': '12', 'grpc-accept-encoding': 'identity' });
  const unknown = unfinishedCall(session, callHead('/a.B/C'), Buffer.alloc(0));
  unknown.end();
  // By grpc-js, which has no such call.
  expect(await answerOf(unknown)).toMatchObject({
    'grpc-status': '12',
    'grpc-message': expect.stringContaining('/a.B/C'),
    'grpc-accept-encoding': 'identity',
  });
  session.destroy();
  server.forceShutdown();
});
