/**
 * Accounts, sign-ins and signing keys: state that is changed in place, because what is secret in it must be gone once it is removed,
 * which no immutable log allows (docs/adr/0009-accounts.md).
 *
 * Atomicity: each operation is one atomic step, also between processes that share the store; none needs two of them to be one.
 * Durability: what an operation has answered survives a crash.
 * Visibility: what it has answered, every later call sees, also through other handles on the same store.
 * Everything rejects with AccountStoreUnavailable while the store cannot be read or written.
 */
export interface AccountStore extends SigningKeyStore, FailedSignInStore, AsyncDisposable {
  /** False, and nothing changed, when somebody has this user name in whatever case. */
  createAccount(account: Account): Promise<boolean>;

  /** By user name in whatever case; null when there is none. */
  accountNamed(userName: string): Promise<Account | null>;

  /** By client id; null when there is none. */
  accountOf(clientId: string): Promise<Account | null>;

  /** By user name without case, strictly after the given one; ('', n): the first n. */
  listAccounts(afterUserName: string, limit: number): Promise<readonly Account[]>;

  /** Removes the account and ends its families. False when there is none of this name. */
  removeAccount(userName: string): Promise<boolean>;

  /** False when there is no account of this name. */
  setRole(userName: string, role: AccountRole): Promise<boolean>;

  /** undefined: none. False when there is no account of this name. */
  setGroup(userName: string, group: string | undefined): Promise<boolean>;

  /** Replaces the hash if it is still the one expected; tells whether it was. */
  replacePasswordHash(clientId: string, expected: string, replacement: string): Promise<boolean>;

  /**
   * The hash of another password: replaces the hash if it is still the one expected (null: whatever it is), and ends all families of the account.
   * Tells whether it did.
   */
  changePassword(clientId: string, expected: string | null, replacement: string): Promise<boolean>;

  /**
   * Begins a family of refresh tokens if the account still has this hash, and tells whether it did: a sign-in that began before the password was
   * changed must not outlive the change. Beyond `maxFamiliesPerAccount` the family of this client that expires first ends. Those that have expired
   * may be removed at any time.
   */
  createFamily(family: TokenFamily, passwordHash: string): Promise<boolean>;

  /**
   * Puts the next token in the place of the presented one, if that is the family's current one, it has not expired and its account is
   * there. Another token of the family was used before, or somebody guesses: that ends the family.
   */
  rotateFamily(rotation: Rotation): Promise<RotationOutcome>;

  /** Ends a family and tells whose it was; null, and nothing happens, when it is not there. */
  endFamily(familyId: string): Promise<string | null>;

  /** Ends all families of the account; nothing happens when there are none. */
  endFamilies(clientId: string): Promise<void>;
}

/** Keys that sign access tokens. All servers on one store see the same ones, and agree on the newest. */
export interface SigningKeyStore {
  /** Oldest first. */
  signingKeys(): Promise<readonly SigningKey[]>;

  /**
   * Adds the key if the newest one is still `newestKid` (null: there is none), and drops those whose `removeTimeMs` has come. Tells
   * whether it was added: of several servers that want to, one succeeds.
   */
  addSigningKey(key: SigningKey, newestKid: string | null): Promise<boolean>;
}

/**
 * Failed sign-ins by user name: all servers on one store count together. A name that nobody has is counted like others. `nameHash` stands for the name,
 * because people type passwords there.
 */
export interface FailedSignInStore {
  /** null: there are none, or they have expired. */
  failedSignIns(nameHash: string): Promise<FailedSignIns | null>;

  /**
   * Puts `next` (null: nothing) in the place of what the caller has read before, if that is still there, and tells whether it was: of several servers
   * that count at once, one succeeds. What has expired counts as nothing, and may be removed at any time.
   */
  replaceFailedSignIns(nameHash: string, expected: FailedSignIns | null, next: FailedSignIns | null): Promise<boolean>;
}

/** Of one name. */
export interface FailedSignIns {
  readonly count: number;
  /** Of the last one. */
  readonly timeMs: number;
  /** They are forgotten then. */
  readonly expireTimeMs: number;
}

export type AccountRole = 'client' | 'operator';

/** Who may sign in. */
export interface Account {
  /** Unique for ever: an account of the same name made later has another. */
  readonly clientId: string;
  /** As its owner wrote it; unique without regard to case. ASCII. */
  readonly userName: string;
  /** As the password hasher gave it. */
  readonly passwordHash: string;
  readonly role: AccountRole;
  readonly createTimeMs: number;
  /** Whose budgets count what it says beside its own. Absent: it is of no group. */
  readonly group?: string;
}

/** The refresh tokens that came of one sign-in: each is traded for the next, and one at a time works. */
export interface TokenFamily {
  readonly familyId: string;
  readonly clientId: string;
  /** Of the current token's secret. */
  readonly tokenHash: string;
  readonly expireTimeMs: number;
}

/** One trade of a refresh token. */
export interface Rotation {
  readonly familyId: string;
  readonly presentedHash: string;
  readonly nextHash: string;
  /** Of the next token. */
  readonly expireTimeMs: number;
}

export type RotationOutcome =
  | { readonly kind: 'rotated'; readonly account: Account }
  /** The family is ended. */
  | { readonly kind: 'reused'; readonly clientId: string }
  /** No such family: it never was, it has expired or was ended, or its account is gone. */
  | { readonly kind: 'unknown' };

/** A key pair of access tokens. */
export interface SigningKey {
  readonly kid: string;
  /** The private JWK, as JSON. Secret. */
  readonly privateJwk: string;
  readonly createTimeMs: number;
  /** It signs until then. */
  readonly retireTimeMs: number;
  /** What it signed is accepted until then. */
  readonly removeTimeMs: number;
}

/** Of each account: more devices than anybody has. Without a bound, signing in again and again would fill the store. */
export const maxFamiliesPerAccount = 50;

/** The store cannot be read or written now. */
export class AccountStoreUnavailable extends Error {
  override readonly name = 'AccountStoreUnavailable';
  readonly retryable = true;
}

/** A later release wrote this: starting that release is the next step. */
export class AccountStoreTooNew extends Error {
  override readonly name = 'AccountStoreTooNew';
  readonly retryable = false;
}

/** It is not, or no longer, what was written. Accounts cannot be made again from anything else: a backup is the next step. */
export class AccountStoreDamaged extends Error {
  override readonly name = 'AccountStoreDamaged';
  readonly retryable = false;
}
