import { once } from 'node:events';
import { connect as openSocket } from 'node:net';
import { type ConnectionOptions, connect, type NatsConnection } from '@nats-io/transport-node';
import { connectTimeoutMs } from './limits.ts';

const defaultPort = 4_222;
/** The client's own look for silent servers is left to the largest timer: the link's is sharper, and works while data waits to be sent. */
const neverMs = 2 ** 31 - 1;

/** A server as configured: the address to connect to, and who to be there. */
export interface Server {
  /** Without credentials: for logs. */
  readonly address: string;
  readonly host: string;
  readonly port: number;
  readonly credentials: Pick<ConnectionOptions, 'user' | 'pass' | 'token' | 'tls'>;
}

/**
 * A `nats://` or `tls://` URL, with `user:password@` or `token@` if the server requires it; `tls` requires TLS, `nats` uses it when offered. The client
 * itself does not read credentials in URLs. TypeError for an invalid URL.
 */
export function parseServer(url: string): Server {
  const { protocol, hostname, port, username, password } = new URL(url);
  const [user, pass] = [decodeURIComponent(username), decodeURIComponent(password)];
  const server = { address: `${hostname}:${port || defaultPort}`, host: hostname, port: Number(port || defaultPort) };
  const identity = pass === '' ? (user === '' ? {} : { token: user }) : { user, pass };
  return { ...server, credentials: { ...identity, ...(protocol === 'tls:' ? { tls: {} } : {}) } };
}

/** One try to connect. Rejects with what went wrong within twice `connectTimeoutMs`; nothing stays open then. */
export async function connectTo(
  { host, port, address, credentials }: Server,
  name: string,
  signal: AbortSignal,
): Promise<NatsConnection> {
  await greeting(host, port, signal);
  return connect({
    ...credentials,
    servers: address,
    name,
    // What this process publishes reaches its own watchers without the server.
    noEcho: true,
    // The link reconnects instead of the client, which buffers publishes without a bound and then drops them silently, and which never leaves a server
    // that stopped reading while data wait to be sent to it.
    reconnect: false,
    pingInterval: neverMs,
    ignoreClusterUpdates: true,
    timeout: connectTimeoutMs,
    noAsyncTraces: true,
  });
}

/** Waits for the server's INFO. The client alone would keep each connection to a server that accepts it and stays silent. */
async function greeting(host: string, port: number, signal: AbortSignal): Promise<void> {
  const socket = openSocket(port, host.replace(/^\[|\]$/g, ''));
  try {
    await once(socket, 'data', { signal: AbortSignal.any([signal, AbortSignal.timeout(connectTimeoutMs)]) });
  } finally {
    socket.destroy();
  }
}
