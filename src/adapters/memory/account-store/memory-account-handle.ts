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

/** What a handle needs of the server. */
export interface SharedAccounts {
  readonly accounts: Map<string, Account>;
  readonly families: Map<string, TokenFamily>;
  signingKeys: readonly SigningKey[];
  nowMs(): number;
}

/** Accounts as one process has them. */
export class MemoryAccountHandle implements AccountStore {
  readonly #server: SharedAccounts;
  #isClosed = false;

  constructor(server: SharedAccounts) {
    this.#server = server;
  }

  async createAccount({ clientId, userName, passwordHash, role, createTimeMs }: Account): Promise<boolean> {
    const { accounts } = this.#open();
    if (accounts.has(nameKeyOf(userName))) return false;
    accounts.set(nameKeyOf(userName), Object.freeze({ clientId, userName, passwordHash, role, createTimeMs }));
    return true;
  }

  async accountNamed(userName: string): Promise<Account | null> {
    return this.#open().accounts.get(nameKeyOf(userName)) ?? null;
  }

  async accountOf(clientId: string): Promise<Account | null> {
    return this.#of(clientId) ?? null;
  }

  async listAccounts(afterUserName: string, limit: number): Promise<readonly Account[]> {
    const after = nameKeyOf(afterUserName);
    const listed = [...this.#open().accounts].filter(([key]) => key > after);
    return listed
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .slice(0, limit)
      .map(([, account]) => account);
  }

  async removeAccount(userName: string): Promise<boolean> {
    const { accounts } = this.#open();
    this.#endAll(accounts.get(nameKeyOf(userName))?.clientId);
    return accounts.delete(nameKeyOf(userName));
  }

  async setRole(userName: string, role: AccountRole): Promise<boolean> {
    return this.#replace(this.#open().accounts.get(nameKeyOf(userName)), { role });
  }

  async replacePasswordHash(clientId: string, expected: string, replacement: string): Promise<boolean> {
    const account = this.#of(clientId);
    return account?.passwordHash === expected && this.#replace(account, { passwordHash: replacement });
  }

  async changePassword(clientId: string, expected: string | null, replacement: string): Promise<boolean> {
    const account = this.#of(clientId);
    if (account === undefined || (expected !== null && account.passwordHash !== expected)) return false;
    this.#endAll(clientId);
    return this.#replace(account, { passwordHash: replacement });
  }

  async createFamily(
    { familyId, clientId, tokenHash, expireTimeMs }: TokenFamily,
    passwordHash: string,
  ): Promise<boolean> {
    const { families } = this.#open();
    if (this.#of(clientId)?.passwordHash !== passwordHash) return false;
    for (const family of families.values()) if (this.#hasExpired(family)) families.delete(family.familyId);
    const own = [...families.values()].filter((family) => family.clientId === clientId);
    own.sort((left, right) => right.expireTimeMs - left.expireTimeMs || (left.familyId < right.familyId ? -1 : 1));
    for (const family of own.slice(maxFamiliesPerAccount - 1)) families.delete(family.familyId);
    families.set(familyId, Object.freeze({ familyId, clientId, tokenHash, expireTimeMs }));
    return true;
  }

  async rotateFamily({ familyId, presentedHash, nextHash, expireTimeMs }: Rotation): Promise<RotationOutcome> {
    const { families } = this.#open();
    const family = families.get(familyId);
    const account = family && this.#of(family.clientId);
    if (family === undefined || account === undefined || this.#hasExpired(family)) return { kind: 'unknown' };
    if (family.tokenHash !== presentedHash) {
      families.delete(familyId);
      return { kind: 'reused', clientId: account.clientId };
    }
    families.set(familyId, Object.freeze({ ...family, tokenHash: nextHash, expireTimeMs }));
    return { kind: 'rotated', account };
  }

  async endFamily(familyId: string): Promise<void> {
    this.#open().families.delete(familyId);
  }

  async endFamilies(clientId: string): Promise<void> {
    this.#endAll(clientId);
  }

  async signingKeys(): Promise<readonly SigningKey[]> {
    return this.#open().signingKeys;
  }

  async addSigningKey(
    { kid, privateJwk, createTimeMs, retireTimeMs, removeTimeMs }: SigningKey,
    newestKid: string | null,
  ): Promise<boolean> {
    const server = this.#open();
    if ((server.signingKeys.at(-1)?.kid ?? null) !== newestKid) return false;
    const key = Object.freeze({ kid, privateJwk, createTimeMs, retireTimeMs, removeTimeMs });
    const kept = server.signingKeys.filter((other) => other.removeTimeMs > server.nowMs());
    server.signingKeys = Object.freeze([...kept, key]);
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
  }

  #endAll(clientId: string | undefined): void {
    const { families } = this.#open();
    for (const family of families.values()) if (family.clientId === clientId) families.delete(family.familyId);
  }

  #of(clientId: string): Account | undefined {
    for (const account of this.#open().accounts.values()) if (account.clientId === clientId) return account;
    return undefined;
  }

  #replace(account: Account | undefined, changes: Partial<Account>): boolean {
    if (account === undefined) return false;
    this.#open().accounts.set(nameKeyOf(account.userName), Object.freeze({ ...account, ...changes }));
    return true;
  }

  #hasExpired({ expireTimeMs }: TokenFamily): boolean {
    return expireTimeMs <= this.#server.nowMs();
  }

  #open(): SharedAccounts {
    if (this.#isClosed) throw new AccountStoreUnavailable('the account store is closed');
    return this.#server;
  }
}

/** User names are ASCII, so that this is all that case is. */
function nameKeyOf(userName: string): string {
  return userName.toLowerCase();
}
