import { type Db, MongoClient, MongoError, MongoServerError } from 'mongodb';
import { AccountStoreUnavailable } from '../../../ports/account-store.ts';
import { answerTimeoutMs, connectTimeoutMs, maxPoolSize, serverSelectionTimeoutMs, socketTimeoutMs } from './limits.ts';

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
  readonly #client: MongoClient;
  readonly #database: Db;
  #connecting: Promise<unknown> | null = null;
  #closed = false;

  constructor({ uri, database, fallbackDatabase }: ConnectionOptions) {
    this.#client = new MongoClient(uri, {
      serverSelectionTimeoutMS: serverSelectionTimeoutMs,
      connectTimeoutMS: connectTimeoutMs,
      socketTimeoutMS: socketTimeoutMs,
      maxPoolSize,
      // An answer means that no election takes it back, and that the next read, of the primary, sees it.
      writeConcern: { w: 'majority' },
      readPreference: 'primary',
    });
    this.#database = this.#client.db(database ?? databaseNamed(uri) ?? fallbackDatabase);
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
      return await Promise.race([this.#connected().then(() => call(this.#database)), expired.promise]);
    } catch (error) {
      throw error instanceof MongoError ? new AccountStoreUnavailable(error.message, { cause: error }) : error;
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    // A client that is closed while it connects would stay open.
    await this.#connecting?.catch(() => {});
    await this.#client.close();
  }

  /** The driver connects by itself too, but never again once that failed. */
  #connected(): Promise<unknown> {
    this.#connecting ??= this.#client.connect().catch((error: unknown) => {
      this.#connecting = null;
      throw error;
    });
    return this.#connecting;
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
