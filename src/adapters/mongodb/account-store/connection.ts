import { type Db, MongoClient, MongoError, MongoServerError } from 'mongodb';
import { AccountStoreUnavailable } from '../../../ports/account-store.ts';
import {
  answerTimeoutMs,
  connectTimeoutMs,
  maxPoolSize,
  renewAfterMs,
  serverSelectionTimeoutMs,
  socketTimeoutMs,
} from './limits.ts';

/** The code that tells that somebody else was first: the only one that anything here depends on. */
const duplicateKeyCode = 11_000;

export interface ConnectionOptions {
  /** Of the servers; may name the database. Throws what the driver throws when it is none. */
  readonly uri: string;
  /** Instead of the one that the URI names. */
  readonly database?: string;
  /** When neither names one. */
  readonly fallbackDatabase: string;
}

/** The database, connected to when it is first used. Each call has a time limit of ours: the driver's leave holes when a server freezes. */
export class MongoConnection {
  readonly #options: ConnectionOptions;
  #client: MongoClient;
  #connecting: Promise<unknown> | null = null;
  /** Of clients that were given up. */
  readonly #closing = new Set<Promise<void>>();
  /** Monotonic; null: the last call was answered. */
  #failingSinceMs: number | null = null;
  #closed = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#client = this.#newClient();
  }

  /** One call of the driver. Rejects with AccountStoreUnavailable, at the latest after `answerTimeoutMs`, or with what is not the driver's. */
  async use<T>(call: (database: Db) => Promise<T>): Promise<T> {
    if (this.#closed) throw new AccountStoreUnavailable('closed');
    const expired = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => expired.reject(new AccountStoreUnavailable(`MongoDB gave no answer within ${answerTimeoutMs} ms`)),
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
  async #connected(): Promise<Db> {
    const client = this.#client;
    this.#connecting ??= client.connect().catch((error: unknown) => {
      if (this.#client === client) this.#connecting = null;
      throw error;
    });
    await this.#connecting;
    const { uri, database, fallbackDatabase } = this.#options;
    return client.db(database ?? databaseNamed(uri) ?? fallbackDatabase);
  }

  #newClient(): MongoClient {
    const client = new MongoClient(this.#options.uri, {
      serverSelectionTimeoutMS: serverSelectionTimeoutMs,
      connectTimeoutMS: connectTimeoutMs,
      socketTimeoutMS: socketTimeoutMs,
      maxPoolSize,
      // An answer means that no election takes it back, and that the next read, of the primary, sees it.
      writeConcern: { w: 'majority' },
      readPreference: 'primary',
    });
    return client;
  }

  #unavailable(error: unknown): unknown {
    const isUnavailable = error instanceof AccountStoreUnavailable;
    if (!isUnavailable && !(error instanceof MongoError)) return error;
    const nowMs = performance.now();
    this.#failingSinceMs ??= nowMs;
    if (!this.#closed && nowMs - this.#failingSinceMs > renewAfterMs) this.#renew();
    return isUnavailable ? error : new AccountStoreUnavailable(error.message, { cause: error });
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
    const connected = this.#connecting ?? Promise.resolve();
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
    if (error instanceof MongoServerError && error.code === duplicateKeyCode) return false;
    throw error;
  }
}

/** Null when it names none. The driver would say `test` then. */
function databaseNamed(uri: string): string | null {
  const [, name] = /^[^/]*\/\/[^/]*\/([^?]+)/.exec(uri) ?? [];
  return name === undefined ? null : decodeURIComponent(name);
}
