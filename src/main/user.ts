import { nodeCryptoIds } from '../adapters/node/node-crypto-ids.ts';
import { systemClock } from '../adapters/node/system-clock.ts';
import { scryptHasher } from '../adapters/scrypt/scrypt-hasher.ts';
import {
  addUser,
  listUsers,
  removeUser,
  setGroup,
  setPassword,
  setRole,
  signOutUser,
  type UserDeps,
} from '../app/accounts/users.ts';
import { type Happening, recordOfCommand } from '../app/security/security-recorder.ts';
import { readPassword } from '../cli/account/password.ts';
import { loadEnvironment } from '../config/environment.ts';
import type { AccountRole } from '../ports/account-store.ts';
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
    await deps.record({ kind: 'account_added', clientId, userName, detail: role });
    process.stdout.write(`${userName} is ${aRole(role)} with the client id ${clientId}\n`);
  });
}

/** Prints every account, one a line. */
export async function list(): Promise<void> {
  let isEmpty = true;
  await withAccounts(async (deps) => {
    for await (const { userName, clientId, role, createTimeMs, group } of listUsers(deps)) {
      isEmpty = false;
      const fields = [
        userName,
        role,
        clientId,
        new Date(createTimeMs).toISOString(),
        ...(group === undefined ? [] : [group]),
      ];
      process.stdout.write(`${fields.join('\t')}\n`);
    }
  });
  // Not among the lines that a script reads.
  if (isEmpty) process.stderr.write('There are no accounts; `parley user add NAME` makes one.\n');
}

/** Removes an account and ends its sign-ins; what was said with it stays. */
export async function remove(userName: string): Promise<void> {
  await withAccounts(async (deps) => {
    await removeUser(deps, userName);
    await deps.record({ kind: 'account_removed', userName });
  });
  process.stdout.write(`${userName} is removed; what was said with the account stays\n`);
}

/** Gives an account another role, which holds from its next call on. */
export async function changeRole(userName: string, role: AccountRole): Promise<void> {
  await withAccounts(async (deps) => {
    await setRole(deps, userName, role);
    await deps.record({ kind: 'role_changed', userName, detail: role });
  });
  process.stdout.write(`${userName} is ${aRole(role)}\n`);
}

/** Puts an account into a group, or out of its own, from its next call on. */
export async function changeGroup(userName: string, group: string | undefined): Promise<void> {
  await withAccounts(async (deps) => {
    await setGroup(deps, userName, group);
    await deps.record({ kind: 'group_changed', userName, detail: group ?? 'none' });
  });
  process.stdout.write(`${userName} is in ${group === undefined ? 'no group' : `the group ${group}`}\n`);
}

/** Gives an account another password, which comes as that of `add`, and ends its sign-ins. */
export async function changePassword(userName: string, source: PasswordSource): Promise<void> {
  const password = await passwordFrom(source);
  await withAccounts(async (deps) => {
    await setPassword(deps, userName, password);
    await deps.record({ kind: 'password_set', userName });
  });
  process.stdout.write(`${userName} has another password, and is signed out everywhere; ${untilExpired}\n`);
}

/** Ends all sign-ins of an account. */
export async function signOut(userName: string): Promise<void> {
  await withAccounts(async (deps) => {
    await signOutUser(deps, userName);
    await deps.record({ kind: 'signed_out_everywhere', userName });
  });
  process.stdout.write(`${userName} is signed out everywhere; ${untilExpired}\n`);
}

/** What an operator has to know who shuts somebody out: only the removal of an account works at once. */
const untilExpired = 'access tokens work until they expire (PARLEY_ACCESS_TOKEN_LIFETIME_MS)';

interface CommandDeps extends UserDeps {
  /** Writes what was done into the security log. */
  record(happening: Happening): Promise<void>;
}

interface PasswordSource {
  readonly passwordFile?: string;
}

/** The accounts of the deployment; servers may run beside. Rejects with NoDataFolder or AccountStoreUnavailable. */
async function withAccounts(work: (deps: CommandDeps) => Promise<void>): Promise<void> {
  const opening = await openingOf(loadEnvironment());
  await using store = await opening.accounts();
  await using log = await opening.securityLog();
  const record = (happening: Happening) => recordOfCommand(log, systemClock, happening);
  const common = { clock: systemClock, ids: nodeCryptoIds, commonPasswords: readCommonPasswords() };
  await work({ store, record, ...common, hasher: scryptHasher() });
}

/** The first line of the file, or what is asked for (from a pipe: its first line). Rejects with Trouble where there is none. */
function passwordFrom({ passwordFile: file }: PasswordSource): Promise<string> {
  return readPassword({ file, input: process.stdin, output: process.stdout, isNew: true });
}

function aRole(role: AccountRole): string {
  return role === 'operator' ? 'an operator' : `a ${role}`;
}
