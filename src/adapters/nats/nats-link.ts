import { setTimeout as sleep } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Logger } from '../../ports/telemetry.ts';
import { connectTo, parseServer, type Server } from './connecting.ts';
import {
  acknowledgeEveryBytes,
  answerWithinMs,
  closeFlushMs,
  maxUnacknowledgedBytes,
  reconnectJitterMs,
  reconnectMs,
  watchEveryMs,
} from './limits.ts';
import { Tally } from './tally.ts';

export interface LinkOptions {
  /** URLs; with several, one is chosen at random at each connection. */
  readonly servers: readonly string[];
  /** Of this process, as the server shows it. */
  readonly name: string;
  readonly logger: Logger;
  /** There is a new connection, without any subscription. */
  readonly onConnected: (connection: NatsConnection) => void;
}

/** One connection to NATS at a time, reconnected without a limit. */
export class NatsLink {
  /** Settles when the first try has ended, whether or not there is a connection. */
  readonly firstTry: Promise<void>;
  /** What was not published. */
  readonly lost: Tally;
  readonly #options: LinkOptions;
  readonly #servers: readonly Server[];
  readonly #refused: Tally;
  readonly #closing = new AbortController();
  readonly #tried = Promise.withResolvers<void>();
  readonly #running: Promise<void>;
  #connection: NatsConnection | undefined;
  /** Of this connection's bytes, how many the server has read for certain. */
  #acknowledgedBytes = 0;
  #isAsking = false;

  /** TypeError for a server that is no URL. */
  constructor(options: LinkOptions) {
    this.#options = options;
    this.#servers = options.servers.map(parseServer);
    this.lost = new Tally(options.logger, 'a publish to the live bus failed; clients get it from the log');
    this.#refused = new Tally(options.logger, 'the live bus refused a request');
    this.firstTry = this.#tried.promise;
    this.#running = this.#run();
  }

  /** undefined while there is none. */
  get connection(): NatsConnection | undefined {
    return this.#connection;
  }

  /** Publishes, or counts it as lost. Never throws, never waits. */
  send(subject: string, payload: string, reply?: string): void {
    const connection = this.#connection;
    if (connection === undefined || this.#onTheWayBytes(connection) > maxUnacknowledgedBytes) {
      if (!this.#closing.signal.aborted) this.lost.add();
      return;
    }
    try {
      connection.publish(subject, payload, reply === undefined ? undefined : { reply });
    } catch (error) {
      // It has just been closed, or the server takes nothing of this length.
      this.lost.add(error);
      return;
    }
    if (this.#onTheWayBytes(connection) >= acknowledgeEveryBytes) void this.#ask(connection);
  }

  /** Waits, not for long, until the server has read what was published; then hangs up, for good. */
  async close(): Promise<void> {
    const connection = this.#connection;
    if (connection !== undefined && !this.#closing.signal.aborted) {
      await Promise.race([flushed(connection), sleep(closeFlushMs, undefined, { ref: false })]);
    }
    this.#closing.abort();
    await connection?.close();
    await this.#running;
    this.lost.report();
    this.#refused.report();
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await this.#connectAndStay();
      this.#tried.resolve();
      const waitMs = reconnectMs + Math.random() * reconnectJitterMs;
      // Closing ends the wait.
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Resolves when there is no connection any more, or was none. */
  async #connectAndStay(): Promise<void> {
    const { name, logger } = this.#options;
    const { signal } = this.#closing;
    for (const server of shuffled(this.#servers)) {
      if (signal.aborted) return;
      try {
        const connection = await connectTo(server, name, signal);
        return await this.#stay(connection, server);
      } catch (error) {
        logger.debug({ err: error, server: server.address }, 'no connection to the live bus');
      }
    }
  }

  async #stay(connection: NatsConnection, { address: server }: Server): Promise<void> {
    const { logger, onConnected } = this.#options;
    if (this.#closing.signal.aborted) return connection.close();
    this.#acknowledgedBytes = 0;
    this.#isAsking = false;
    this.#connection = connection;
    onConnected(connection);
    this.#tried.resolve();
    this.lost.report();
    logger.info({ server }, 'connected to the live bus');
    void this.#listen(connection);
    void this.#watch(connection);
    const error = await connection.closed();
    this.#connection = undefined;
    if (!this.#closing.signal.aborted) logger.warn({ err: error, server }, 'the connection to the live bus is lost');
  }

  /** Hangs up when the server no longer answers. */
  async #watch(connection: NatsConnection): Promise<void> {
    const { signal } = this.#closing;
    while (this.#connection === connection && !signal.aborted) {
      const answered = await Promise.race([
        flushed(connection),
        sleep(answerWithinMs, false, { signal, ref: false }).catch(() => true),
      ]);
      if (!answered) await connection.close();
      await sleep(watchEveryMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** What the server says of itself beside the messages: permissions that are missing, mostly. */
  async #listen(connection: NatsConnection): Promise<void> {
    for await (const status of connection.status()) if (status.type === 'error') this.#refused.add(status.error);
  }

  async #ask(connection: NatsConnection): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    const { outBytes } = connection.stats();
    const answered = await flushed(connection);
    if (this.#connection !== connection) return;
    this.#isAsking = false;
    if (answered) this.#acknowledgedBytes = outBytes;
  }

  #onTheWayBytes(connection: NatsConnection): number {
    return connection.stats().outBytes - this.#acknowledgedBytes;
  }
}

/** True when the server has read all that was published before, false without a connection; never settles when that ends meanwhile. */
function flushed(connection: NatsConnection): Promise<boolean> {
  return connection.flush().then(
    () => true,
    () => false,
  );
}

function shuffled<T>(items: readonly T[]): readonly T[] {
  return items
    .map((item) => ({ item, key: Math.random() }))
    .toSorted((a, b) => a.key - b.key)
    .map(({ item }) => item);
}
