import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the range from which systems give ports to outgoing connections (32768 on, on Linux): one of those could take it while the engine is down. */
const firstPort = 18_000;
const endPort = 32_000;
const maxTries = 100;
/** Those given are not given again: whoever has one may not listen on it yet. */
const given = new Set<number>();

/** The port asked for, which must be free, or any free one: what answers there later is then the engine that was started, not another's. */
export async function portFor({ port }: { readonly port?: number }): Promise<number> {
  if (port === undefined) return freePort();
  if (!(await isFree(port))) throw new Error(`127.0.0.1:${port} is in use by another process`);
  return port;
}

/** A port of 127.0.0.1 on which nobody listens, chosen at random so that tests in several processes hardly ever choose the same. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < maxTries; tries += 1) {
    const port = randomInt(firstPort, endPort);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error(`no free port among ${maxTries} from ${firstPort} to ${endPort}`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
