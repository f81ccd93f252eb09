import { once } from 'node:events';
import { connect } from 'node:http2';
import { duplexPair } from 'node:stream';
import { Server, ServerCredentials, type ServerWritableStream } from '@grpc/grpc-js';
import { expect, test } from '@jest/globals';
import { answerOf, callHead, framed, unfinishedCall } from '../testing/attacks/calls.ts';
import { StandingClock } from '../testing/standing-clock.ts';
import { connectionServer, writeTogether } from './grpc-internals.ts';
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

test('frames that wait to be written go to the socket as one, in order, and each tells when it was taken', async () => {
  const server = new Server();
  const asIs = (bytes: Buffer) => bytes;
  const codec = {
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
  const method = { path: '/a.B/C', requestStream: false, responseStream: true, ...codec };
  const taken: string[] = [];
  const answer = (call: ServerWritableStream<Buffer, Buffer>) => {
    writeTogether(call);
    call.cork();
    for (const text of ['a', 'bc', 'd']) call.write(Buffer.from(text), () => taken.push(text));
    call.end();
  };
  server.addService({ c: method }, { c: answer });
  const connections = connectionServer(server, ServerCredentials.createInsecure(), {});
  const [ours, theirs] = duplexPair();
  connections.serve(theirs);
  const session = connect('http://server', { createConnection: () => ours });
  const call = session.request(callHead('/a.B/C'));
  call.end(Buffer.alloc(5));
  const chunks: Buffer[] = [];
  for await (const chunk of call) chunks.push(chunk as Buffer);
  expect(chunks).toEqual([Buffer.concat(['a', 'bc', 'd'].map((text) => framed(Buffer.from(text))))]);
  expect(taken).toEqual(['a', 'bc', 'd']);
  session.destroy();
  server.forceShutdown();
});
