import { createServer, type RequestListener } from 'node:http';
import { createServer as createServer2 } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { type handleServerStreamingCall, type handleUnaryCall, Server, ServerCredentials } from '@grpc/grpc-js';
import { type GrpcWebDeps, grpcWebDoor } from '../grpc-web.ts';

const same = (bytes: Buffer) => bytes;
const bytes = { requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same };
const methods = {
  once: { path: '/test.Bytes/Once', requestStream: false, responseStream: false, ...bytes },
  many: { path: '/test.Bytes/Many', requestStream: false, responseStream: true, ...bytes },
} as const;

const echo: handleUnaryCall<Buffer, Buffer> = ({ request }, callback) => callback(null, request);
const silence: handleServerStreamingCall<Buffer, Buffer> = (call) => void call.end();

/** A gRPC server whose messages are any bytes, and the door before it. */
export interface ByteServer extends AsyncDisposable {
  /** Of the unary call. */
  readonly once: string;
  /** Of the stream. */
  readonly many: string;
  readonly rpc: Server;
  readonly origin: string;
}

export interface ByteServerOptions {
  readonly once?: handleUnaryCall<Buffer, Buffer>;
  readonly many?: handleServerStreamingCall<Buffer, Buffer>;
  readonly deps?: Partial<GrpcWebDeps>;
  /** Of the connections to the door. */
  readonly protocol?: 'HTTP/1' | 'HTTP/2';
}

/** Answers a unary call with what it was asked, and a stream with nothing, unless told otherwise. */
export async function startByteServer({
  once = echo,
  many = silence,
  deps,
  protocol = 'HTTP/1',
}: ByteServerOptions = {}): Promise<ByteServer> {
  const rpc = new Server();
  rpc.addService(methods, { once, many });
  const injector = rpc.createConnectionInjector(ServerCredentials.createInsecure());
  const door = grpcWebDoor({
    serve: (connection) => injector.injectConnection(connection),
    paths: new Set([methods.once.path, methods.many.path]),
    maxMessageBytes: 4 * 1_024 * 1_024,
    arriving: () => ({ count: () => true, end() {} }),
    origins: { others: [], secure: false, ownNames: undefined },
    credentials: {},
    malformed: (message) => ({ code: 3, message }),
    ...deps,
  });
  const listener: RequestListener = (request, response) => void door.handle(request, response);
  const http = protocol === 'HTTP/1' ? createServer(listener) : createServer2().on('request', listener);
  const sockets = new Set<Socket>();
  http.on('connection', (socket: Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  return {
    rpc,
    origin,
    once: origin + methods.once.path,
    many: origin + methods.many.path,
    async [Symbol.asyncDispose]() {
      rpc.forceShutdown();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}
