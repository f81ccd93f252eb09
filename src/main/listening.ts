import type { AddressInfo, Server as NetServer } from 'node:net';
import { logVerbosity, type Server, type ServerCredentials, setLogVerbosity } from '@grpc/grpc-js';
import { systemClock } from '../adapters/clock/system/system-clock.ts';
import type { ListenAddress } from '../config/config.ts';

/** For statuses to reach their clients after the drain. */
export const lastWordsMs = 500;

/** Ends a gRPC server whose streams have ended: they still hold words on their way, but who does not take them is not waited for long. */
export async function endGrpc(server: Server): Promise<void> {
  const waiting = new AbortController();
  const flushed = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  await Promise.race([flushed, systemClock.sleep(lastWordsMs, waiting.signal).catch(() => undefined)]);
  waiting.abort();
  server.forceShutdown();
}

/** An address that cannot be listened on. The message names the setting and the cause, for whoever starts the server. */
class CannotListen extends Error {
  override readonly name = 'CannotListen';

  constructor(setting: string, address: ListenAddress, cause: Error) {
    super(`${setting}=${nameOf(address)} cannot be listened on: ${causeIn(cause.message)}`, { cause });
  }
}

/** Answers with host and port. Rejects with CannotListen, as when the port is taken. */
export function listenGrpc(server: Server, address: ListenAddress, credentials: ServerCredentials): Promise<string> {
  return new Promise((resolve, reject) => {
    // It would write beside what is told here.
    setLogVerbosity(logVerbosity.NONE);
    server.bindAsync(nameOf(address), credentials, (error, port) => {
      setLogVerbosity(logVerbosity.ERROR);
      if (error === null) resolve(nameOf({ ...address, port }));
      else reject(new CannotListen('PARLEY_GRPC_LISTEN', address, error));
    });
  });
}

/** Answers with host and port. Rejects with CannotListen, as when the port is taken. */
export function listenHttp(server: NetServer, address: ListenAddress): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(new CannotListen('PARLEY_HTTP_LISTEN', address, error)));
    server.listen(address.port, address.host, () => {
      resolve(nameOf({ ...address, port: (server.address() as AddressInfo).port }));
    });
  });
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
