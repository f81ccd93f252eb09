import type { DatabaseSync, SQLInputValue, SQLOutputValue } from 'node:sqlite';
import {
  type Account,
  type AccountRole,
  type AccountStore,
  AccountStoreUnavailable,
  maxFamiliesPerAccount,
  type Rotation,
  type RotationOutcome,
  type SigningKey,
  type TokenFamily,
} from '../../../ports/account-store.ts';
import type { Clock } from '../../../ports/clock.ts';
import { mapSqliteError } from './errors.ts';
import { openAccountFile } from './open-file.ts';

export interface SqliteAccountStoreOptions {
  /** The file; its folder must be there. Any number of processes may have it open. */
  readonly path: string;
  /** Says what has expired. */
  readonly clock: Clock;
}

/** Expired families removed at each new one: they go faster than they come, and no single call pays for many. */
const expiredRemovedAtOnce = 20;

type Row = Record<string, SQLOutputValue>;

/** Accounts in an SQLite file. Throws AccountStoreUnavailable, AccountStoreTooNew or AccountStoreDamaged. */
export function openSqliteAccountStore(options: SqliteAccountStoreOptions): AccountStore {
  return new SqliteAccountStore(options);
}

/**
 * Works on the calling thread: a statement takes microseconds, a commit one sync of the disk, and passwords are hashed before there is
 * anything to commit.
 */
class SqliteAccountStore implements AccountStore {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #database: DatabaseSync;

  constructor({ path, clock }: SqliteAccountStoreOptions) {
    this.#path = path;
    this.#clock = clock;
    this.#database = openAccountFile(path);
  }

  async createAccount(account: Account): Promise<boolean> {
    const { clientId, userName, passwordHash, role, createTimeMs } = account;
    return this.#changes(
      'INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (name_key) DO NOTHING',
      ...[clientId, nameKeyOf(userName), userName, passwordHash, role, createTimeMs],
    );
  }

  async accountNamed(userName: string): Promise<Account | null> {
    return this.#account('name_key', nameKeyOf(userName));
  }

  async accountOf(clientId: string): Promise<Account | null> {
    return this.#account('client_id', clientId);
  }

  async listAccounts(afterUserName: string, limit: number): Promise<readonly Account[]> {
    const after = nameKeyOf(afterUserName);
    return this.#all('SELECT * FROM accounts WHERE name_key > ? ORDER BY name_key LIMIT ?', after, limit).map(
      accountOf,
    );
  }

  async removeAccount(userName: string): Promise<boolean> {
    const key = nameKeyOf(userName);
    return this.#transaction(() => {
      this.#run('DELETE FROM families WHERE client_id = (SELECT client_id FROM accounts WHERE name_key = ?)', key);
      return this.#changes('DELETE FROM accounts WHERE name_key = ?', key);
    });
  }

  async setRole(userName: string, role: AccountRole): Promise<boolean> {
    return this.#changes('UPDATE accounts SET role = ? WHERE name_key = ?', role, nameKeyOf(userName));
  }

  async replacePasswordHash(clientId: string, expected: string, replacement: string): Promise<boolean> {
    return this.#changes(
      'UPDATE accounts SET password_hash = ? WHERE client_id = ? AND password_hash = ?',
      ...[replacement, clientId, expected],
    );
  }

  async changePassword(clientId: string, expected: string | null, replacement: string): Promise<boolean> {
    return this.#transaction(() => {
      const isChanged = this.#changes(
        'UPDATE accounts SET password_hash = ? WHERE client_id = ? AND password_hash = ifnull(?, password_hash)',
        ...[replacement, clientId, expected],
      );
      if (isChanged) this.#run('DELETE FROM families WHERE client_id = ?', clientId);
      return isChanged;
    });
  }

  async createFamily(
    { familyId, clientId, tokenHash, expireTimeMs }: TokenFamily,
    passwordHash: string,
  ): Promise<boolean> {
    return this.#transaction(() => {
      if (this.#account('client_id', clientId)?.passwordHash !== passwordHash) return false;
      this.#run(
        'DELETE FROM families WHERE family_id IN (SELECT family_id FROM families WHERE expire_time_ms <= ? LIMIT ?)',
        ...[this.#clock.nowMs(), expiredRemovedAtOnce],
      );
      this.#run(
        'DELETE FROM families WHERE family_id IN ' +
          '(SELECT family_id FROM families WHERE client_id = ? ORDER BY expire_time_ms DESC, family_id LIMIT -1 OFFSET ?)',
        ...[clientId, maxFamiliesPerAccount - 1],
      );
      this.#run('INSERT INTO families VALUES (?, ?, ?, ?)', familyId, clientId, tokenHash, expireTimeMs);
      return true;
    });
  }

  async rotateFamily({ familyId, presentedHash, nextHash, expireTimeMs }: Rotation): Promise<RotationOutcome> {
    return this.#transaction(() => {
      const [family] = this.#all(
        'SELECT token_hash, accounts.* FROM families JOIN accounts USING (client_id) WHERE family_id = ? AND expire_time_ms > ?',
        ...[familyId, this.#clock.nowMs()],
      );
      if (family === undefined) return { kind: 'unknown' };
      const account = accountOf(family);
      if (family['token_hash'] !== presentedHash) {
        this.#run('DELETE FROM families WHERE family_id = ?', familyId);
        return { kind: 'reused', clientId: account.clientId };
      }
      this.#run(
        'UPDATE families SET token_hash = ?, expire_time_ms = ? WHERE family_id = ?',
        ...[nextHash, expireTimeMs, familyId],
      );
      return { kind: 'rotated', account };
    });
  }

  async endFamily(familyId: string): Promise<void> {
    this.#run('DELETE FROM families WHERE family_id = ?', familyId);
  }

  async endFamilies(clientId: string): Promise<void> {
    this.#run('DELETE FROM families WHERE client_id = ?', clientId);
  }

  async signingKeys(): Promise<readonly SigningKey[]> {
    return this.#all('SELECT * FROM signing_keys ORDER BY position').map(signingKeyOf);
  }

  async addSigningKey(key: SigningKey, newestKid: string | null): Promise<boolean> {
    const { kid, privateJwk, createTimeMs, retireTimeMs, removeTimeMs } = key;
    return this.#transaction(() => {
      const [newest] = this.#all('SELECT kid FROM signing_keys ORDER BY position DESC LIMIT 1');
      if ((newest?.['kid'] ?? null) !== newestKid) return false;
      this.#run('DELETE FROM signing_keys WHERE remove_time_ms <= ?', this.#clock.nowMs());
      this.#run(
        'INSERT INTO signing_keys (kid, private_jwk, create_time_ms, retire_time_ms, remove_time_ms) VALUES (?, ?, ?, ?, ?)',
        ...[kid, privateJwk, createTimeMs, retireTimeMs, removeTimeMs],
      );
      return true;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#database.isOpen) this.#database.close();
  }

  #account(column: 'name_key' | 'client_id', value: string): Account | null {
    const [row] = this.#all(`SELECT * FROM accounts WHERE ${column} = ?`, value);
    return row === undefined ? null : accountOf(row);
  }

  #changes(sql: string, ...values: readonly SQLInputValue[]): boolean {
    return this.#run(sql, ...values) > 0;
  }

  #run(sql: string, ...values: readonly SQLInputValue[]): number {
    return this.#use(() => Number(this.#database.prepare(sql).run(...values).changes));
  }

  #all(sql: string, ...values: readonly SQLInputValue[]): readonly Row[] {
    return this.#use(() => this.#database.prepare(sql).all(...values));
  }

  /** All of the work or nothing of it; no other handle writes meanwhile. */
  #transaction<T>(work: () => T): T {
    return this.#use(() => {
      this.#database.exec('BEGIN IMMEDIATE');
      try {
        const result = work();
        this.#database.exec('COMMIT');
        return result;
      } catch (error) {
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
        throw error;
      }
    });
  }

  #use<T>(work: () => T): T {
    if (!this.#database.isOpen) throw new AccountStoreUnavailable(`${this.#path} is closed`);
    try {
      return work();
    } catch (error) {
      throw mapSqliteError(this.#path, error);
    }
  }
}

/** User names are ASCII, so that this is all that case is. */
function nameKeyOf(userName: string): string {
  return userName.toLowerCase();
}

function accountOf(row: Row): Account {
  return {
    clientId: String(row['client_id']),
    userName: String(row['user_name']),
    passwordHash: String(row['password_hash']),
    role: row['role'] === 'operator' ? 'operator' : 'client',
    createTimeMs: Number(row['create_time_ms']),
  };
}

function signingKeyOf(row: Row): SigningKey {
  return {
    kid: String(row['kid']),
    privateJwk: String(row['private_jwk']),
    createTimeMs: Number(row['create_time_ms']),
    retireTimeMs: Number(row['retire_time_ms']),
    removeTimeMs: Number(row['remove_time_ms']),
  };
}
