import { createSecureServer, createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { Certificate } from '../certificates.ts';
import type { H2Server } from './h2spec.ts';

/** As many as a server of Parley tells its clients that they may have, so that the limit is tried on both. */
const settings = { maxConcurrentStreams: 100 };

type BareServer = H2Server & AsyncDisposable;

/** A server of node:http2 and nothing else, which answers with headers alone, as gRPC refuses a request. */
export function startBareGrpc(): Promise<BareServer> {
  return listening(createServer({ settings }), false, (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '12' }, { endStream: true });
  });
}

/** The same by TLS, which answers with a body. */
export function startBareHttps({ cert, key }: Certificate): Promise<BareServer> {
  return listening(createSecureServer({ settings, cert, key }), true, (stream) => {
    stream.respond();
    stream.end('There is nothing of Parley here.\n');
  });
}

async function listening(
  server: Http2Server,
  tls: boolean,
  answer: (stream: ServerHttp2Stream) => void,
): Promise<BareServer> {
  server.on('stream', (stream) => {
    // Clients break their streams here, which is what they are for.
    stream.on('error', () => undefined);
    answer(stream);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    tls,
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}
