import type { Collection, Filter } from 'mongodb';
import {
  type Account,
  type AccountRole,
  type AccountStore,
  AccountStoreUnavailable,
  type FailedSignIns,
  maxFamiliesPerAccount,
  type Rotation,
  type RotationOutcome,
  type SigningKey,
  type TokenFamily,
} from '../../../ports/account-store.ts';
import type { Clock } from '../../../ports/clock.ts';
import { MongoConnection, unlessThere } from '../connection.ts';
import {
  type AccountRow,
  accountsIn,
  type FailedSignInsRow,
  failedSignInsIn,
  prepare,
  type SigningKeysRow,
  signingKeysFilter,
  signingKeysIn,
} from './layout.ts';

/** Connections at most: people sign in one after the other, and hashing a password takes longer than storing it. */
export const maxPoolSize = 5;

/** Sign-ins to one account that were faster than this one, before it gives up for now. More than anybody's devices do at once. */
const maxAttempts = 100;

export interface MongoAccountStoreOptions {
  readonly uri: string;
  /** Begins the name of every collection. */
  readonly prefix: string;
  /** Says what has expired. */
  readonly clock: Clock;
  /** Instead of the database that the URI names; when neither is there it is that of the prefix. */
  readonly database?: string;
}

/**
 * Accounts in MongoDB. Connects at the first use, so that a process starts without the server; AccountStoreTooNew comes from that use. Throws the
 * driver's error for an invalid URI.
 */
export async function openMongoAccountStore(options: MongoAccountStoreOptions): Promise<AccountStore> {
  return new MongoAccountStore(options);
}

class MongoAccountStore implements AccountStore {
  readonly #prefix: string;
  readonly #clock: Clock;
  readonly #connection: MongoConnection;
  #prepared: Promise<void> | null = null;

  constructor({ uri, prefix, clock, database }: MongoAccountStoreOptions) {
    this.#prefix = prefix;
    this.#clock = clock;
    this.#connection = new MongoConnection({
      uri,
      fallbackDatabase: prefix,
      maxPoolSize,
      Unavailable: AccountStoreUnavailable,
      ...(database !== undefined && { database }),
    });
  }

  createAccount(account: Account): Promise<boolean> {
    const { clientId, userName, passwordHash, role, createTimeMs, group = '' } = account;
    const fields = { clientId, userName, passwordHash, role, createTimeMs, group, families: [], familyChanges: 0 };
    return this.#accounts((accounts) => unlessThere(accounts.insertOne({ _id: nameKeyOf(userName), ...fields })));
  }

  accountNamed(userName: string): Promise<Account | null> {
    return this.#account({ _id: nameKeyOf(userName) });
  }

  accountOf(clientId: string): Promise<Account | null> {
    return this.#account({ clientId });
  }

  async listAccounts(afterUserName: string, limit: number): Promise<readonly Account[]> {
    // A limit of 0 would be none.
    if (limit < 1) return [];
    const filter = { _id: { $gt: nameKeyOf(afterUserName) } };
    const rows = await this.#accounts((accounts) =>
      accounts.find(filter, { sort: { _id: 1 }, limit, batchSize: limit }).toArray(),
    );
    return rows.map(accountOf);
  }

  async removeAccount(userName: string): Promise<boolean> {
    const { deletedCount } = await this.#accounts((accounts) => accounts.deleteOne({ _id: nameKeyOf(userName) }));
    return deletedCount === 1;
  }

  setRole(userName: string, role: AccountRole): Promise<boolean> {
    return this.#change({ _id: nameKeyOf(userName) }, { role });
  }

  setGroup(userName: string, group = ''): Promise<boolean> {
    return this.#change({ _id: nameKeyOf(userName) }, { group });
  }

  replacePasswordHash(clientId: string, expected: string, replacement: string): Promise<boolean> {
    return this.#change({ clientId, passwordHash: expected }, { passwordHash: replacement });
  }

  changePassword(clientId: string, expected: string | null, replacement: string): Promise<boolean> {
    const filter = { clientId, ...(expected !== null && { passwordHash: expected }) };
    return this.#endAll(filter, { passwordHash: replacement });
  }

  async createFamily(
    { clientId, familyId, tokenHash, expireTimeMs }: TokenFamily,
    passwordHash: string,
  ): Promise<boolean> {
    const family = { familyId, tokenHash, expireTimeMs };
    for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
      const row = await this.#accounts((accounts) => accounts.findOne({ clientId, passwordHash }));
      if (row === null) return false;
      const { _id, familyChanges } = row;
      const families = [...this.#keptBeside(row.families), family];
      const next = { families, familyChanges: familyChanges + 1 };
      if (await this.#change({ _id, clientId, passwordHash, familyChanges }, next)) return true;
    }
    throw new AccountStoreUnavailable('too many others sign in to this account at once');
  }

  async rotateFamily(rotation: Rotation): Promise<RotationOutcome> {
    const { familyId, presentedHash, nextHash, expireTimeMs } = rotation;
    const valid = { familyId, expireTimeMs: { $gt: this.#clock.nowMs() } };
    const rotated = await this.#accounts((accounts) =>
      accounts.findOneAndUpdate(
        { families: { $elemMatch: { ...valid, tokenHash: presentedHash } } },
        {
          $set: { 'families.$[presented].tokenHash': nextHash, 'families.$[presented].expireTimeMs': expireTimeMs },
          $inc: { familyChanges: 1 },
        },
        { arrayFilters: [{ 'presented.familyId': familyId }], returnDocument: 'after' },
      ),
    );
    if (rotated !== null) return { kind: 'rotated', account: accountOf(rotated) };
    // A token that is not current never becomes current again, so this result stays valid.
    const ended = await this.#end(
      { families: { $elemMatch: { ...valid, tokenHash: { $ne: presentedHash } } } },
      familyId,
    );
    return ended === null ? { kind: 'unknown' } : { kind: 'reused', clientId: ended.clientId };
  }

  async endFamily(familyId: string): Promise<string | null> {
    return (await this.#end({ 'families.familyId': familyId }, familyId))?.clientId ?? null;
  }

  async endFamilies(clientId: string): Promise<void> {
    await this.#endAll({ clientId }, {});
  }

  async failedSignIns(nameHash: string): Promise<FailedSignIns | null> {
    const filter = { _id: nameHash, expireTimeMs: { $gt: this.#clock.nowMs() } };
    const row = await this.#failedSignIns((rows) => rows.findOne(filter));
    return row && { count: row.count, timeMs: row.timeMs, expireTimeMs: row.expireTimeMs };
  }

  async replaceFailedSignIns(
    nameHash: string,
    expected: FailedSignIns | null,
    next: FailedSignIns | null,
  ): Promise<boolean> {
    const _id = nameHash;
    if (expected === null)
      return next === null ? (await this.failedSignIns(nameHash)) === null : this.#add({ _id, ...next });
    const filter = { _id, count: expected.count, timeMs: expected.timeMs };
    if (next === null) return this.#failedSignIns(async (rows) => (await rows.deleteOne(filter)).deletedCount === 1);
    const { count, timeMs, expireTimeMs } = next;
    const update = { $set: { count, timeMs, expireTimeMs } };
    return this.#failedSignIns(async (rows) => (await rows.updateOne(filter, update)).matchedCount === 1);
  }

  /** Nothing is there but what has expired, whosever it is: that goes first. */
  async #add(next: FailedSignInsRow): Promise<boolean> {
    const expired = { expireTimeMs: { $lte: this.#clock.nowMs() } };
    await this.#failedSignIns((rows) => rows.deleteMany(expired));
    return this.#failedSignIns((rows) => unlessThere(rows.insertOne(next)));
  }

  async signingKeys(): Promise<readonly SigningKey[]> {
    const row = await this.#signingKeys((rows) => rows.findOne(signingKeysFilter));
    return row?.keys ?? [];
  }

  async addSigningKey(key: SigningKey, newestKid: string | null): Promise<boolean> {
    const { kid, privateJwk, createTimeMs, retireTimeMs, removeTimeMs } = key;
    const added = { kid, privateJwk, createTimeMs, retireTimeMs, removeTimeMs };
    if (newestKid === null) {
      const row: SigningKeysRow = { _id: 'signing-keys', newestKid: kid, keys: [added] };
      return this.#signingKeys((rows) => unlessThere(rows.insertOne(row)));
    }
    const nowMs = this.#clock.nowMs();
    const kept = (await this.signingKeys()).filter((known) => known.removeTimeMs > nowMs);
    const update = { $set: { newestKid: kid, keys: [...kept, added] } };
    // Nothing else changes the keys: if the newest is still the same, so are all.
    const { matchedCount } = await this.#signingKeys((rows) =>
      rows.updateOne({ ...signingKeysFilter, newestKid }, update),
    );
    return matchedCount === 1;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#connection[Symbol.asyncDispose]();
  }

  /** Those that have not expired, and of them as many as leave room for one more: the others expire first. */
  #keptBeside(families: AccountRow['families']): AccountRow['families'] {
    const nowMs = this.#clock.nowMs();
    return families
      .filter(({ expireTimeMs }) => expireTimeMs > nowMs)
      .toSorted((left, right) => right.expireTimeMs - left.expireTimeMs)
      .slice(0, maxFamiliesPerAccount - 1);
  }

  /** Resolves to the family's account; null when there was none like that. */
  #end(filter: Filter<AccountRow>, familyId: string): Promise<AccountRow | null> {
    const update = { $pull: { families: { familyId } }, $inc: { familyChanges: 1 } };
    return this.#accounts((accounts) => accounts.findOneAndUpdate(filter, update));
  }

  /** Ends all families of an account and changes it; whether there was one like that. */
  async #endAll(filter: Filter<AccountRow>, fields: Partial<AccountRow>): Promise<boolean> {
    const update = { $set: { ...fields, families: [] }, $inc: { familyChanges: 1 } };
    const { matchedCount } = await this.#accounts((accounts) => accounts.updateOne(filter, update));
    return matchedCount === 1;
  }

  async #account(filter: Filter<AccountRow>): Promise<Account | null> {
    const row = await this.#accounts((accounts) => accounts.findOne(filter));
    return row && accountOf(row);
  }

  /** Whether there was an account like that. */
  async #change(filter: Filter<AccountRow>, fields: Partial<AccountRow>): Promise<boolean> {
    const { matchedCount } = await this.#accounts((accounts) => accounts.updateOne(filter, { $set: fields }));
    return matchedCount === 1;
  }

  async #accounts<T>(call: (accounts: Collection<AccountRow>) => Promise<T>): Promise<T> {
    await this.#prepare();
    return this.#connection.use((database) => call(accountsIn(database, this.#prefix)));
  }

  async #failedSignIns<T>(call: (rows: Collection<FailedSignInsRow>) => Promise<T>): Promise<T> {
    await this.#prepare();
    return this.#connection.use((database) => call(failedSignInsIn(database, this.#prefix)));
  }

  async #signingKeys<T>(call: (rows: Collection<SigningKeysRow>) => Promise<T>): Promise<T> {
    await this.#prepare();
    return this.#connection.use((database) => call(signingKeysIn(database, this.#prefix)));
  }

  /** Once for each handle; again after it failed. */
  #prepare(): Promise<void> {
    this.#prepared ??= this.#connection
      .use((database) => prepare(database, this.#prefix))
      .catch((error: unknown) => {
        this.#prepared = null;
        throw error;
      });
    return this.#prepared;
  }
}

/** User names are ASCII, so that this is all that case is. */
function nameKeyOf(userName: string): string {
  return userName.toLowerCase();
}

/** Accounts of releases before 0.4 have no group. */
function accountOf({ clientId, userName, passwordHash, role, createTimeMs, group = '' }: AccountRow): Account {
  return { clientId, userName, passwordHash, role, createTimeMs, ...(group !== '' && { group }) };
}
