import { type Db, MongoBulkWriteError, MongoClient, MongoError, MongoServerError } from 'mongodb';
import {
  answerTimeoutMs,
  connectTimeoutMs,
  renewAfterMs,
  serverSelectionTimeoutMs,
  socketTimeoutMs,
} from './limits.ts';

/** Duplicate key: the only error code that anything here depends on. */
const duplicateKeyCode = 11_000;

export interface ConnectionOptions {
  /** Of the servers; may name the database. Throws what the driver throws when it is none. */
  readonly uri: string;
  /** Instead of the one that the URI names. */
  readonly database?: string;
  /** When neither names one. */
  readonly fallbackDatabase: string;
  /** Connections at most. */
  readonly maxPoolSize: number;
  /** What the port that is served says when the server does not answer. */
  readonly Unavailable: new (
    message: string,
    options?: ErrorOptions,
  ) => Error;
}

/**
 * The database, connected to when it is first used. The driver's own time limits leave holes (a frozen server kept a call for 63 s), so
 * that each call has one of ours; what it still does then is repeatable.
 */
export class MongoConnection {
  readonly #options: ConnectionOptions;
  #client: MongoClient;
  #connecting: Promise<Db> | null = null;
  /** Of clients that were given up. */
  readonly #closing = new Set<Promise<void>>();
  /** Monotonic; null: the last call was answered. */
  #failingSinceMs: number | null = null;
  #closed = false;
  #isReplicated = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#client = this.#newClient();
  }

  /**
   * Linearizable reads of one document: the result, and all earlier writes, are majority-committed. A standalone server does not support it, nor need
   * it.
   */
  get finalRead(): { readonly readConcern?: 'linearizable' } {
    return this.#isReplicated ? { readConcern: 'linearizable' } : {};
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** One call of the driver. Rejects with `Unavailable`, at the latest after `answerTimeoutMs`, or with what is not the driver's. */
  async use<T>(call: (database: Db) => Promise<T>): Promise<T> {
    const { Unavailable } = this.#options;
    if (this.#closed) throw new Unavailable('closed');
    const expired = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => expired.reject(new Unavailable(`MongoDB gave no answer within ${answerTimeoutMs} ms`)),
      answerTimeoutMs,
    );
    try {
      const answer = await Promise.race([this.#connected().then((database) => call(database)), expired.promise]);
      this.#failingSinceMs = null;
      return answer;
    } catch (error) {
      throw this.#unavailable(error);
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#giveUp();
    await Promise.all(this.#closing);
  }

  /** The driver connects by itself too, but never again once that failed. */
  #connected(): Promise<Db> {
    this.#connecting ??= this.#connect(this.#client);
    return this.#connecting;
  }

  async #connect(client: MongoClient): Promise<Db> {
    const { uri, database, fallbackDatabase } = this.#options;
    try {
      await client.connect();
      return client.db(database ?? databaseNamed(uri) ?? fallbackDatabase);
    } catch (error) {
      if (this.#client === client) this.#connecting = null;
      throw error;
    }
  }

  #newClient(): MongoClient {
    const client = new MongoClient(this.#options.uri, {
      serverSelectionTimeoutMS: serverSelectionTimeoutMs,
      connectTimeoutMS: connectTimeoutMs,
      socketTimeoutMS: socketTimeoutMs,
      maxPoolSize: this.#options.maxPoolSize,
      ignoreUndefined: true,
      // An answer means that no election takes it back, and that the next read, of the primary, sees it.
      writeConcern: { w: 'majority' },
      readPreference: 'primary',
    });
    client.on('topologyDescriptionChanged', ({ newDescription: { type, setName } }) => {
      this.#isReplicated = setName !== null || type === 'Sharded';
    });
    return client;
  }

  #unavailable(error: unknown): unknown {
    const { Unavailable } = this.#options;
    if (!(error instanceof Unavailable || error instanceof MongoError)) return error;
    const nowMs = performance.now();
    this.#failingSinceMs ??= nowMs;
    if (!this.#closed && nowMs - this.#failingSinceMs > renewAfterMs) this.#renew();
    return error instanceof MongoError ? new Unavailable(error.message, { cause: error }) : error;
  }

  #renew(): void {
    this.#giveUp();
    this.#client = this.#newClient();
    this.#connecting = null;
    this.#failingSinceMs = null;
  }

  /** A client that is closed while it connects would stay open. */
  #giveUp(): void {
    const client = this.#client;
    const connected: Promise<unknown> = this.#connecting ?? Promise.resolve();
    const closing = connected
      .catch(() => {})
      .then(() => client.close())
      // Nothing depends on it any more.
      .catch(() => {})
      .finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}

/** False when a document of this id, or of another unique key, is there. */
export async function unlessThere(write: Promise<unknown>): Promise<boolean> {
  try {
    await write;
    return true;
  } catch (error) {
    if (isDuplicate(error)) return false;
    throw error;
  }
}

/** Whether a write was refused because a document of this id, or of another unique key, is there. */
export function isDuplicate(error: unknown): boolean {
  return error instanceof MongoServerError && error.code === duplicateKeyCode;
}

/**
 * Which of many writes met an id that is there, when all that failed failed so and the others are done; throws the error if not. The driver tells
 * a broken connection in the same class.
 */
export function duplicatesOf(error: unknown): readonly number[] {
  if (!(error instanceof MongoBulkWriteError) || !isDuplicate(error)) throw error;
  const failed = [error.writeErrors].flat();
  const isStored = error.result.getWriteConcernError() === undefined;
  if (!isStored || failed.length === 0 || failed.some(({ code }) => code !== duplicateKeyCode)) throw error;
  return failed.map(({ index }) => index);
}

/** Null when it names none. The driver would say `test` then. */
function databaseNamed(uri: string): string | null {
  const [, name] = /^[^/]*\/\/[^/]*\/([^?]+)/.exec(uri) ?? [];
  return name === undefined ? null : decodeURIComponent(name);
}
