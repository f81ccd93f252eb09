import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** Stands between clients and a broker. */
export interface CuttingProxy extends AsyncDisposable {
  /** How many connections it has cut. */
  readonly cuts: number;
  /** The share of what the broker says that is not passed on: its connection is cut instead, though the broker has done what it was asked. */
  share: number;
}

/** Listens on one port of this machine and passes everything on to another. */
export async function startCuttingProxy(port: number, brokerPort: number, random: () => number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  const proxy = { cuts: 0, share: 0 };
  const server = createServer((client) => {
    const broker = connect(brokerPort, '127.0.0.1');
    const end = () => {
      for (const socket of [client, broker]) {
        socket.destroy();
        sockets.delete(socket);
      }
    };
    for (const socket of [client, broker]) {
      sockets.add(socket.setNoDelay(true));
      socket.on('error', end).on('close', end);
    }
    client.on('data', (bytes) => broker.write(bytes));
    broker.on('data', (bytes) => {
      if (random() >= proxy.share) return void client.write(bytes);
      proxy.cuts += 1;
      end();
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(proxy, {
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  });
}
