import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../../ports/clock.ts';
import { systemClock } from '../../node/system-clock.ts';
import {
  type FolderMediaStore,
  type FolderMediaStoreOptions,
  openFolderMediaStore,
  type TransferLimits,
} from '../folder-media-store.ts';

export const testMaxObjectBytes = 8 * 1_024 * 1_024;

/** The machine's clock, which a test can put forward. */
export function movableClock(): Clock & { forward(ms: number): void } {
  let aheadMs = 0;
  return {
    ...systemClock,
    nowMs: () => systemClock.nowMs() + aheadMs,
    forward: (ms) => {
      aheadMs += ms;
    },
  };
}

/** A folder that is gone when the test is over. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'parley-media-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** A store in a folder of its own, answering over HTTP. */
export class ServedStore implements AsyncDisposable {
  /** Holds nothing but `media`, so that whatever else is there was not to be. */
  readonly around: string;
  readonly folder: string;
  readonly clock = movableClock();
  readonly errors: unknown[] = [];
  /** What the handler has promised for each request. */
  readonly answering: Promise<void>[] = [];
  readonly #limits: Partial<TransferLimits>;
  readonly #room: FolderMediaStoreOptions['room'];
  readonly #server: Server;
  #store: FolderMediaStore | undefined;

  private constructor(
    around: string,
    server: Server,
    limits: Partial<TransferLimits>,
    room: FolderMediaStoreOptions['room'],
  ) {
    this.around = around;
    this.folder = join(around, 'media');
    this.#server = server;
    this.#limits = limits;
    this.#room = room;
  }

  static async start(
    limits: Partial<TransferLimits> = {},
    room: FolderMediaStoreOptions['room'] = {},
  ): Promise<ServedStore> {
    const server = createServer({ requestTimeout: 0 });
    const served = new ServedStore(await mkdtemp(join(tmpdir(), 'parley-media-')), server, limits, room);
    const listener = (request: IncomingMessage, response: ServerResponse) => {
      if (served.#store === undefined) response.destroy();
      else served.answering.push(served.#store.handler(request, response));
    };
    server.on('request', listener).on('checkContinue', listener);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    await served.reopen();
    return served;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get store(): FolderMediaStore {
    if (this.#store === undefined) throw new Error('the store is closed');
    return this.#store;
  }

  /** Closes the store and opens it again on what it stored. */
  async reopen(): Promise<FolderMediaStore> {
    await this.close();
    this.#store = await openFolderMediaStore({
      folder: this.folder,
      prefix: 'test',
      publicUrl: () => `http://127.0.0.1:${this.port}`,
      clock: this.clock,
      maxObjectBytes: testMaxObjectBytes,
      onError: (error) => this.errors.push(error),
      limits: this.#limits,
      room: this.#room ?? {},
    });
    return this.#store;
  }

  async close(): Promise<void> {
    await this.#store?.[Symbol.asyncDispose]();
    this.#store = undefined;
  }

  /** Every file and folder of the store's, and around it. */
  async tree(): Promise<readonly string[]> {
    return (await readdir(this.around, { recursive: true })).sort();
  }

  /** The names in `partial`. */
  partial(): Promise<readonly string[]> {
    return readdir(join(this.folder, 'test', 'partial'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
    await rm(this.around, { recursive: true, force: true });
  }
}
