import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Passes everything on between clients and S3, until it is told to stop in the middle. */
export interface StallingRelay extends AsyncDisposable {
  readonly endpoint: string;
  /** Connections pass on so many bytes of answers more, each, and then nothing; those that have stopped stay so. */
  stallAfter(bytes: number): void;
}

export async function startStallingRelay(s3Endpoint: string): Promise<StallingRelay> {
  const { hostname, port } = new URL(s3Endpoint);
  const sockets = new Set<Socket>();
  let limitBytes = Number.POSITIVE_INFINITY;
  let epoch = 0;
  const server = createServer((client) => {
    const onward = connect(Number(port), hostname);
    let [passedBytes, since] = [0, epoch];
    onward.on('data', (chunk) => {
      if (since !== epoch) [passedBytes, since] = [0, epoch];
      passedBytes += chunk.length;
      if (passedBytes > limitBytes) onward.pause();
      else client.write(chunk);
    });
    client.pipe(onward);
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
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stallAfter(bytes) {
      limitBytes = bytes;
      epoch += 1;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}
