import {
  constants,
  type Http2Session,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { maxHealthWatchStreams } from '../domain/connection-limits.ts';
import type { ConnectionMetrics } from '../ports/telemetry.ts';
import type { ConnectionServer } from './grpc-internals.ts';
import { refuseStream } from './refuse-stream.ts';
import type { Proof, UnfinishedRequests } from './unfinished-requests.ts';

/** As gRPC numbers them. */
const unimplemented = 12;
const resourceExhausted = 8;
const watchPath = '/grpc.health.v1.Health/Watch';
const acceptedEncodings = { 'grpc-accept-encoding': 'identity' };

export interface RequestGateDeps {
  readonly unfinished: UnfinishedRequests;
  readonly metrics: ConnectionMetrics;
  /** Does it when what came in this turn of the event loop has been read: `setImmediate`. */
  readonly afterReading: (work: () => void) => void;
  /** Of a call of a client that is out, or that a proxy makes for an address that is out: what it is refused with, unless its caller proves who they are. Of others: undefined. */
  readonly asOutcast: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => ReturnType<Proof> | undefined;
}

/**
 * Checks each call before grpc-js gets it. Compressed requests are refused: 4 KB of gzip inflate to 4 MiB, before authentication. Others are counted
 * until they are complete, and health watches while they last.
 */
export function gateRequests(
  { http2 }: Pick<ConnectionServer, 'http2'>,
  { unfinished, metrics, afterReading, asOutcast }: RequestGateDeps,
): void {
  const handlers = http2.listeners('stream');
  http2.removeAllListeners('stream');
  /** Connections that have brought a call in this turn of the event loop. */
  const began = new Set<Http2Session>();
  let watches = 0;
  const watched = () => {
    watches -= 1;
  };
  http2.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number) => {
    if (isCompressed(headers)) {
      metrics.cut('compressed');
      const message = 'Compressed requests are not accepted.';
      return refuseStream(stream, { code: unimplemented, message, headers: acceptedEncodings });
    }
    if (headers[':path'] === watchPath) {
      if (watches >= maxHealthWatchStreams) {
        metrics.cut('watches');
        return refuseStream(stream, { code: resourceExhausted, message: 'Too many watch the health of this server.' });
      }
      watches += 1;
      stream.once('close', watched);
    }
    const { session } = stream;
    const pass = () => {
      if (stream.closed) return void stream.destroy();
      const hasEnded = stream.readableEnded;
      if ((flags & constants.NGHTTP2_FLAG_END_STREAM) === 0 && !hasEnded) unfinished.add(stream, headers.authorization);
      offerNoCompression(stream);
      for (const handler of handlers) handler.call(http2, stream, headers, flags);
      // Of a request without a body that waited, the end was told when grpc-js did not listen yet.
      if (hasEnded) stream.emit('end');
    };
    const refusal = asOutcast(stream, headers);
    if (refusal !== undefined) {
      stream.on('error', () => undefined);
      return void refusal.then((why) => {
        if (why === undefined) return pass();
        metrics.cut('refused');
        refuseStream(stream, why);
      });
    }
    if (session === undefined || !began.has(session)) {
      if (began.size === 0) afterReading(() => began.clear());
      if (session !== undefined) began.add(session);
      return pass();
    }
    // Of a connection that brings many calls at once, all but the first wait until what it brings has been read: those that are reset in the same breath
    // cost their streams, and grpc-js and a handler nothing. One that breaks until then breaks its connection, too, which tells of it.
    stream.on('error', () => undefined);
    afterReading(pass);
  });
}

function isCompressed({ 'grpc-encoding': encoding = 'identity' }: IncomingHttpHeaders): boolean {
  return encoding !== 'identity';
}

/** grpc-js would tell clients that they may compress. */
function offerNoCompression(stream: ServerHttp2Stream): void {
  const respond = stream.respond.bind(stream);
  stream.respond = (headers, options) =>
    respond({ ...(headers as OutgoingHttpHeaders), ...acceptedEncodings }, options);
}
