import { readFile } from 'node:fs/promises';
import { nodeCryptoIds } from '../adapters/node/node-crypto-ids.ts';
import { systemClock } from '../adapters/node/system-clock.ts';
import { scryptHasher } from '../adapters/scrypt/scrypt-hasher.ts';
import {
  addUser,
  listUsers,
  removeUser,
  setPassword,
  setRole,
  signOutUser,
  type UserDeps,
} from '../app/accounts/users.ts';
import { loadEnvironment } from '../config/environment.ts';
import type { AccountRole } from '../ports/account-store.ts';
import { askSecret } from './ask.ts';
import { readCommonPasswords } from './common-passwords.ts';
import { openingOf } from './opening-of.ts';

/** Makes an account. Its password comes from the file's first line, or is asked for (from a pipe: its first line). */
export async function add(
  userName: string,
  { operator, ...source }: PasswordSource & { readonly operator?: boolean },
): Promise<void> {
  const password = await passwordFrom(source);
  const user = { userName, password, role: operator === true ? ('operator' as const) : ('client' as const) };
  await withAccounts(async (deps) => {
    const { clientId, role } = await addUser(deps, user);
    process.stdout.write(`${userName} is ${aRole(role)} with the client id ${clientId}\n`);
  });
}

/** Prints every account, one a line. */
export async function list(): Promise<void> {
  await withAccounts(async (deps) => {
    for await (const { userName, clientId, role, createTimeMs } of listUsers(deps)) {
      process.stdout.write(`${userName}\t${role}\t${clientId}\t${new Date(createTimeMs).toISOString()}\n`);
    }
  });
}

/** Removes an account and ends its sign-ins; what was said with it stays. */
export async function remove(userName: string): Promise<void> {
  await withAccounts((deps) => removeUser(deps, userName));
  process.stdout.write(`${userName} is removed; what was said with the account stays\n`);
}

/** Gives an account another role, which holds from its next call on. */
export async function changeRole(userName: string, role: AccountRole): Promise<void> {
  await withAccounts((deps) => setRole(deps, userName, role));
  process.stdout.write(`${userName} is ${aRole(role)}\n`);
}

/** Gives an account another password, which comes as that of `add`, and ends its sign-ins. */
export async function changePassword(userName: string, source: PasswordSource): Promise<void> {
  const password = await passwordFrom(source);
  await withAccounts((deps) => setPassword(deps, userName, password));
  process.stdout.write(`${userName} has another password, and is signed out everywhere; ${untilExpired}\n`);
}

/** Ends all sign-ins of an account. */
export async function signOut(userName: string): Promise<void> {
  await withAccounts((deps) => signOutUser(deps, userName));
  process.stdout.write(`${userName} is signed out everywhere; ${untilExpired}\n`);
}

/** What an operator has to know who shuts somebody out: only the removal of an account works at once. */
const untilExpired = 'access tokens work until they expire (PARLEY_ACCESS_TOKEN_LIFETIME_MS)';

interface PasswordSource {
  readonly passwordFile?: string;
}

/** The accounts of the deployment; servers may run beside. Rejects with NoDataFolder or AccountStoreUnavailable. */
async function withAccounts(work: (deps: UserDeps) => Promise<void>): Promise<void> {
  await using store = await (await openingOf(loadEnvironment())).accounts();
  const common = { clock: systemClock, ids: nodeCryptoIds, commonPasswords: readCommonPasswords() };
  await work({ store, ...common, hasher: scryptHasher() });
}

class PasswordsDiffer extends Error {
  override readonly name = 'PasswordsDiffer';
}

/** The first line of the file, or what is asked for (from a pipe: its first line). */
async function passwordFrom({ passwordFile }: PasswordSource): Promise<string> {
  return passwordFile === undefined ? askPassword() : firstLine(await readFile(passwordFile, 'utf8'));
}

/** On a terminal twice, since nobody sees what is typed. */
async function askPassword(): Promise<string> {
  const password = await askSecret('Password: ');
  // Nothing was typed, or it was broken off: there is nothing to compare.
  if (password === '' || !process.stdin.isTTY) return password;
  if ((await askSecret('Once more: ')) !== password) throw new PasswordsDiffer('These were two different passwords.');
  return password;
}

function aRole(role: AccountRole): string {
  return role === 'operator' ? 'an operator' : `a ${role}`;
}

function firstLine(text: string): string {
  return text.split(/\r?\n/, 1)[0] ?? '';
}
