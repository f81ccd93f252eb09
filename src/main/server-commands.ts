import type { Command } from 'commander';
import { wholeNumber } from '../cli/common-options.ts';
import { ConfigInvalid } from '../config/load-config.ts';

/** Adds the commands that run a server or work on its data folder. Each is loaded when it is run: `parley chat` needs no SQLite. */
export function registerServerCommands(program: Command): void {
  program
    .command('serve')
    .description('run the server; settings come from PARLEY_… (docs/configuration.md)')
    .action(() => guarded(async () => (await import('./serve.ts')).serve()));
  program
    .command('tail')
    .description('print the log of the data folder, human-readable, and follow it')
    .option('--no-follow', 'stop at the end')
    .option('--lines <n>', 'begin with so many of the newest records', wholeNumber(0, 1_000_000), 100)
    .option('--conversation <id>', 'only this conversation')
    .option('--texts', 'show what was said, not only its length')
    .action((options) => guarded(async () => (await import('./tail.ts')).tail(options)));
  program
    .command('audit')
    .description('fold the whole log again and check every prefix against the limits; exit code 1 at a breach')
    .option('--json', 'print the report as JSON')
    .action((options) => guarded(async () => (await import('./audit.ts')).audit(options)));
  program
    .command('rebuild')
    .argument('<read-model>', 'history or active-connections')
    .description(
      'build a read model anew from the log, compare it with the old one, and switch; the server must not be running',
    )
    .action((model: string) => guarded(async () => (await import('./rebuild.ts')).rebuild(model)));
  program
    .command('salvage')
    .argument('<target>', 'folder to make, for the new data folder')
    .description('write every whole record of a damaged log into a new data folder, and list what is missing')
    .action((target: string) => guarded(async () => (await import('./salvage.ts')).salvage(target)));
}

/** Exit code 1: it failed or found something; 2: it was called wrongly. What is expected is told in a line, what is not with its stack. */
async function guarded(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (error instanceof ConfigInvalid) {
      process.stderr.write(`${error.message}\n`);
      process.exitCode = 2;
      return;
    }
    const isExpected = error instanceof Error && error.constructor !== Error && error.name !== 'TypeError';
    process.stderr.write(`${isExpected ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = 1;
  }
}
