import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A connection on which any bytes can be sent. */
export class RawConnection implements Disposable {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #isClosed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
    });
    // A reset is a way to end as good as any: what matters is what came before it.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#isClosed = true;
    });
  }

  static async open(port: number): Promise<RawConnection> {
    const socket = connect(port, '127.0.0.1');
    const connection = new RawConnection(socket);
    await once(socket, 'connect');
    return connection;
  }

  /** What has come so far; each octet a character. */
  get received(): string {
    return this.#received.toString('latin1');
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  write(data: string | Uint8Array): void {
    this.#socket.write(typeof data === 'string' ? Buffer.from(data, 'latin1') : data);
  }

  /** Says that nothing more will come. */
  end(): void {
    this.#socket.end();
  }

  /** Writes all of this before anything is read. */
  async writeBlindly(data: Uint8Array): Promise<void> {
    this.#socket.pause();
    const { promise, resolve } = Promise.withResolvers<void>();
    // Written or not, there is nothing more to write then.
    this.#socket.write(data, () => resolve());
    await promise;
    this.#socket.resume();
  }

  /** Reads nothing more. */
  pause(): void {
    this.#socket.pause();
  }

  /** Ends it without a word. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }

  /** Resolves with what has come once it is enough, or the connection is closed. Rejects when neither comes. */
  async until(isEnough: (received: string) => boolean, timeoutMs = 30_000): Promise<string> {
    const atEnd = AbortSignal.timeout(timeoutMs);
    // `once` rejects at a reset, too; after that the connection is closed.
    const next = (event: string) => once(this.#socket, event, { signal: atEnd }).catch(() => atEnd.throwIfAborted());
    while (!this.#isClosed && !isEnough(this.received)) await Promise.race([next('data'), next('close')]);
    return this.received;
  }

  closed(timeoutMs?: number): Promise<string> {
    return this.until(() => false, timeoutMs);
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

/** The head of a request for the path and query of a URL. */
export function headOf(method: string, url: string, headers: Readonly<Record<string, string | number>> = {}): string {
  const { pathname, search, host } = new URL(url);
  const lines = Object.entries({ host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${pathname}${search} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

/** The statuses that were answered, in order. */
export function statusesIn(received: string): readonly number[] {
  return Array.from(received.matchAll(/(?:^|\n|\})HTTP\/1\.1 (\d{3})/g), ([, status]) => Number(status));
}
