import type { Collection, Db } from 'mongodb';
import { AccountStoreUnavailable } from '../../../ports/account-store.ts';
import type { Clock } from '../../../ports/clock.ts';
import {
  entryIdOf,
  type SecurityEntry,
  type SecurityEvent,
  type SecurityLog,
  type SecurityPlace,
  securityEventsKeptMs,
} from '../../../ports/security-log.ts';
import { MongoConnection, unlessThere } from '../connection.ts';
import { maxPoolSize } from './mongo-account-store.ts';

export interface MongoSecurityLogOptions {
  readonly uri: string;
  /** Begins the name of the collection. */
  readonly prefix: string;
  /** For the cut-off of expired entries. */
  readonly clock: Pick<Clock, 'nowMs'>;
}

/** A document of `<prefix>_security_events`: an entry, with its id as `_id`. */
type EventRow = Omit<SecurityEntry, 'entryId'> & { readonly _id: string };

/** The security log in MongoDB. Nothing is asked of the server until the first use. Throws what the driver throws when the URI is none. */
export async function openMongoSecurityLog(options: MongoSecurityLogOptions): Promise<SecurityLog> {
  return new MongoSecurityLog(options);
}

class MongoSecurityLog implements SecurityLog {
  readonly #options: MongoSecurityLogOptions;
  readonly #connection: MongoConnection;
  #prepared: Promise<unknown> | null = null;

  constructor(options: MongoSecurityLogOptions) {
    this.#options = options;
    this.#connection = new MongoConnection({
      uri: options.uri,
      fallbackDatabase: options.prefix,
      maxPoolSize,
      Unavailable: AccountStoreUnavailable,
    });
  }

  async record(event: SecurityEvent): Promise<void> {
    const { timeMs } = event;
    const _id = entryIdOf(event);
    const update = { $inc: { count: 1 }, $min: { timeMs }, $max: { lastTimeMs: timeMs } };
    const counted = () => this.#events(async (events) => (await events.updateOne({ _id }, update)).matchedCount === 1);
    if (await counted()) return;
    await this.#events((events) => events.deleteMany({ timeMs: { $lte: this.#oldestMs() } }));
    const { kind, clientId, userName, operator, address, detail } = event;
    const row = { _id, kind, timeMs, lastTimeMs: timeMs, count: 1, clientId, userName, operator, address, detail };
    // Another server has made the entry meanwhile.
    if (!(await this.#events((events) => unlessThere(events.insertOne(row))))) await counted();
  }

  async list(after: SecurityPlace | undefined, limit: number): Promise<readonly SecurityEntry[]> {
    // A limit of 0 would be none.
    if (limit < 1) return [];
    const isKept = { timeMs: { $gt: this.#oldestMs() } };
    const isAfter = after && {
      $or: [{ timeMs: { $lt: after.timeMs } }, { timeMs: after.timeMs, _id: { $lt: after.entryId } }],
    };
    const filter = isAfter === undefined ? isKept : { $and: [isKept, isAfter] };
    const rows = await this.#events((events) =>
      events.find(filter, { sort: { timeMs: -1, _id: -1 }, limit, batchSize: limit }).toArray(),
    );
    return rows.map(({ _id, ...entry }) => ({ entryId: _id, ...entry }));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#connection[Symbol.asyncDispose]();
  }

  #oldestMs(): number {
    return this.#options.clock.nowMs() - securityEventsKeptMs;
  }

  async #events<T>(call: (events: Collection<EventRow>) => Promise<T>): Promise<T> {
    await this.#prepare();
    return this.#connection.use((database) => call(this.#eventsIn(database)));
  }

  /** Once for each handle; again after it failed. */
  #prepare(): Promise<unknown> {
    this.#prepared ??= this.#connection
      .use((database) => this.#eventsIn(database).createIndexes([{ name: 'byTime', key: { timeMs: -1, _id: -1 } }]))
      .catch((error: unknown) => {
        this.#prepared = null;
        throw error;
      });
    return this.#prepared;
  }

  #eventsIn(database: Db): Collection<EventRow> {
    return database.collection<EventRow>(`${this.#options.prefix}_security_events`);
  }
}
