import {
  type Account,
  type AccountRole,
  type AccountStore,
  type FailedSignIns,
  maxFamiliesPerAccount,
  type Rotation,
  type RotationOutcome,
  type SigningKey,
  type TokenFamily,
} from '../../../ports/account-store.ts';
import type { Clock } from '../../../ports/clock.ts';
import { AccountFile, type Row } from './account-file.ts';

export interface SqliteAccountStoreOptions {
  /** The file; its folder must be there. Any number of processes may have it open. */
  readonly path: string;
  /** Says what has expired. */
  readonly clock: Clock;
}

/** Expired families, or failures, removed at each new one: they go faster than they come, and no single call pays for many. */
const expiredRemovedAtOnce = 20;

/** Accounts in an SQLite file. Throws AccountStoreUnavailable, AccountStoreTooNew or AccountStoreDamaged. */
export function openSqliteAccountStore(options: SqliteAccountStoreOptions): AccountStore {
  return new SqliteAccountStore(options);
}

/**
 * Works on the calling thread: a statement takes microseconds, a commit one sync of the disk, and passwords are hashed before there is
 * anything to commit.
 */
class SqliteAccountStore implements AccountStore {
  readonly #clock: Clock;
  readonly #file: AccountFile;

  constructor({ path, clock }: SqliteAccountStoreOptions) {
    this.#clock = clock;
    this.#file = new AccountFile(path);
  }

  async createAccount(account: Account): Promise<boolean> {
    const { clientId, userName, passwordHash, role, createTimeMs, group = '' } = account;
    return this.#file.changes(
      'INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name_key) DO NOTHING',
      ...[clientId, nameKeyOf(userName), userName, passwordHash, role, createTimeMs, group],
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
    return this.#file
      .all('SELECT * FROM accounts WHERE name_key > ? ORDER BY name_key LIMIT ?', after, limit)
      .map(accountOf);
  }

  async removeAccount(userName: string): Promise<boolean> {
    const key = nameKeyOf(userName);
    return this.#file.transaction(() => {
      this.#file.run('DELETE FROM families WHERE client_id = (SELECT client_id FROM accounts WHERE name_key = ?)', key);
      return this.#file.changes('DELETE FROM accounts WHERE name_key = ?', key);
    });
  }

  async setRole(userName: string, role: AccountRole): Promise<boolean> {
    return this.#file.changes('UPDATE accounts SET role = ? WHERE name_key = ?', role, nameKeyOf(userName));
  }

  async setGroup(userName: string, group = ''): Promise<boolean> {
    return this.#file.changes('UPDATE accounts SET group_name = ? WHERE name_key = ?', group, nameKeyOf(userName));
  }

  async replacePasswordHash(clientId: string, expected: string, replacement: string): Promise<boolean> {
    return this.#file.changes(
      'UPDATE accounts SET password_hash = ? WHERE client_id = ? AND password_hash = ?',
      ...[replacement, clientId, expected],
    );
  }

  async changePassword(clientId: string, expected: string | null, replacement: string): Promise<boolean> {
    return this.#file.transaction(() => {
      const isChanged = this.#file.changes(
        'UPDATE accounts SET password_hash = ? WHERE client_id = ? AND password_hash = ifnull(?, password_hash)',
        ...[replacement, clientId, expected],
      );
      if (isChanged) this.#file.run('DELETE FROM families WHERE client_id = ?', clientId);
      return isChanged;
    });
  }

  async createFamily(
    { familyId, clientId, tokenHash, expireTimeMs }: TokenFamily,
    passwordHash: string,
  ): Promise<boolean> {
    return this.#file.transaction(() => {
      if (this.#account('client_id', clientId)?.passwordHash !== passwordHash) return false;
      this.#file.run(
        'DELETE FROM families WHERE family_id IN (SELECT family_id FROM families WHERE expire_time_ms <= ? LIMIT ?)',
        ...[this.#clock.nowMs(), expiredRemovedAtOnce],
      );
      this.#file.run(
        'DELETE FROM families WHERE family_id IN ' +
          '(SELECT family_id FROM families WHERE client_id = ? ORDER BY expire_time_ms DESC, family_id LIMIT -1 OFFSET ?)',
        ...[clientId, maxFamiliesPerAccount - 1],
      );
      this.#file.run('INSERT INTO families VALUES (?, ?, ?, ?)', familyId, clientId, tokenHash, expireTimeMs);
      return true;
    });
  }

  async rotateFamily({ familyId, presentedHash, nextHash, expireTimeMs }: Rotation): Promise<RotationOutcome> {
    return this.#file.transaction(() => {
      const [family] = this.#file.all(
        'SELECT token_hash, accounts.* FROM families JOIN accounts USING (client_id) WHERE family_id = ? AND expire_time_ms > ?',
        ...[familyId, this.#clock.nowMs()],
      );
      if (family === undefined) return { kind: 'unknown' };
      const account = accountOf(family);
      if (family['token_hash'] !== presentedHash) {
        this.#file.run('DELETE FROM families WHERE family_id = ?', familyId);
        return { kind: 'reused', clientId: account.clientId };
      }
      this.#file.run(
        'UPDATE families SET token_hash = ?, expire_time_ms = ? WHERE family_id = ?',
        ...[nextHash, expireTimeMs, familyId],
      );
      return { kind: 'rotated', account };
    });
  }

  async endFamily(familyId: string): Promise<string | null> {
    const [ended] = this.#file.all('DELETE FROM families WHERE family_id = ? RETURNING client_id', familyId);
    return ended === undefined ? null : String(ended['client_id']);
  }

  async endFamilies(clientId: string): Promise<void> {
    this.#file.run('DELETE FROM families WHERE client_id = ?', clientId);
  }

  async failedSignIns(nameHash: string): Promise<FailedSignIns | null> {
    const [row] = this.#file.all(
      'SELECT * FROM failed_sign_ins WHERE name_hash = ? AND expire_time_ms > ?',
      ...[nameHash, this.#clock.nowMs()],
    );
    return row === undefined ? null : failedSignInsOf(row);
  }

  async replaceFailedSignIns(
    nameHash: string,
    expected: FailedSignIns | null,
    next: FailedSignIns | null,
  ): Promise<boolean> {
    return this.#file.transaction(() => {
      const nowMs = this.#clock.nowMs();
      const [row] = this.#file.all(
        'SELECT * FROM failed_sign_ins WHERE name_hash = ? AND expire_time_ms > ?',
        nameHash,
        nowMs,
      );
      const found = row === undefined ? null : failedSignInsOf(row);
      if (found?.count !== expected?.count || found?.timeMs !== expected?.timeMs) return false;
      this.#file.run('DELETE FROM failed_sign_ins WHERE name_hash = ?', nameHash);
      this.#file.run(
        'DELETE FROM failed_sign_ins WHERE name_hash IN (SELECT name_hash FROM failed_sign_ins WHERE expire_time_ms <= ? LIMIT ?)',
        ...[nowMs, expiredRemovedAtOnce],
      );
      if (next !== null)
        this.#file.run(
          'INSERT INTO failed_sign_ins VALUES (?, ?, ?, ?)',
          nameHash,
          next.count,
          next.timeMs,
          next.expireTimeMs,
        );
      return true;
    });
  }

  async signingKeys(): Promise<readonly SigningKey[]> {
    return this.#file.all('SELECT * FROM signing_keys ORDER BY position').map(signingKeyOf);
  }

  async addSigningKey(key: SigningKey, newestKid: string | null): Promise<boolean> {
    const { kid, privateJwk, createTimeMs, retireTimeMs, removeTimeMs } = key;
    return this.#file.transaction(() => {
      const [newest] = this.#file.all('SELECT kid FROM signing_keys ORDER BY position DESC LIMIT 1');
      if ((newest?.['kid'] ?? null) !== newestKid) return false;
      this.#file.run('DELETE FROM signing_keys WHERE remove_time_ms <= ?', this.#clock.nowMs());
      this.#file.run(
        'INSERT INTO signing_keys (kid, private_jwk, create_time_ms, retire_time_ms, remove_time_ms) VALUES (?, ?, ?, ?, ?)',
        ...[kid, privateJwk, createTimeMs, retireTimeMs, removeTimeMs],
      );
      return true;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#file.close();
  }

  #account(column: 'name_key' | 'client_id', value: string): Account | null {
    const [row] = this.#file.all(`SELECT * FROM accounts WHERE ${column} = ?`, value);
    return row === undefined ? null : accountOf(row);
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
    ...(row['group_name'] !== '' && { group: String(row['group_name']) }),
  };
}

function failedSignInsOf(row: Row): FailedSignIns {
  return {
    count: Number(row['count']),
    timeMs: Number(row['time_ms']),
    expireTimeMs: Number(row['expire_time_ms']),
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
