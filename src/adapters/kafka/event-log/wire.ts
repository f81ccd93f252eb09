import { createRequire } from 'node:module';
import type { SASLOptions } from 'kafkajs';
import { connectTimeoutMs, requestTimeoutMs } from './limits.ts';
import {
  type BatchToProduce,
  decodeFetch,
  encodeFetch,
  encodeProduce,
  type FetchedPartition,
  type PartitionToFetch,
} from './messages.ts';

/**
 * One connection to one broker, and the requests that the log makes on it.
 *
 * The only file that knows kafkajs from inside. Its public consumer has no manual assignment: a tail would be a consumer group of its own,
 * with a rebalance at its start and a group left behind at its end. Its public producer, given several leaders, sends a batch again to those
 * that had taken it when another failed, and loses what moved to a leader that had answered. Its connections, authentication and messages are
 * sound, and are all that is used here. package.json pins its version for this.
 */

/** Kafka's number of each request that is made. */
export const api = {
  produce: 0,
  fetch: 1,
  listOffsets: 2,
  metadata: 3,
  offsetCommit: 8,
  offsetFetch: 9,
  findCoordinator: 10,
  apiVersions: 18,
  initProducerId: 22,
} as const;

/** What kafkajs takes a request's body from. */
interface Body {
  readonly buf: Buffer;
  readonly buffer: Buffer;
}

interface Exchange {
  readonly request: {
    readonly apiKey: number;
    readonly apiVersion: number;
    readonly apiName: string;
    encode(): Promise<Body>;
  };
  readonly response: { decode(bytes: Buffer): Promise<unknown>; parse(decoded: unknown): Promise<unknown> };
  readonly logResponseError?: boolean;
}

interface Connection {
  connect(): Promise<unknown>;
  authenticate(): Promise<void>;
  disconnect(): Promise<unknown>;
  isConnected(): boolean;
  setVersions(versions: Versions): void;
  setSupportAuthenticationProtocol(isSupported: boolean): void;
  rejectRequests(error: Error): void;
  send(exchange: Exchange): Promise<unknown>;
  readonly socket?: { destroy(): void };
}

interface RequestQueue {
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests: (this: RequestQueue) => void;
}

type Versions = Readonly<Record<number, { readonly minVersion: number; readonly maxVersion: number }>>;
type Protocol = (options: object) => Exchange;

const load = createRequire(import.meta.url);
const ConnectionClass = load('kafkajs/src/network/connection.js') as new (options: object) => Connection;
const makeSocketFactory = load('kafkajs/src/network/socketFactory.js') as () => unknown;
const RequestQueueClass = load('kafkajs/src/network/requestQueue/index.js') as { readonly prototype: RequestQueue };
const { createLogger } = load('kafkajs/src/loggers/index.js') as { createLogger(this: void, options: object): unknown };
const { createErrorFromCode } = load('kafkajs/src/protocol/error.js') as {
  createErrorFromCode(this: void, code: number): Error;
};
const { requests } = load('kafkajs/src/protocol/requests/index.js') as {
  readonly requests: Readonly<Record<string, { protocol(version: { version: number }): Protocol }>>;
};

/** The versions of messages that are spoken: of Kafka 2.3, and understood by every release since. */
const spoken = {
  [api.produce]: { name: 'Produce', version: 7 },
  [api.fetch]: { name: 'Fetch', version: 11 },
  [api.listOffsets]: { name: 'ListOffsets', version: 3 },
  [api.metadata]: { name: 'Metadata', version: 6 },
  [api.offsetCommit]: { name: 'OffsetCommit', version: 5 },
  [api.offsetFetch]: { name: 'OffsetFetch', version: 4 },
  [api.findCoordinator]: { name: 'GroupCoordinator', version: 1 },
  [api.apiVersions]: { name: 'ApiVersions', version: 2 },
  [api.initProducerId]: { name: 'InitProducerId', version: 1 },
} as const;

type Api = keyof typeof spoken;

/** Where a broker is. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** How connections are made. */
export interface WireSettings {
  readonly tls: boolean;
  readonly sasl: SASLOptions | undefined;
  readonly clientId: string;
}

/** What became of a batch. */
export interface ProducedBatch {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  readonly baseOffset: number;
  readonly timeMs: number;
}

/** The broker could not be reached, or did not answer in time. */
export class WireBroken extends Error {
  override readonly name = 'WireBroken';
}

/** Responses come in the order of requests, and a long poll delays later ones. */
export class Wire {
  readonly #connection: Connection;
  readonly #address: string;
  #closed = false;

  private constructor(connection: Connection, address: string) {
    this.#connection = connection;
    this.#address = address;
  }

  /** Connects, and has the broker say what it understands. Rejects with WireBroken. */
  static async open({ host, port }: Address, { tls, sasl, clientId }: WireSettings): Promise<Wire> {
    prepareKafkajs();
    const connection = new ConnectionClass({
      host,
      port,
      ssl: tls || null,
      sasl: sasl === undefined ? null : { ...sasl },
      clientId,
      // Errors are returned to the caller; kafkajs would log them as well, at each attempt.
      logger: createLogger({ level: 0, logCreator: () => () => undefined }),
      socketFactory: makeSocketFactory(),
      connectionTimeout: connectTimeoutMs,
      requestTimeout: requestTimeoutMs,
    });
    const wire = new Wire(connection, `${host}:${port}`);
    await wire.#guarded(async () => {
      await connection.connect();
      const versions = await wire.#versions();
      connection.setVersions(versions);
      connection.setSupportAuthenticationProtocol(true);
      await connection.authenticate();
    });
    return wire;
  }

  /** It can be used no more. */
  get closed(): boolean {
    return this.#closed || !this.#connection.isConnected();
  }

  /** Sends batches, at most one for each partition, and waits for all replicas. Rejects with WireBroken: they may or may not have been taken. */
  async produce(batches: readonly BatchToProduce[]): Promise<readonly ProducedBatch[]> {
    const { response } = protocol(api.produce)({ topicData: [] });
    const decoded = (await this.#send({
      request: requestOf(api.produce, encodeProduce(batches)),
      response: { decode: (bytes) => response.decode(bytes), parse: async (answer) => answer },
    })) as ProduceAnswer;
    return decoded.topics.flatMap(({ topicName, partitions }) =>
      partitions.map(({ partition, errorCode, baseOffset, logAppendTime }) => ({
        topic: topicName,
        partition,
        errorCode,
        baseOffset: Number(baseOffset),
        timeMs: Number(logAppendTime),
      })),
    );
  }

  /** What is there from these offsets on, at most one for each partition; waits up to `maxWaitMs` when there is nothing. Rejects with WireBroken. */
  async fetch(
    partitions: readonly PartitionToFetch[],
    maxBytes: number,
    maxWaitMs: number,
  ): Promise<readonly FetchedPartition[]> {
    const answer = await this.#send({
      request: requestOf(api.fetch, encodeFetch(partitions, maxBytes, maxWaitMs)),
      response: { decode: async (bytes) => decodeFetch(bytes), parse: async (decoded) => decoded },
    });
    return answer as readonly FetchedPartition[];
  }

  /** Any other request, its answer as kafkajs decodes it, errors in it included. Rejects with WireBroken. */
  async ask<Answer>(which: Exclude<Api, typeof api.produce | typeof api.fetch>, options: object): Promise<Answer> {
    const { request, response } = protocol(which)(options);
    const exchange = {
      request,
      response: { decode: (bytes: Buffer) => response.decode(bytes), parse: async (decoded: unknown) => decoded },
      logResponseError: false,
    };
    return (await this.#send(exchange)) as Answer;
  }

  /** Closes the connection; pending requests reject. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#connection.rejectRequests(new WireBroken(`the connection to ${this.#address} was closed`));
    // Its promise waits for nothing any more, but for the queue that was just emptied.
    void this.#connection.disconnect().finally(() => this.#connection.socket?.destroy());
  }

  #send(exchange: Exchange): Promise<unknown> {
    return this.#guarded(() => this.#connection.send(exchange));
  }

  /** A connection is not reused after an error: a late response to an earlier request may still arrive on it. */
  async #guarded<T>(action: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new WireBroken(`the connection to ${this.#address} is closed`);
    try {
      return await action();
    } catch (error) {
      this.close();
      const why = error instanceof Error ? error.message : String(error);
      throw error instanceof WireBroken ? error : new WireBroken(`${this.#address}: ${why}`, { cause: error });
    }
  }

  async #versions(): Promise<Versions> {
    const answer = (await this.#connection.send(protocol(api.apiVersions)({}))) as ApiVersionsAnswer;
    const versions = Object.fromEntries(answer.apiVersions.map((entry) => [entry.apiKey, entry]));
    for (const [key, { name, version }] of Object.entries(spoken)) {
      const offered = versions[key];
      if (offered === undefined || version < offered.minVersion || version > offered.maxVersion)
        throw new WireBroken(
          `the broker does not understand ${name} in version ${version}: it must be of Kafka 2.3 or later`,
        );
    }
    return versions;
  }
}

interface ApiVersionsAnswer {
  readonly apiVersions: readonly {
    readonly apiKey: number;
    readonly minVersion: number;
    readonly maxVersion: number;
  }[];
}

interface ProduceAnswer {
  readonly topics: readonly {
    readonly topicName: string;
    readonly partitions: readonly {
      readonly partition: number;
      readonly errorCode: number;
      readonly baseOffset: string;
      readonly logAppendTime: string;
    }[];
  }[];
}

function protocol(which: Api): Protocol {
  const { name, version } = spoken[which];
  const definition = requests[name];
  if (definition === undefined) throw new Error(`kafkajs has no request ${name}`);
  return definition.protocol({ version });
}

function requestOf(which: Api, body: Buffer): Exchange['request'] {
  const { name, version } = spoken[which];
  return { apiKey: which, apiVersion: version, apiName: name, encode: async () => ({ buf: body, buffer: body }) };
}

/** What a number in an answer means. */
export function describeError(code: number): string {
  return `${createErrorFromCode(code).message} (${code})`;
}

/** The release whose files are loaded above and whose prototype is mended below. */
export const kafkajsRelease = '2.2.4';

/** Throws when another release of kafkajs is installed: what is used of it here is not public, and may be another thing there. */
export function assertKafkajsRelease(installed: string): void {
  if (installed === kafkajsRelease) return;
  throw new Error(`kafkajs ${kafkajsRelease} is needed, and ${installed} is installed: run npm ci`);
}

let isPrepared = false;

/**
 * Before anything of kafkajs is used, once. Every idle connection of it looks each millisecond whether a request waits that was held back (its
 * issue 1751), which costs 5 % of a core. Here it looks only when one does.
 */
export function prepareKafkajs(): void {
  if (isPrepared) return;
  assertKafkajsRelease((load('kafkajs/package.json') as { readonly version: string }).version);
  isPrepared = true;
  const { prototype } = RequestQueueClass;
  const { scheduleCheckPendingRequests: schedule } = prototype;
  prototype.scheduleCheckPendingRequests = function scheduleIfAny(this: RequestQueue) {
    if (this.pending.length > 0) schedule.call(this);
  };
}
