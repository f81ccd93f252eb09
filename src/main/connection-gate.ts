import type {
  Http2SecureServer,
  Http2Server,
  Http2Session,
  IncomingHttpHeaders,
  ServerHttp2Session,
  ServerHttp2Stream,
} from 'node:http2';
import type { Server as NetServer, Socket } from 'node:net';
import { Penalties } from '../app/rate-limits/penalties.ts';
import { Watchdog, type Watched } from '../app/watchdog.ts';
import {
  addressPenaltyMs,
  addressRefusedCallsPerSecond,
  addressResetStreamsPerSecond,
  closingMs,
  connectionSweepMs,
  firstRequestMs,
  maxAddressRefusedCalls,
  maxAddressResetStreams,
  refusedRequestCalls,
} from '../domain/connection-limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { ConnectionMetrics, CutReason } from '../ports/telemetry.ts';
import { type CallAddresses, countedAddress } from '../rpc/peer-address.ts';
import { wasRefusedOnArrival } from '../rpc/refuse-stream.ts';

export interface GateOptions {
  /** Of one port. */
  readonly maxConnections: number;
  /** Of one IPv4 address or IPv6 network (/64). */
  readonly maxConnectionsPerAddress: number;
  /** Proxies, whose connections are those of many, and whose calls they pass on. */
  readonly addresses: CallAddresses;
  /** How long an HTTP/2 connection may have no stream. */
  readonly idleMs: number;
  readonly clock: Clock;
  readonly metrics: ConnectionMetrics;
}

/** How an end of a connection names its other end: unique among those that are open. */
type Peer = Pick<Socket, 'remoteAddress' | 'remotePort'>;

/**
 * Stands before the servers of one port: counts their connections, and closes those that say nothing. Nothing here is done per request but
 * for the streams of HTTP/2, whose number tells whether a connection is idle.
 */
export class ConnectionGate {
  readonly #options: GateOptions;
  readonly #watchdog: Watchdog;
  readonly #connections = new Map<string, Connection>();
  /** Those that have asked for nothing yet, oldest first. */
  readonly #silent = new Set<Connection>();
  readonly #ofAddress = new Map<string, number>();
  /** Of proxies. A session that has ended does not tell its socket. */
  readonly #proxies = new WeakMap<Http2Session, Connection>();
  /** Of what clients do that costs more than it brings, by address. */
  readonly #offences = {
    resets: new Penalties(maxAddressResetStreams, addressResetStreamsPerSecond, addressPenaltyMs),
    refused: new Penalties(maxAddressRefusedCalls, addressRefusedCallsPerSecond, addressPenaltyMs),
  };

  constructor(options: GateOptions) {
    this.#options = options;
    this.#watchdog = new Watchdog(options.clock, connectionSweepMs);
  }

  /** Gives the server only those connections that are admitted. Before it listens. */
  guard(server: NetServer): void {
    const accept = server.listeners('connection');
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) => {
      if (!this.admit(socket)) return;
      for (const listener of accept) listener.call(server, socket);
    });
  }

  /** Counts a connection that was accepted, or closes it and answers false. */
  admit(socket: Socket): boolean {
    const address = this.#countedAddress(socket);
    const reason = this.#reasonToRefuse(address);
    if (reason !== undefined || socket.destroyed) {
      if (reason !== undefined) this.#options.metrics.cut(reason);
      // By a reset: the kernel keeps nothing of it either.
      socket.on('error', () => undefined).resetAndDestroy();
      return false;
    }
    const connection = new Connection(socket, address, this.#deadlineIn(firstRequestMs), (expired) =>
      this.#expired(expired),
    );
    this.#connections.set(connection.key, connection);
    this.#silent.add(connection);
    if (address !== undefined) this.#ofAddress.set(address, (this.#ofAddress.get(address) ?? 0) + 1);
    this.#watchdog.watch(connection);
    socket.once('close', () => this.#remove(connection));
    return true;
  }

  /** The connection has brought the head of a request by HTTP/1: Node looks after the time of further ones. */
  hasAsked(peer: Peer): void {
    const connection = this.#connections.get(keyOf(peer));
    if (connection === undefined || !this.#silent.delete(connection)) return;
    this.#watchdog.unwatch(connection);
  }

  /** Closes the connections of a server of HTTP/2 that have no stream for long. */
  watchSessions(server: Http2Server | Http2SecureServer): void {
    server.on('session', (session: ServerHttp2Session) => {
      const connection = this.#connections.get(keyOf(session.socket));
      if (connection === undefined) return;
      connection.session = session;
      if (connection.address === undefined) this.#proxies.set(session, connection);
      // Its settings are the preface's end.
      session.once('remoteSettings', () => {
        this.#silent.delete(connection);
        if (connection.streams === 0) this.#isIdle(connection);
      });
      session.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
        connection.streams += 1;
        stream.once('close', () => {
          connection.streams -= 1;
          const offender = () => ({
            connection,
            address: connection.address ?? this.#passedOnFor(connection, headers),
          });
          // Those of a connection that ended with them were not reset.
          if (stream.aborted && !session.destroyed) this.#hasOffended(offender(), 'resets');
          else if (isRefused(stream))
            this.#hasOffended(offender(), 'refused', wasRefusedOnArrival(stream) ? refusedRequestCalls : 1);
          if (connection.streams === 0) this.#isIdle(connection);
        });
      });
    });
    server.on('sessionError', (error: NodeJS.ErrnoException) => {
      if (error.code?.startsWith('ERR_HTTP2_')) this.#options.metrics.cut('protocol');
    });
    server.on('tlsClientError', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ERR_TLS_HANDSHAKE_TIMEOUT') this.#options.metrics.cut('handshake');
    });
  }

  /** Whether the call comes by a proxy for an address that is out: those of others come on the same connection. */
  isOut({ session }: ServerHttp2Stream, headers: IncomingHttpHeaders): boolean {
    const proxy = session && this.#proxies.get(session);
    return proxy !== undefined && this.#offenceOf(this.#passedOnFor(proxy, headers)) !== undefined;
  }

  /** Closes every connection, whatever is on its way. */
  closeAll(): void {
    for (const { socket } of this.#connections.values()) socket.destroy();
  }

  #countedAddress({ remoteAddress }: Socket): string | undefined {
    if (remoteAddress === undefined || this.#options.addresses.isProxy(remoteAddress)) return undefined;
    return countedAddress(remoteAddress);
  }

  /** Whom a proxy makes this call for, unless that tells nobody apart. */
  #passedOnFor({ peer }: Connection, headers: IncomingHttpHeaders): string | undefined {
    const metadata = { get: (name: string) => [headers[name] ?? []].flat() };
    return this.#options.addresses.originOf({ getPeer: () => peer, metadata }).clientAddress;
  }

  get #mayHaveAll(): boolean {
    return this.#options.maxConnectionsPerAddress >= this.#options.maxConnections;
  }

  /** Its connection is closed, unless it is a proxy's. */
  #hasOffended({ connection, address }: Offender, offence: Offence, times = 1): void {
    // Where one address may have all connections, it tells nobody apart; those that a proxy names do.
    if (address === undefined || (connection.address !== undefined && this.#mayHaveAll)) return;
    if (!this.#offences[offence].offend(address, this.#options.clock.monotonicMs(), times)) return;
    this.#options.metrics.cut(offence);
    if (connection.address !== undefined) connection.socket.destroy();
  }

  /** Where a port has all its connections, the one that has said nothing for longest gives way: silence never keeps anybody out. */
  #reasonToRefuse(address: string | undefined): CutReason | undefined {
    const { maxConnections, maxConnectionsPerAddress, metrics } = this.#options;
    const offence = this.#offenceOf(address);
    if (offence !== undefined) return offence;
    const isFull = this.#connections.size >= maxConnections;
    // Where it may have all connections, those of its own that say nothing give way.
    if (address !== undefined && !this.#mayHaveAll && (this.#ofAddress.get(address) ?? 0) >= maxConnectionsPerAddress)
      return 'address';
    if (!isFull) return undefined;
    const [oldest] = this.#silent;
    if (oldest === undefined) return 'connections';
    metrics.cut('connections');
    oldest.socket.destroy();
    this.#remove(oldest);
    return undefined;
  }

  /** What the address is out for. */
  #offenceOf(address: string | undefined): Offence | undefined {
    if (address === undefined) return undefined;
    const nowMs = this.#options.clock.monotonicMs();
    return offences.find((offence) => this.#offences[offence].outForMs(address, nowMs) > 0);
  }

  #remove(connection: Connection): void {
    if (this.#connections.get(connection.key) !== connection) return;
    this.#connections.delete(connection.key);
    this.#silent.delete(connection);
    this.#watchdog.unwatch(connection);
    const { address } = connection;
    if (address === undefined) return;
    const left = (this.#ofAddress.get(address) ?? 1) - 1;
    if (left === 0) this.#ofAddress.delete(address);
    else this.#ofAddress.set(address, left);
  }

  #isIdle(connection: Connection): void {
    connection.deadlineMs = this.#deadlineIn(this.#options.idleMs);
    this.#watchdog.watch(connection);
  }

  #expired(connection: Connection): void {
    const { session, streams } = connection;
    if (this.#silent.has(connection)) {
      this.#options.metrics.cut('silent');
      connection.socket.destroy();
    } else if (session?.closed === false) {
      if (streams > 0) return;
      this.#options.metrics.cut('idle');
      // In order, for a client that sends a request in this moment; and then whether or not it has closed its half.
      session.close();
      connection.deadlineMs = this.#deadlineIn(closingMs);
      this.#watchdog.watch(connection);
    } else connection.socket.destroy();
  }

  #deadlineIn(ms: number): number {
    return this.#options.clock.monotonicMs() + ms;
  }
}

const offences = ['resets', 'refused'] as const;
type Offence = (typeof offences)[number];

/** Whose call it was, and on which connection it came. */
interface Offender {
  readonly connection: Connection;
  readonly address: string | undefined;
}

/** UNIMPLEMENTED and UNAUTHENTICATED, as gRPC numbers them: what clients that work are hardly ever told. */
const refusedStatuses: ReadonlySet<unknown> = new Set([12, 16, '12', '16']);

function isRefused({ sentHeaders, sentTrailers }: ServerHttp2Stream): boolean {
  return refusedStatuses.has(sentTrailers?.['grpc-status'] ?? sentHeaders?.['grpc-status']);
}

class Connection implements Watched {
  readonly socket: Socket;
  readonly key: string;
  /** A socket that is closed does not tell it. */
  readonly peer: string;
  /** undefined: it is a proxy's, of many. */
  readonly address: string | undefined;
  deadlineMs: number;
  streams = 0;
  session: ServerHttp2Session | undefined;
  readonly #onExpired: (connection: Connection) => void;

  constructor(
    socket: Socket,
    address: string | undefined,
    deadlineMs: number,
    onExpired: (connection: Connection) => void,
  ) {
    this.socket = socket;
    this.key = keyOf(socket);
    this.peer = socket.remoteAddress ?? '';
    this.address = address;
    this.deadlineMs = deadlineMs;
    this.#onExpired = onExpired;
  }

  expire(): void {
    this.#onExpired(this);
  }
}

function keyOf({ remoteAddress, remotePort }: Peer): string {
  return `${remoteAddress} ${remotePort}`;
}
