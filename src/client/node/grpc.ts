import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import type { Wire } from '../wire.ts';

/** Without pings a server that stopped or vanished is never noticed. Servers take one every 10 s. */
const PING_INTERVAL_MS = 20_000;
const PING_TIMEOUT_MS = 5_000;
/** The server's own bound for any frame. */
const MAX_RECEIVED_BYTES = 4 * 1024 * 1024;

/** With TLS; PEM texts. */
export interface TlsMaterial {
  /** Trusted instead of the well-known authorities. */
  readonly ca?: Buffer | string | undefined;
  /** The client's own certificate, with `key`. */
  readonly cert?: Buffer | string | undefined;
  readonly key?: Buffer | string | undefined;
}

/** Where a server listens for gRPC. */
export interface GrpcAddress {
  /** `host:port` */
  readonly address: string;
  /** Default: without TLS. */
  readonly tls?: TlsMaterial | undefined;
  /** Default `bidi`. */
  readonly shape?: Wire['shape'] | undefined;
}

/** gRPC over HTTP/2, by Node's own implementation of it. */
export function grpc({ address, tls, shape = 'bidi' }: GrpcAddress): Wire {
  const baseUrl = `${tls === undefined ? 'http' : 'https'}://${address}`;
  const pings = { pingIntervalMs: PING_INTERVAL_MS, pingTimeoutMs: PING_TIMEOUT_MS };
  return {
    shape,
    connect: () => {
      const sessionManager = new Http2SessionManager(baseUrl, pings, { ...tls });
      const transport = createGrpcTransport({ baseUrl, sessionManager, readMaxBytes: MAX_RECEIVED_BYTES });
      return { transport, close: () => sessionManager.abort() };
    },
  };
}
