import { Refused } from '../../domain/errors/catalogue.ts';
import type { Account, AccountRole, AccountStore } from '../../ports/account-store.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Ids } from '../../ports/ids.ts';
import type { PasswordHasher } from '../../ports/password-hasher.ts';
import { checkGroup } from '../caller.ts';
import { checkNewPassword, checkUserName } from './credentials.ts';

export interface UserDeps {
  readonly store: AccountStore;
  readonly hasher: PasswordHasher;
  readonly clock: Clock;
  readonly ids: Ids;
  /** In lower case. Nobody can choose one of them. */
  readonly commonPasswords: ReadonlySet<string>;
}

/** An account as it may be shown. */
export type User = Omit<Account, 'passwordHash'>;

export interface NewUser {
  readonly userName: string;
  readonly password: string;
  readonly role: AccountRole;
}

/** Accounts read at once for a list: a page of rows. */
const listedAtOnce = 200;

/**
 * Makes an account, whoever may sign up. Rejects with Refused USER_NAME_INVALID, PASSWORD_INVALID, USER_NAME_TAKEN or
 * TOO_MANY_SIGN_UPS, or AccountStoreUnavailable.
 */
export async function addUser(deps: UserDeps, user: NewUser): Promise<User> {
  const added = await createUser(deps, user);
  if (added === null) throw new Refused('USER_NAME_TAKEN');
  return shown(added);
}

/** The same; null when somebody has the name. */
export async function createUser(deps: UserDeps, user: NewUser): Promise<Account | null> {
  const { store, hasher, clock, ids, commonPasswords } = deps;
  checkUserName(user.userName);
  checkNewPassword(user.password, commonPasswords);
  // Asked before hashing, because that is the dear part; decided by the store.
  if ((await store.accountNamed(user.userName)) !== null) return null;
  const { userName, role } = user;
  const passwordHash = await hasher.hash(user.password, 'sign-up');
  const account = { clientId: ids.unique(), userName, passwordHash, role, createTimeMs: clock.nowMs() };
  return (await store.createAccount(account)) ? account : null;
}

function shown(account: Account): User {
  const { passwordHash: _, ...user } = account;
  return user;
}

/** Every account, by user name without case. Throws AccountStoreUnavailable. */
export async function* listUsers({ store }: Pick<UserDeps, 'store'>): AsyncGenerator<User, void, undefined> {
  let after: string | undefined = '';
  while (after !== undefined) {
    const accounts: readonly Account[] = await store.listAccounts(after, listedAtOnce);
    for (const account of accounts) yield shown(account);
    after = accounts.length < listedAtOnce ? undefined : accounts.at(-1)?.userName;
  }
}

/**
 * Removes an account: its tokens stop working, its conversations stay. An open session ends with its access token at the latest. Rejects with Refused
 * NOT_FOUND or AccountStoreUnavailable.
 */
export async function removeUser({ store }: Pick<UserDeps, 'store'>, userName: string): Promise<void> {
  if (!(await store.removeAccount(userName))) throw noSuchUser(userName);
}

/** Gives an account another role, from its next call on. Rejects with Refused NOT_FOUND or AccountStoreUnavailable. */
export async function setRole({ store }: Pick<UserDeps, 'store'>, userName: string, role: AccountRole): Promise<void> {
  if (!(await store.setRole(userName, role))) throw noSuchUser(userName);
}

/**
 * Puts an account into a group, or (undefined) out of the one it is in, from its next call on. Rejects with Refused FRAME_INVALID or NOT_FOUND, or
 * AccountStoreUnavailable.
 */
export async function setGroup(
  { store }: Pick<UserDeps, 'store'>,
  userName: string,
  group: string | undefined,
): Promise<void> {
  if (group !== undefined) checkGroup(group);
  if (!(await store.setGroup(userName, group))) throw noSuchUser(userName);
}

/**
 * Gives an account another password and ends its sign-ins, whoever has them. Rejects with Refused PASSWORD_INVALID or NOT_FOUND, or
 * AccountStoreUnavailable.
 */
export async function setPassword(
  { store, hasher, commonPasswords }: Pick<UserDeps, 'store' | 'hasher' | 'commonPasswords'>,
  userName: string,
  password: string,
): Promise<void> {
  checkNewPassword(password, commonPasswords);
  const { clientId } = await userNamed(store, userName);
  const passwordHash = await hasher.hash(password, 'sign-in');
  if (!(await store.changePassword(clientId, null, passwordHash))) throw noSuchUser(userName);
}

/**
 * Ends all sign-ins of an account: no refresh token works any more; an access token does until it expires. Rejects with Refused NOT_FOUND or
 * AccountStoreUnavailable.
 */
export async function signOutUser({ store }: Pick<UserDeps, 'store'>, userName: string): Promise<void> {
  await store.endFamilies((await userNamed(store, userName)).clientId);
}

async function userNamed(store: AccountStore, userName: string): Promise<Account> {
  const account = await store.accountNamed(userName);
  if (account === null) throw noSuchUser(userName);
  return account;
}

function noSuchUser(userName: string): Refused {
  return new Refused('NOT_FOUND', `There is no user "${userName}".`);
}
