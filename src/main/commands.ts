import { Command } from 'commander';
import { messageIdsLast } from '../cli/message-id-arguments.ts';
import { registerCompletion } from '../cli/shell-completion.ts';
import { serverAddress, stateHome } from '../config/environment.ts';
import { release } from './release.ts';
import { registerServerCommands } from './server-commands.ts';

/** Called wrongly, as opposed to 1: it failed. */
const usageErrorCode = 2;

const program = new Command('parley')
  .description(
    'A chatbot backend whose every fact is one event in a log, and whose limits anyone can check afterwards.',
  )
  .version(release, '--version')
  .showHelpAfterError('Run the command with --help for its usage.')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : usageErrorCode));

const args = process.argv.slice(2);
// A server would start later for the code of its clients, and keep it in memory.
if (args[0] !== 'serve') {
  const { registerClientCommands } = await import('../cli/client-commands.ts');
  registerClientCommands(program, {
    stateHome: stateHome(),
    address: serverAddress('PARLEY_GRPC_LISTEN'),
    pageAddress: serverAddress('PARLEY_HTTP_LISTEN'),
  });
}
registerServerCommands(program);
program.commandsGroup('Help:').helpCommand('help [command]', 'show the usage of a command');
registerCompletion(program);
await program.parseAsync(messageIdsLast(args), { from: 'user' });
