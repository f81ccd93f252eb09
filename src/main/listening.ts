import { lookup } from 'node:dns/promises';
import { type AddressInfo, createServer, type Server as NetServer } from 'node:net';
import type { ServerCredentials } from '@grpc/grpc-js';
import { systemClock } from '../adapters/node/system-clock.ts';
import type { ListenAddress } from '../config/value-types.ts';
import type { CallMetrics, ConnectionMetrics } from '../ports/telemetry.ts';
import { connectionServer } from '../rpc/grpc-internals.ts';
import { measureCalls } from '../rpc/measured-calls.ts';
import { gateRequests } from '../rpc/request-gate.ts';
import type { RpcServer } from '../rpc/server.ts';
import type { ConnectionGate } from './connection-gate.ts';
import { http2Options } from './http2-options.ts';

/** For statuses to reach their clients after the drain. */
export const lastWordsMs = 500;

/** An address that cannot be listened on. The message names the setting and the cause, for whoever starts the server. */
class CannotListen extends Error {
  override readonly name = 'CannotListen';

  constructor(setting: string, address: ListenAddress, cause: Error) {
    super(`${setting}=${nameOf(address)} cannot be listened on: ${causeIn(cause.message)}`, { cause });
  }
}

/**
 * A gRPC server that listens. Disposed: it accepts nothing more; streams that have ended still hold words on their way, but who does not take
 * them is not waited for long.
 */
export interface GrpcPort extends AsyncDisposable {
  /** Host and port. */
  readonly address: string;
}

export interface GrpcPortOptions {
  readonly credentials: ServerCredentials;
  readonly gate: ConnectionGate;
  readonly maxStreamsPerConnection: number;
  readonly metrics: ConnectionMetrics & CallMetrics;
}

/**
 * Listens by a server of its own, so that a connection is counted before grpc-js has anything of it. A name is listened on by each of its
 * addresses, as `localhost` by two. Rejects with CannotListen, as when the port is taken.
 */
export async function listenGrpc(
  rpc: Omit<RpcServer, 'setServing'>,
  address: ListenAddress,
  options: GrpcPortOptions,
): Promise<GrpcPort> {
  const { credentials, gate, metrics, maxStreamsPerConnection } = options;
  const hosts = await addressesOf(address);
  const connections = connectionServer(rpc.server, credentials, http2Options(maxStreamsPerConnection));
  gateRequests(connections, {
    unfinished: rpc.unfinished,
    metrics,
    afterReading: setImmediate,
    // Where nobody can prove who they are, nobody is looked at.
    asOutcast: (stream, headers) =>
      rpc.refusedCallers.refusalBy(headers.authorization, stream) ??
      (rpc.outcasts && gate.isOut(stream, headers) ? rpc.outcasts(headers.authorization) : undefined),
  });
  measureCalls(connections, metrics, systemClock);
  gate.watchSessions(connections.http2);
  const servers: NetServer[] = [];
  let failure: unknown;
  let { port } = address;
  for (const host of hosts) {
    const server = createServer({ noDelay: true }, (socket) => {
      if (gate.admit(socket)) connections.serve(socket);
    });
    try {
      port = await listen(server, { host, port });
      servers.push(server);
    } catch (error) {
      // One address may be missing, as that of IPv6 where a machine has none.
      failure ??= error;
    }
  }
  if (servers.length === 0) {
    rpc.server.forceShutdown();
    throw new CannotListen('PARLEY_GRPC_LISTEN', address, failure as Error);
  }
  return {
    address: nameOf({ ...address, port }),
    async [Symbol.asyncDispose]() {
      // Of connections that it is handed, grpc-js waits for none: they are waited for where they were accepted.
      const closed = Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
      rpc.server.tryShutdown(() => undefined);
      const waiting = new AbortController();
      await Promise.race([closed, systemClock.sleep(lastWordsMs, waiting.signal).catch(() => undefined)]);
      waiting.abort();
      rpc.server.forceShutdown();
      gate.closeAll();
    },
  };
}

async function addressesOf(address: ListenAddress): Promise<readonly string[]> {
  try {
    const found = await lookup(address.host, { all: true });
    return [...new Set(found.map((one) => one.address))];
  } catch (error) {
    throw new CannotListen('PARLEY_GRPC_LISTEN', address, error as Error);
  }
}

/** Answers with the port. */
function listen(server: NetServer, { host, port }: ListenAddress): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
  });
}

/** Answers with host and port. Rejects with CannotListen, as when the port is taken. */
export async function listenHttp(server: NetServer, address: ListenAddress): Promise<string> {
  try {
    return nameOf({ ...address, port: await listen(server, address) });
  } catch (error) {
    throw new CannotListen('PARLEY_HTTP_LISTEN', address, error as Error);
  }
}

/** Without what gRPC and Node say around it. */
function causeIn(message: string): string {
  if (message.includes('EADDRINUSE')) return 'another process listens there; stop it, or choose another port';
  if (message.includes('EACCES')) return 'the system does not allow it; choose a port above 1023';
  if (message.includes('EADDRNOTAVAIL')) return 'this machine does not have that address';
  if (/ENOTFOUND|EAI_AGAIN|Name resolution failed/.test(message)) return 'there is no such host';
  return message;
}

function nameOf({ host, port }: ListenAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
