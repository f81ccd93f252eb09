import { startTcpRelay } from '../../../../testing/tcp-relay.ts';

/** Stands between clients and a broker. */
export interface CuttingProxy extends AsyncDisposable {
  /** How many connections it has cut. */
  readonly cuts: number;
  /** How often the broker has said something: an answer, or several together. */
  readonly answers: number;
  /** The share of what the broker says that is not passed on: its connection is cut instead, though the broker has done what it was asked. */
  share: number;
}

/** Listens on one port of this machine and passes everything on to another. */
export async function startCuttingProxy(port: number, brokerPort: number, random: () => number): Promise<CuttingProxy> {
  const proxy = { cuts: 0, answers: 0, share: 0 };
  const broker = { hostname: '127.0.0.1', port: brokerPort };
  const relay = await startTcpRelay(
    broker,
    ({ client, server, cut }) => {
      client.pipe(server);
      server.on('data', (bytes) => {
        proxy.answers += 1;
        if (random() >= proxy.share) return void client.write(bytes);
        proxy.cuts += 1;
        cut();
      });
    },
    port,
  );
  return Object.assign(proxy, { [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose]() });
}
