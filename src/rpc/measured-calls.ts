import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { status as grpcStatus } from '@grpc/grpc-js';
import { ErrorInfo } from '../gen/google/rpc/error_details.ts';
import { Status } from '../gen/google/rpc/status.ts';
import type { Clock } from '../ports/clock.ts';
import type { CallMetrics, MethodMetrics } from '../ports/telemetry.ts';
import type { ConnectionServer } from './grpc-internals.ts';
import { methods } from './server.ts';

/**
 * Counts and times each call of the contract where its HTTP/2 stream begins and ends: calls that are refused before a handler has them are
 * seen as well, and the frames of a long stream cost nothing. Calls of other services are not counted: their paths are whatever clients write.
 */
export function measureCalls({ http2 }: Pick<ConnectionServer, 'http2'>, metrics: CallMetrics, clock: Clock): void {
  const byPath = new Map<string, MethodMetrics>();
  for (const { path, requestStream, responseStream } of methods)
    byPath.set(path, metrics.method(path.slice(1), requestStream || responseStream ? 'stream' : 'unary'));
  http2.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    const method = byPath.get(headers[':path'] ?? '');
    if (method === undefined) return;
    const startedMs = clock.monotonicMs();
    method.started();
    stream.once('close', () => method.ended(clock.monotonicMs() - startedMs, errorOf(stream)));
  });
}

/** The reason of the catalogue that the call ended with, or the name of its code where it has none; undefined: it succeeded. */
function errorOf({ sentTrailers, sentHeaders }: ServerHttp2Stream): string | undefined {
  // Without a status of ours, the client or the connection ended it.
  const end = sentTrailers ?? sentHeaders ?? {};
  const { 'grpc-status': code = grpcStatus.CANCELLED, 'grpc-status-details-bin': details } = end;
  if (Number(code) === grpcStatus.OK) return undefined;
  return (details && reasonIn(String(details))) || grpcStatus[Number(code)] || 'UNKNOWN';
}

function reasonIn(details: string): string | undefined {
  const info = Status.decode(Buffer.from(details, 'base64')).details.find(({ typeUrl }) =>
    typeUrl.endsWith('/google.rpc.ErrorInfo'),
  );
  return info && ErrorInfo.decode(info.value).reason;
}
