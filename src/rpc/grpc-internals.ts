import type { Http2SecureServer, Http2Server, SecureServerOptions, ServerHttp2Stream } from 'node:http2';
import type { Duplex, Readable, Writable } from 'node:stream';
import type { Server, ServerCredentials } from '@grpc/grpc-js';

/*
 * What grpc-js has no public way for. Everything that reaches into it stands here, and stream-limits.test.ts and grpc-internals.test.ts
 * fail when a release of it keeps things elsewhere.
 */

/**
 * The HTTP/2 stream that carries a call, to reset it: grpc-js ends a call only by a status, which waits behind all that was written, and
 * so for ever if the client reads nothing. undefined where there is none.
 */
export function http2StreamOf(call: object): ServerHttp2Stream | undefined {
  return (call as { readonly call?: { readonly stream?: ServerHttp2Stream } }).call?.stream;
}

/** The stream is closed, so nothing reaches the client any more; grpc-js reports that only after the end of the client's frames. */
export function isOver(call: object & { readonly cancelled: boolean }): boolean {
  return call.cancelled || http2StreamOf(call)?.closed === true;
}

/** While a call is paused it reads one frame ahead: grpc-js reads 16, of up to 4 MiB each. */
export function readOneAhead(call: Readable): void {
  const { _readableState: state } = call as unknown as { readonly _readableState: { highWaterMark: number } };
  state.highWaterMark = 1;
}

interface SentFrame {
  readonly chunk: unknown;
}

interface WritableInternals {
  readonly call?: { sendMessage(frame: unknown, sent: () => void): void };
  _writev?: (frames: readonly SentFrame[], done: () => void) => void;
}

/** Frames that wait to be written become one write to the socket: grpc-js waits after each until the socket has taken it. */
export function writeTogether(stream: Writable): void {
  const internals = stream as unknown as WritableInternals;
  const { call } = internals;
  if (call === undefined) return;
  internals._writev = (frames, done) => {
    const http2Stream = http2StreamOf(stream);
    let unsent = frames.length;
    http2Stream?.cork();
    for (const { chunk } of frames)
      call.sendMessage(chunk, () => {
        unsent -= 1;
        if (unsent === 0) done();
      });
    http2Stream?.uncork();
  };
}

/** A server of HTTP/2 connections that listens nowhere: it is handed connections. */
export interface ConnectionServer {
  readonly http2: Http2Server | Http2SecureServer;
  /** Serves a connection that was accepted. */
  serve(connection: Duplex): void;
}

interface ServerInternals {
  commonServerOptions: SecureServerOptions;
  readonly http2Servers: ReadonlyMap<Http2Server | Http2SecureServer, unknown>;
}

/** grpc-js passes two options of node:http2 on; these are given to it as well. The server ends with that of grpc-js. */
export function connectionServer(
  server: Server,
  credentials: ServerCredentials,
  options: SecureServerOptions,
): ConnectionServer {
  const internals = server as unknown as ServerInternals;
  const common = internals.commonServerOptions;
  const others = new Set(internals.http2Servers.keys());
  internals.commonServerOptions = { ...common, ...options };
  try {
    const injector = server.createConnectionInjector(credentials);
    const http2 = [...internals.http2Servers.keys()].find((one) => !others.has(one));
    if (http2 === undefined) throw new Error('grpc-js keeps its HTTP/2 servers elsewhere');
    return { http2, serve: (connection) => injector.injectConnection(connection) };
  } finally {
    internals.commonServerOptions = common;
  }
}
