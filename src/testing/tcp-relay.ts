import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Stands between clients and a server. Disposed: every connection is cut, and its port is closed. */
export interface TcpRelay extends AsyncDisposable {
  readonly port: number;
}

/** One connection of a client, and the one that was made to the server for it. */
export interface RelayedConnection {
  readonly client: Socket;
  readonly server: Socket;
  /** Ends both at once: what was not passed on yet is lost. */
  readonly cut: () => void;
}

/**
 * Listens on this machine and connects each client to the server; what they say to each other is passed on by `wire`.
 * @param port 0: any that is free
 * @param to.localAddress from which the server is called; by default that of everybody else
 */
export async function startTcpRelay(
  to: { readonly hostname: string; readonly port: number; readonly localAddress?: string },
  wire: (connection: RelayedConnection) => void,
  port = 0,
): Promise<TcpRelay> {
  const sockets = new Set<Socket>();
  const listener = createServer((client) => {
    const { hostname: host, ...toPort } = to;
    const server = connect({ ...toPort, host });
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(socket.setNoDelay(true));
      // Either side may hang up at any time; what it said before is still passed on.
      socket
        .on('error', () => {})
        .on('close', () => {
          sockets.delete(socket);
          other.destroySoon();
        });
    }
    const cut = () => {
      client.destroy();
      server.destroy();
    };
    wire({ client, server, cut });
  });
  await once(listener.listen(port, '127.0.0.1'), 'listening');
  return {
    port: (listener.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const socket of sockets) socket.destroy();
      await once(listener, 'close');
    },
  };
}
