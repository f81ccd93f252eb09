import { readFile } from 'node:fs/promises';
import { systemClock } from '../adapters/clock/system/system-clock.ts';
import { nodeCryptoIds } from '../adapters/ids/node-crypto/node-crypto-ids.ts';
import { scryptHasher } from '../adapters/password-hasher/scrypt/scrypt-hasher.ts';
import { addUser, listUsers, removeUser, setRole, type UserDeps } from '../app/accounts/users.ts';
import { loadEnvironment } from '../config/environment.ts';
import type { AccountRole } from '../ports/account-store.ts';
import { askSecret } from './ask.ts';
import { openingOf } from './opening-of.ts';

/** Makes an account. Its password comes from the file's first line, or is asked for (from a pipe: its first line). */
export async function add(
  userName: string,
  { operator, passwordFile }: { readonly operator?: boolean; readonly passwordFile?: string },
): Promise<void> {
  const password = passwordFile === undefined ? await askPassword() : firstLine(await readFile(passwordFile, 'utf8'));
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

/** The accounts of the deployment; servers may run beside. Rejects with NoDataFolder or AccountStoreUnavailable. */
async function withAccounts(work: (deps: UserDeps) => Promise<void>): Promise<void> {
  await using store = await (await openingOf(loadEnvironment())).accounts();
  await work({ store, clock: systemClock, ids: nodeCryptoIds, hasher: scryptHasher() });
}

class PasswordsDiffer extends Error {
  override readonly name = 'PasswordsDiffer';
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
