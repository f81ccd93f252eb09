import { startTcpRelay } from '../../../testing/tcp-relay.ts';

/** Passes everything on between clients and S3, until it is told to stop in the middle. */
export interface StallingRelay extends AsyncDisposable {
  readonly endpoint: string;
  /** Connections pass on so many bytes of answers more, each, and then nothing; those that have stopped stay so. */
  stallAfter(bytes: number): void;
}

export async function startStallingRelay(s3Endpoint: string): Promise<StallingRelay> {
  const { hostname, port } = new URL(s3Endpoint);
  let limitBytes = Number.POSITIVE_INFINITY;
  let epoch = 0;
  const relay = await startTcpRelay({ hostname, port: Number(port) }, ({ client, server }) => {
    let [passedBytes, since] = [0, epoch];
    server.on('data', (chunk) => {
      if (since !== epoch) [passedBytes, since] = [0, epoch];
      passedBytes += chunk.length;
      if (passedBytes > limitBytes) server.pause();
      else client.write(chunk);
    });
    client.pipe(server);
  });
  return {
    endpoint: `http://127.0.0.1:${relay.port}`,
    stallAfter(bytes) {
      limitBytes = bytes;
      epoch += 1;
    },
    [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose](),
  };
}
