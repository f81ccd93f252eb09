import type { Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Server, ServerCredentials } from '@grpc/grpc-js';
import { systemClock } from '../adapters/clock/system/system-clock.ts';
import type { ListenAddress } from '../config/config.ts';

/** For statuses to reach their clients after the drain. */
const lastWordsMs = 500;

/** Ends a gRPC server whose streams have ended: they still hold words on their way, but who does not take them is not waited for long. */
export async function endGrpc(server: Server): Promise<void> {
  const waiting = new AbortController();
  const flushed = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  await Promise.race([flushed, systemClock.sleep(lastWordsMs, waiting.signal).catch(() => undefined)]);
  waiting.abort();
  server.forceShutdown();
}

/** Answers with host and port. Rejects when the port is taken. */
export function listenGrpc(server: Server, address: ListenAddress): Promise<string> {
  return new Promise((resolve, reject) => {
    server.bindAsync(nameOf(address), ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(nameOf({ ...address, port }));
      else reject(error);
    });
  });
}

/** Answers with host and port. Rejects when the port is taken. */
export function listenHttp(server: HttpServer, address: ListenAddress): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(address.port, address.host, () => {
      resolve(nameOf({ ...address, port: (server.address() as AddressInfo).port }));
    });
  });
}

function nameOf({ host, port }: ListenAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
