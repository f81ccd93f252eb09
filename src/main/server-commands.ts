import { Argument, type Command, InvalidArgumentError } from 'commander';
import { wholeNumber } from '../cli/common-options.ts';
import { systemWords } from '../cli/trouble.ts';
import { ConfigInvalid } from '../config/load-config.ts';
import { catalogue, Refused } from '../domain/errors/catalogue.ts';
import type { Budget } from '../domain/spending/budgets.ts';
import { type BudgetScope, budgetPeriods, budgetUnits } from '../domain/spending/events.ts';

/** Adds the commands that run a server or work on its data folder. Each is loaded when it is run: `parley chat` needs no SQLite. */
export function registerServerCommands(program: Command): void {
  program
    .commandsGroup('Run a server:')
    .command('serve')
    .description('run the server; settings come from PARLEY_… (docs/configuration.md)')
    .option('--roles <roles>', 'what this process does, of gateway,worker,projector; as PARLEY_ROLES')
    .action((options) => guarded(async () => (await import('./serve.ts')).serve(options)));
  program
    .command('check-config')
    .description(
      'validate the settings and print what they expose, without starting anything; exit code 2 when one is invalid',
    )
    .option('--roles <roles>', 'as of serve')
    .action((options) => guarded(async () => (await import('./check-config.ts')).checkConfig(options)));
  registerUserCommands(
    program.command('user').description('manage the accounts of PARLEY_AUTH=accounts, also while the server runs'),
  );
  program
    .commandsGroup('Work on the log and the stores:')
    .command('tail')
    .description('print the log as it grows')
    .option('--no-follow', 'stop at the end')
    .option('--lines <n>', 'begin with so many of the newest records', wholeNumber(0, 1_000_000), 100)
    .option('--conversation <id>', 'only this conversation')
    .option('--texts', 'show what was said, not only its length')
    .option('--heartbeats', 'show the signs of life of gateways and the claims of workers, too')
    .option('--json', 'one JSON object a line')
    .action((options) => guarded(async () => (await import('./tail.ts')).tail(options)));
  program
    .command('audit')
    .description('fold the whole log and check every prefix against the limits; exit code 1 at a breach')
    .option('--json', 'print the report as JSON')
    .action((options) => guarded(async () => (await import('./audit.ts')).audit(options)));
  registerWhatIf(program);
  program
    .command('rebuild')
    .argument('<read-model>', 'history or active-connections')
    .description(
      'rebuild a read model from the log, compare it with the old one, and replace it; not while a server runs on the data folder',
    )
    .action((model: string) => guarded(async () => (await import('./rebuild.ts')).rebuild(model)));
  registerCopies(program);
  program
    .command('migrate')
    .description('upgrade the stores of an older release in the data folder; not while a server runs on it')
    .action(() => guarded(async () => (await import('./migrate.ts')).migrate()));
  program
    .command('seed')
    .description('fill an empty deployment with users and conversations to try things out on, after asking')
    .option('--yes', 'do not ask')
    .action((options) => guarded(async () => (await import('./seed.ts')).seed(options)));
  program
    .command('clean')
    .description("remove this deployment's data from the data folder, after asking; not while a server runs on it")
    .option('--yes', 'do not ask')
    .action((options) => guarded(async () => (await import('./clean.ts')).clean(options)));
  program
    .command('copy-log')
    .description(
      'copy the log, media and accounts of a data folder whose server is stopped (PARLEY_DATA_DIR) to the configured distributed deployment, which must be empty, and compare both; an interrupted copy is continued',
    )
    .action(() => guarded(async () => (await import('./copy-log.ts')).copyLog()));
}

function registerWhatIf(program: Command): void {
  program
    .command('what-if')
    .description('fold the log once more under other limits, and print what would have been refused')
    .option('--max-clients <count>', 'open sessions', wholeNumber(1, 100_000))
    .option('--max-waiting <count>', 'clients in line', wholeNumber(0, 1_000_000))
    .option(
      '--budget <budget>',
      'messages, tokens or cost, e.g. all=1000/day, each=5000tokens/hour, group:sales=9000/month or ada=12.50cost/month; more than once for several',
      (value, before: readonly Budget[] | undefined) => [...(before ?? []), budgetOf(value)],
    )
    .option('--from <time>', 'count from this time on (UTC): 2026-11-01 or 2026-11-01T06:00Z', timeOf)
    .option('--to <time>', 'and before this one', timeOf)
    .option('--json', 'print the report as JSON')
    .action((options) => guarded(async () => (await import('./what-if.ts')).tryLimits(options)));
}

function budgetOf(value: string): Budget {
  const [, whose = '', whole = '', decimals = '', named = 'messages', over] =
    /^(.+)=(\d{1,9})(?:\.(\d{1,6}))?(tokens|cost)?\/(\w+)$/.exec(value) ?? [];
  const period = budgetPeriods.find((each) => each === over);
  const unit = budgetUnits.find((each) => each === named);
  const amount = unit === 'cost' ? Number(whole + decimals.padEnd(6, '0')) : Number(`${whole}.${decimals}`);
  if (period === undefined || unit === undefined || !Number.isInteger(amount))
    throw new InvalidArgumentError(
      `Give all=1000/day, each=5000tokens/hour or CLIENT=12.50cost/month: ${budgetPeriods.join(', ')}.`,
    );
  return { scope: scopeOf(whose), period, unit, amount };
}

function scopeOf(whose: string): BudgetScope {
  if (whose === 'all' || whose === 'each') return { kind: whose };
  const [, group] = /^group:(.+)$/.exec(whose) ?? [];
  return group === undefined ? { kind: 'client', clientId: whose } : { kind: 'group', group };
}

function timeOf(value: string): number {
  const isTime = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2}))?$/.test(value);
  const timeMs = isTime ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(timeMs)) throw new InvalidArgumentError('Give 2026-11-01 or 2026-11-01T06:00Z.');
  return timeMs;
}

/** What makes one data folder of another. */
function registerCopies(program: Command): void {
  program
    .command('salvage')
    .argument('<target>', 'folder to make, for the new data folder')
    .description(
      'copy every intact record of a damaged log, the media and the accounts to a new data folder, and list what is missing',
    )
    .action((target: string) => guarded(async () => (await import('./salvage.ts')).salvage(target)));
  program
    .command('backup')
    .argument('<target>', 'folder to make')
    .description('copy the data folder, also while the server runs: log, media and accounts, each checked')
    .action((target: string) => guarded(async () => (await import('./backup.ts')).backup(target)));
  program
    .command('restore')
    .argument('<backup>', 'folder that `parley backup` has made')
    .description('copy a backup to the data folder, which must be empty, and check it')
    .action((from: string) => guarded(async () => (await import('./backup.ts')).restore(from)));
}

function registerUserCommands(user: Command): void {
  user
    .command('add')
    .argument('<name>', "3 to 64 letters, digits, '.', '_' and '-'")
    .description('make an account; its password is asked for, or is the first line of the input')
    .option('--operator', 'with the operator role')
    .option('--password-file <file>', 'take the password from the first line of this file')
    .action((name: string, options) => guarded(async () => (await import('./user.ts')).add(name, options)));
  user
    .command('list')
    .description('print name, role, client id, time and group of each')
    .action(() => guarded(async () => (await import('./user.ts')).list()));
  user
    .command('remove')
    .argument('<name>')
    .description('remove an account: its next call is refused, an open stream ends with its token; what was said stays')
    .action((name: string) => guarded(async () => (await import('./user.ts')).remove(name)));
  user
    .command('set-password')
    .argument('<name>')
    .description('give an account another password, asked for or given as that of `add`, and end its sign-ins')
    .option('--password-file <file>', 'take the password from the first line of this file')
    .action((name: string, options) => guarded(async () => (await import('./user.ts')).changePassword(name, options)));
  user
    .command('sign-out')
    .argument('<name>')
    .description('end all sign-ins of an account; access tokens that it has work until they expire')
    .action((name: string) => guarded(async () => (await import('./user.ts')).signOut(name)));
  user
    .command('set-role')
    .argument('<name>')
    .addArgument(new Argument('<role>').choices(['client', 'operator']))
    .description('give an account another role')
    .action((name: string, role: 'client' | 'operator') =>
      guarded(async () => (await import('./user.ts')).changeRole(name, role)),
    );
  user
    .command('set-group')
    .argument('<name>')
    .argument('[group]', 'none: it is of no group any more')
    .description('put an account into a group, whose budgets count what it says')
    .action((name: string, group: string | undefined) =>
      guarded(async () => (await import('./user.ts')).changeGroup(name, group)),
    );
}

/**
 * Of what a process and its threads make, only its user has permissions: a data folder holds conversations, password hashes and keys. SQLite, which makes most of
 * the files, knows no other way.
 */
const groupAndOthers = 0o077;

/** Exit code 1: it failed or found something; 2: it was called wrongly. What is expected is told in a line, what is not with its stack. */
async function guarded(run: () => Promise<void>): Promise<void> {
  process.umask(groupAndOthers);
  try {
    await run();
  } catch (error) {
    if (error instanceof ConfigInvalid) {
      process.stderr.write(`${error.message}\n`);
      process.exitCode = 2;
      return;
    }
    process.stderr.write(
      `${isExpected(error) ? toldIn(error) : error instanceof Error ? error.stack : String(error)}\n`,
    );
    process.exitCode = 1;
  }
}

/** Errors of our own, and what the system says of a file: its message names the file. */
function isExpected(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  if (error.constructor === Error) return typeof (error as NodeJS.ErrnoException).syscall === 'string';
  return error.name !== 'TypeError';
}

/** Of a refusal also what can be done about it; of a file what is wrong with it, in words. */
function toldIn(error: Error): string {
  const { path, dest } = error as NodeJS.ErrnoException & { readonly dest?: string };
  // Of a copy or a rename it may be the one or the other.
  if (path !== undefined) return `${dest === undefined ? path : `${path} to ${dest}`}: ${systemWords(error)}`;
  return error instanceof Refused ? `${error.message} ${catalogue[error.reason].remedy}` : error.message;
}
