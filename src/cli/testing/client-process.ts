import { type ChildProcess, execFile, spawn } from 'node:child_process';

const program = `
import { Command } from 'commander';
import { registerClientCommands } from './src/cli/client-commands.ts';
const parley = new Command('parley');
registerClientCommands(parley, { stateHome: process.argv[1] });
await parley.parseAsync(process.argv.slice(2), { from: 'user' });
`;

/** How a command ended, and what it said. */
export interface Outcome {
  readonly exitCode: number | null;
  readonly output: string;
  readonly errors: string;
}

/** Runs a client command as a process of its own, its input piped. `env`: beside that of this process. */
export function runClient(
  stateHome: string,
  args: readonly string[],
  input: string | Uint8Array = '',
  env = {},
): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  const options = { env: { ...process.env, ...env } };
  const child = execFile(process.execPath, commandLine(stateHome, args), options, (_error, output, errors) =>
    resolve({ exitCode: child.exitCode, output, errors }),
  );
  child.stdin?.end(input);
  return promise;
}

/** The same, its input left open and its output unread. */
export function startClient(
  stateHome: string,
  args: readonly string[],
  errors: 'ignore' | 'pipe' = 'ignore',
): ChildProcess {
  return spawn(process.execPath, commandLine(stateHome, args), { stdio: ['pipe', 'ignore', errors] });
}

function commandLine(stateHome: string, args: readonly string[]): string[] {
  return ['--input-type=module', '--eval', program, stateHome, ...args];
}
