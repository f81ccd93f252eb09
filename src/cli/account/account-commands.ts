import type { Command } from 'commander';
import type { Tokens } from '../../gen/chat/v1/account_service.ts';
import {
  AccountServiceService,
  SignInRequest,
  SignOutRequest,
  SignUpRequest,
} from '../../gen/chat/v1/account_service.ts';
import type { ServerOptions, Surroundings } from '../common-options.ts';
import { withServerOptions } from '../common-options.ts';
import { Connection } from '../connection.ts';
import { anonymously, tokenStore } from '../identity.ts';
import { run } from '../run.ts';
import { printableLine } from '../text.ts';
import { readPassword } from './password.ts';
import { storedTokens } from './saved-tokens.ts';

interface AccountOptions extends ServerOptions {
  readonly passwordFile?: string;
}

type SignIn = (connection: Connection, userName: string, password: string) => Promise<Tokens | undefined>;

/** Adds `parley sign-up`, `parley sign-in` and `parley sign-out`. */
export function registerAccounts(program: Command, surroundings: Surroundings): void {
  withPassword(program.command('sign-up'))
    .description('make an account, and sign in with it')
    .action((userName: string, options: AccountOptions) =>
      run(options.address, () => enter(userName, options, surroundings, { isNew: true, call: signUp })),
    );
  withPassword(program.command('sign-in'))
    .description('sign in; every command to this server then speaks for you')
    .action((userName: string, options: AccountOptions) =>
      run(options.address, () => enter(userName, options, surroundings, { isNew: false, call: signIn })),
    );
  withServerOptions(program.command('sign-out'))
    .description('end the sign-in at this server')
    .action((options: AccountOptions) => run(options.address, () => leave(options, surroundings)));
}

function withPassword(command: Command): Command {
  return withServerOptions(command)
    .argument('<name>', 'user name')
    .option('--password-file <file>', 'holds the password; default: asked for, or the first line of a pipe');
}

async function enter(
  userName: string,
  options: AccountOptions,
  { stateHome }: Surroundings,
  { isNew, call }: { readonly isNew: boolean; readonly call: SignIn },
): Promise<boolean> {
  const endpoint = anonymously(options);
  const source = { file: options.passwordFile, input: process.stdin, output: process.stderr, isNew };
  const password = await readPassword(source);
  using connection = new Connection(endpoint);
  const tokens = storedTokens(await call(connection, userName, password), userName);
  const store = tokenStore(stateHome, endpoint);
  await store.alone(async () => store.write(tokens));
  process.stdout.write(`Signed in at ${endpoint.address} as ${printableLine(userName)}.\n`);
  return true;
}

async function signUp(connection: Connection, userName: string, password: string): Promise<Tokens | undefined> {
  return (await connection.call(AccountServiceService.signUp, SignUpRequest.create({ userName, password }))).tokens;
}

async function signIn(connection: Connection, userName: string, password: string): Promise<Tokens | undefined> {
  return (await connection.call(AccountServiceService.signIn, SignInRequest.create({ userName, password }))).tokens;
}

async function leave(options: AccountOptions, { stateHome }: Surroundings): Promise<boolean> {
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
    using connection = new Connection(endpoint);
    await connection.call(AccountServiceService.signOut, SignOutRequest.create({ refreshToken: stored.refreshToken }));
  });
  return true;
}
