import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Passes everything on between clients and the server, and remembers the lines that clients said. */
export interface Relay extends AsyncDisposable {
  readonly url: string;
  /** The lines so far that match, as matched. */
  said(line: RegExp): readonly RegExpExecArray[];
}

export async function startRelay(servers: string): Promise<Relay> {
  const { hostname, port } = new URL(servers);
  let heard = '';
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const onward = connect(Number(port), hostname);
    client.on('data', (chunk) => {
      heard += chunk.toString('latin1');
    });
    client.pipe(onward).pipe(client);
    for (const socket of [client, onward]) {
      sockets.add(socket);
      // Either side may hang up at any time.
      socket
        .on('error', () => {})
        .on('close', () => {
          sockets.delete(socket);
          client.destroy();
          onward.destroy();
        });
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `nats://127.0.0.1:${(server.address() as AddressInfo).port}`,
    said: (line) =>
      heard
        .split('\r\n')
        .map((one) => line.exec(one))
        .filter((match) => match !== null),
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}
