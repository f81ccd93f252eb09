import { startTcpRelay } from '../../../testing/tcp-relay.ts';

/** Passes everything on between clients and the server, and remembers the lines that clients said. */
export interface Relay extends AsyncDisposable {
  readonly url: string;
  /** The lines so far that match, as matched. */
  said(line: RegExp): readonly RegExpExecArray[];
}

export async function startRelay(servers: string): Promise<Relay> {
  const { hostname, port } = new URL(servers);
  let heard = '';
  const relay = await startTcpRelay({ hostname, port: Number(port) }, ({ client, server }) => {
    client.on('data', (chunk) => {
      heard += chunk.toString('latin1');
    });
    client.pipe(server).pipe(client);
  });
  return {
    url: `nats://127.0.0.1:${relay.port}`,
    said: (line) =>
      heard
        .split('\r\n')
        .map((one) => line.exec(one))
        .filter((match) => match !== null),
    [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose](),
  };
}
