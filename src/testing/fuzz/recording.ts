import { createServer, type ServerHttp2Stream } from 'node:http2';
import { duplexPair } from 'node:stream';
import { startTcpRelay } from '../tcp-relay.ts';

/** What a client sent on each of its connections, octet by octet. */
export type Recording = readonly Buffer[];

/** A call that a client made, and the messages that it sent in it. */
export interface RecordedCall {
  readonly path: string;
  readonly messages: readonly Buffer[];
}

const prefixBytes = 5;

/** Records what is sent to the server at this address while this goes on, which is given the address to send to. */
export async function record(address: string, talk: (address: string) => Promise<void>): Promise<Recording> {
  const port = Number(address.split(':').at(-1));
  const connections: Buffer[][] = [];
  await using relay = await startTcpRelay({ hostname: '127.0.0.1', port }, ({ client, server }) => {
    const chunks: Buffer[] = [];
    connections.push(chunks);
    client.on('data', (chunk: Buffer) => chunks.push(chunk)).pipe(server);
    server.pipe(client);
  });
  await talk(`127.0.0.1:${relay.port}`);
  return connections.map((chunks) => Buffer.concat(chunks));
}

/** The calls on a connection that was recorded: a server that answers nothing is given all of it. */
export async function callsIn(connection: Buffer): Promise<readonly RecordedCall[]> {
  const calls: Promise<RecordedCall>[] = [];
  const server = createServer();
  server.on('stream', (stream, headers) => calls.push(callOn(stream, String(headers[':path']))));
  server.on('sessionError', () => undefined);
  const [ours, theirs] = duplexPair();
  server.emit('connection', theirs);
  const closed = new Promise((resolve) => theirs.once('close', resolve));
  ours
    .on('error', () => undefined)
    .resume()
    .end(connection);
  await closed;
  return Promise.all(calls);
}

function callOn(stream: ServerHttp2Stream, path: string): Promise<RecordedCall> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', () => undefined);
  return new Promise((resolve) =>
    stream.once('close', () => resolve({ path, messages: messagesIn(Buffer.concat(chunks)) })),
  );
}

function messagesIn(body: Buffer): readonly Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at + prefixBytes <= body.length; ) {
    const end = at + prefixBytes + body.readUInt32BE(at + 1);
    messages.push(body.subarray(at + prefixBytes, end));
    at = end;
  }
  return messages;
}
