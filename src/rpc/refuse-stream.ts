import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';

/** A status of gRPC, for a call that ends before its handler has it. */
export interface Cut {
  readonly code: number;
  readonly message: string;
  /** A google.rpc.Status in octets, as `grpc-status-details-bin` has it. */
  readonly details?: Uint8Array | undefined;
}

interface StreamRefusal extends Cut {
  readonly headers?: OutgoingHttpHeaders;
}

const refused = new WeakSet<ServerHttp2Stream>();

/** Whether the call was refused here, before or while its request arrived. */
export function wasRefusedOnArrival(stream: ServerHttp2Stream): boolean {
  return refused.has(stream);
}

/** Ends a call by its status, or by a reset where it has been answered already, and reads no more of it. */
export function refuseStream(stream: ServerHttp2Stream, { code, message, details, headers }: StreamRefusal): void {
  if (stream.destroyed || stream.closed) return;
  stream.on('error', () => undefined);
  refused.add(stream);
  if (stream.headersSent) return stream.close(constants.NGHTTP2_CANCEL);
  const head = {
    ':status': 200,
    'content-type': 'application/grpc+proto',
    'grpc-status': code,
    'grpc-message': encodeURI(message),
    ...(details && { 'grpc-status-details-bin': Buffer.from(details).toString('base64') }),
    ...headers,
  };
  stream.respond(head, { endStream: true });
  // What is on its way is not waited for.
  stream.close(constants.NGHTTP2_NO_ERROR);
  stream.resume();
}
