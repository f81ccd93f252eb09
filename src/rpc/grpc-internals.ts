import type { ServerHttp2Stream } from 'node:http2';
import type { Readable } from 'node:stream';

/*
 * What grpc-js has no public way for. Everything that reaches into it stands here, and stream-limits.test.ts fails when a release of it
 * keeps things elsewhere.
 */

/**
 * The HTTP/2 stream that carries a call, to reset it: grpc-js ends a call only by a status, which waits behind all that was written, and
 * so for ever if the client reads nothing. undefined where there is none.
 */
export function http2StreamOf(call: object): ServerHttp2Stream | undefined {
  return (call as { readonly call?: { readonly stream?: ServerHttp2Stream } }).call?.stream;
}

/** While a call is paused it reads one frame ahead: grpc-js reads 16, of up to 4 MiB each. */
export function readOneAhead(call: Readable): void {
  const { _readableState: state } = call as unknown as { readonly _readableState: { highWaterMark: number } };
  state.highWaterMark = 1;
}
