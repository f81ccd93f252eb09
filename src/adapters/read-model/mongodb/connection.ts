import { type Db, MongoBulkWriteError, MongoClient, MongoError, MongoServerError } from 'mongodb';
import { ReadModelUnavailable } from '../../../ports/read-model.ts';
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

/**
 * The database, connected to when it is first used. The driver's own time limits leave holes (a frozen server kept a call for 63 s), so
 * that each call has one of ours; what it still does then is repeatable.
 */
export class MongoConnection {
  readonly #client: MongoClient;
  readonly #database: Db;
  #connecting: Promise<unknown> | null = null;
  #closed = false;
  #isReplicated = false;

  constructor({ uri, database, fallbackDatabase }: ConnectionOptions) {
    this.#client = new MongoClient(uri, {
      serverSelectionTimeoutMS: serverSelectionTimeoutMs,
      connectTimeoutMS: connectTimeoutMs,
      socketTimeoutMS: socketTimeoutMs,
      maxPoolSize,
      ignoreUndefined: true,
      // An answer means that no election takes it back, and that the next read, of the primary, sees it.
      writeConcern: { w: 'majority' },
      readPreference: 'primary',
    });
    this.#client.on('topologyDescriptionChanged', ({ newDescription: { type, setName } }) => {
      this.#isReplicated = setName !== null || type === 'Sharded';
    });
    this.#database = this.#client.db(database ?? databaseNamed(uri) ?? fallbackDatabase);
  }

  /**
   * For what must not be taken back, of one document: the answer, and all that the server held before it, is the majority's. A server that
   * stands alone knows no such thing and needs none.
   */
  get finalRead(): { readonly readConcern?: 'linearizable' } {
    return this.#isReplicated ? { readConcern: 'linearizable' } : {};
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** One call of the driver. Rejects with ReadModelUnavailable, at the latest after `answerTimeoutMs`, or with what is not the driver's. */
  async use<T>(call: (database: Db) => Promise<T>): Promise<T> {
    if (this.#closed) throw new ReadModelUnavailable('closed');
    const expired = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => expired.reject(new ReadModelUnavailable(`MongoDB gave no answer within ${answerTimeoutMs} ms`)),
      answerTimeoutMs,
    );
    try {
      return await Promise.race([this.#connected().then(() => call(this.#database)), expired.promise]);
    } catch (error) {
      throw error instanceof MongoError ? new ReadModelUnavailable(error.message, { cause: error }) : error;
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

/** Whether a write was refused because a document of this id, or of another unique key, is there. */
export function isDuplicate(error: unknown): boolean {
  return error instanceof MongoServerError && error.code === duplicateKeyCode;
}

/** Whether all that failed of many writes failed so; the others are done. The driver tells a broken connection in the same class. */
export function areDuplicates(error: unknown): boolean {
  if (!(error instanceof MongoBulkWriteError) || !isDuplicate(error)) return false;
  const failed = [error.writeErrors].flat();
  const isStored = error.result.getWriteConcernError() === undefined;
  return isStored && failed.length > 0 && failed.every(({ code }) => code === duplicateKeyCode);
}

/** Null when it names none. The driver would say `test` then. */
function databaseNamed(uri: string): string | null {
  const [, name] = /^[^/]*\/\/[^/]*\/([^?]+)/.exec(uri) ?? [];
  return name === undefined ? null : decodeURIComponent(name);
}
