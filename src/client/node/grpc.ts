import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import type { Wire } from '../wire.ts';

/** Without pings a server that stopped or vanished is never noticed. */
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
  /** How often a connection in use is asked whether it is alive. Default 20 s. */
  readonly pingIntervalMs?: number | undefined;
  /** How long it has for the answer. Default 5 s. */
  readonly pingTimeoutMs?: number | undefined;
}

/**
 * Two faults of the manager would end the process. It takes its listener from a connection that is destroyed and has not emitted its error yet, as when a
 * stream's end makes the session give the connection up. And its timer pings a connection that was destroyed a moment ago, which throws
 * (https://github.com/connectrpc/connect-es/issues/1795). The streams are told either.
 */
class SessionManager extends Http2SessionManager {
  readonly #guarded = new WeakSet<ClientHttp2Session>();

  override async request(...args: Parameters<Http2SessionManager['request']>): Promise<ClientHttp2Stream> {
    const stream = await super.request(...args);
    const session = stream.session as ClientHttp2Session | undefined;
    if (session !== undefined && !this.#guarded.has(session)) this.#guard(session);
    return stream;
  }

  #guard(session: ClientHttp2Session): void {
    this.#guarded.add(session);
    session.on('error', () => undefined);
    const ping = session.ping.bind(session) as (...args: unknown[]) => boolean;
    session.ping = (...args: unknown[]) => !session.destroyed && ping(...args);
  }
}

/** gRPC over HTTP/2, by Node's own implementation of it. */
export function grpc({
  address,
  tls,
  shape = 'bidi',
  pingIntervalMs = PING_INTERVAL_MS,
  pingTimeoutMs = PING_TIMEOUT_MS,
}: GrpcAddress): Wire {
  const baseUrl = `${tls === undefined ? 'http' : 'https'}://${address}`;
  return {
    shape,
    connect: () => {
      const sessionManager = new SessionManager(baseUrl, { pingIntervalMs, pingTimeoutMs }, { ...tls });
      const transport = createGrpcTransport({ baseUrl, sessionManager, readMaxBytes: MAX_RECEIVED_BYTES });
      return { transport, close: () => sessionManager.abort() };
    },
  };
}
