import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface Hold {
  readonly port: number;
  readonly count: number;
  /** Sent as soon as a connection is open. */
  readonly first?: Uint8Array | string;
  /** Of the attacker. Default: that of everybody else. */
  readonly localAddress?: string;
}

const atOnce = 200;

/** Connections that are held open from this end: they do not close their half when the server closes its own. */
export class HeldConnections implements Disposable {
  readonly #sockets: Socket[] = [];

  /** Resolves when each is open, or was refused. */
  static async open({ port, count, first, localAddress }: Hold): Promise<HeldConnections> {
    const held = new HeldConnections();
    // The kernel lets no more of them wait for a server.
    for (let left = count; left > 0; left -= atOnce) {
      const open = Array.from({ length: Math.min(left, atOnce) }, async () => {
        const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, ...(localAddress && { localAddress }) });
        held.#sockets.push(socket.resume());
        await once(socket, 'connect').catch(() => undefined);
        socket.on('error', () => undefined);
        if (first !== undefined) socket.write(first);
      });
      await Promise.all(open);
    }
    return held;
  }

  /** Those that the server has not reset. */
  get open(): number {
    return this.#sockets.filter(({ destroyed }) => !destroyed).length;
  }

  /** Sends this on each that is open. */
  write(bytes: Uint8Array | string): void {
    for (const socket of this.#sockets) if (!socket.destroyed) socket.write(bytes);
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

export interface Flood {
  readonly port: number;
  readonly first: Uint8Array;
  /** The next bytes, as often as the connection takes them. */
  readonly next: () => Uint8Array;
  readonly maxBytes: number;
  /** Whether what the server sends is left unread. */
  readonly isDeaf?: boolean;
  /** Of the attacker. Default: that of everybody else. */
  readonly localAddress?: string;
}

/** Sends until the server closes the connection, or it has taken all. Answers with whether it was closed, and with the bytes that were sent. */
export async function flood({ port, first, next, maxBytes, isDeaf = false, localAddress }: Flood) {
  const socket = connect({ port, host: '127.0.0.1', ...(localAddress && { localAddress }) });
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => undefined);
  if (isDeaf) socket.pause();
  else socket.resume();
  await once(socket, 'connect');
  socket.write(first);
  let sentBytes = 0;
  while (!socket.destroyed && !socket.writableEnded && !socket.readableEnded && sentBytes < maxBytes) {
    const bytes = next();
    sentBytes += bytes.length;
    if (socket.write(bytes)) await new Promise((resolve) => setImmediate(resolve));
    else await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed, pause(stuckMs)]);
    if (socket.writableNeedDrain) break;
  }
  await Promise.race([closed, pause(stuckMs)]);
  const isClosed = socket.destroyed || socket.readableEnded;
  socket.destroy();
  return { isClosed, sentBytes };
}

/** A server that takes nothing more for so long has stopped to read, or is done with the connection. */
const stuckMs = 3_000;

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
