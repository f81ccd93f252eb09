import type { Command } from 'commander';
import type { Tokens } from '../../client/gen/chat/v1/account_service_pb.js';
import type { Parley } from '../../client/parley.ts';
import { isRefusal } from '../../client/refusal.ts';
import { type StoredTokens, storedTokens } from '../../client/saved-tokens.ts';
import type { ServerOptions, Surroundings } from '../common-options.ts';
import { withServerOptions } from '../common-options.ts';
import { connect, type Endpoint } from '../endpoint.ts';
import { anonymously, savedTokens, tokenStore } from '../identity.ts';
import { run } from '../run.ts';
import { printableLine } from '../text.ts';
import { Trouble } from '../trouble.ts';
import { readPassword, readPasswordChange } from './password.ts';
import type { TokenStore } from './token-store.ts';

interface AccountOptions extends ServerOptions {
  readonly passwordFile?: string;
}

type SignIn = (parley: Parley, userName: string, password: string) => Promise<Tokens | undefined>;

interface PasswordChangeOptions extends AccountOptions {
  readonly oldPasswordFile?: string;
}

interface SignOutOptions extends ServerOptions {
  readonly everywhere?: true;
}

/** Adds `parley sign-up`, `parley sign-in`, `parley sign-out` and `parley change-password`. */
export function registerAccounts(program: Command, surroundings: Surroundings): void {
  withPassword(program.command('sign-up'), surroundings)
    .description('make an account, and sign in with it')
    .action((userName: string, options: AccountOptions) =>
      run(options.address, () => enter(userName, options, surroundings, { isNew: true, call: signUp })),
    );
  withPassword(program.command('sign-in'), surroundings)
    .description('sign in; later commands to this server then use your account')
    .action((userName: string, options: AccountOptions) =>
      run(options.address, () => enter(userName, options, surroundings, { isNew: false, call: signIn })),
    );
  withServerOptions(program.command('sign-out'), surroundings)
    .description('end the sign-in at this server')
    .option('--everywhere', 'end all sign-ins of the account, on every machine')
    .action(({ everywhere, ...options }: SignOutOptions) =>
      run(options.address, () =>
        everywhere === true ? leaveEverywhere(options, surroundings) : leave(options, surroundings),
      ),
    );
  withServerOptions(program.command('change-password'), surroundings)
    .description('choose another password, and end all other sign-ins of the account')
    .option('--old-password-file <file>', 'holds the old password; default: asked for, or the first line of a pipe')
    .option('--password-file <file>', 'holds the new one; default: asked for, or the next line of a pipe')
    .action((options: PasswordChangeOptions) => run(options.address, () => changePassword(options, surroundings)));
}

function withPassword(command: Command, surroundings: Surroundings): Command {
  return withServerOptions(command, surroundings)
    .argument('<name>', 'user name')
    .option('--password-file <file>', 'holds the password; default: asked for, or the first line of a pipe');
}

async function enter(
  userName: string,
  options: AccountOptions,
  { stateHome }: Surroundings,
  { isNew, call }: { readonly isNew: boolean; readonly call: SignIn },
): Promise<void> {
  const endpoint = anonymously(options);
  const source = { file: options.passwordFile, input: process.stdin, output: process.stderr, isNew };
  const password = await readPassword(source);
  using parley = connect(endpoint);
  const tokens = storedTokens(await call(parley, userName, password), userName);
  const store = tokenStore(stateHome, endpoint);
  await store.alone(async () => store.write(tokens));
  process.stdout.write(`Signed in at ${endpoint.address} as ${printableLine(userName)}.\n`);
}

async function signUp(parley: Parley, userName: string, password: string): Promise<Tokens | undefined> {
  return (await parley.accounts.signUp({ userName, password })).tokens;
}

async function signIn(parley: Parley, userName: string, password: string): Promise<Tokens | undefined> {
  return (await parley.accounts.signIn({ userName, password })).tokens;
}

async function leave(options: ServerOptions, { stateHome }: Surroundings): Promise<void> {
  const endpoint = anonymously(options);
  const store = tokenStore(stateHome, endpoint);
  await store.alone(async () => {
    const stored = store.read();
    process.stdout.write(
      stored === undefined
        ? `Nobody is signed in at ${endpoint.address}.\n`
        : `${printableLine(stored.userName)} is signed out.\n`,
    );
    if (stored === undefined) return;
    // First here: whether or not the server hears of it, this machine speaks for nobody from now on.
    store.remove();
    using parley = connect(endpoint);
    await parley.accounts.signOut({ refreshToken: stored.refreshToken }).catch((error: unknown) => {
      // The server has no accounts any more: it has no sign-in to end.
      if (!isRefusal(error, 'ACCOUNTS_OFF')) throw error;
    });
  });
}

async function leaveEverywhere(options: ServerOptions, { stateHome }: Surroundings): Promise<void> {
  const endpoint = anonymously(options);
  const store = tokenStore(stateHome, endpoint);
  const { userName } = signedIn(store, endpoint);
  using parley = connect({ ...endpoint, tokens: savedTokens(store, endpoint) });
  await parley.accounts.signOutEverywhere({});
  await store.alone(async () => store.remove());
  process.stdout.write(`${printableLine(userName)} is signed out everywhere.\n`);
}

async function changePassword(options: PasswordChangeOptions, { stateHome }: Surroundings): Promise<void> {
  const endpoint = anonymously(options);
  const store = tokenStore(stateHome, endpoint);
  const { userName } = signedIn(store, endpoint);
  const files = { oldFile: options.oldPasswordFile, newFile: options.passwordFile };
  const passwords = await readPasswordChange({ ...files, input: process.stdin, output: process.stderr });
  using parley = connect({ ...endpoint, tokens: savedTokens(store, endpoint) });
  const { tokens } = await parley.accounts.changePassword(passwords);
  // At the lock waits who renews the tokens from before, in vain.
  await store.alone(async () => store.write(storedTokens(tokens, userName)));
  process.stdout.write(`${printableLine(userName)} has a new password; all other sign-ins are ended.\n`);
}

/** @throws Trouble when nobody is signed in there */
function signedIn(store: TokenStore, { address }: Endpoint): StoredTokens {
  const stored = store.read();
  if (stored === undefined)
    throw new Trouble(`Nobody is signed in at ${address}: sign in first, with \`parley sign-in NAME\`.`);
  return stored;
}
