import type { Command } from 'commander';
import { registerAccounts } from './account/account-commands.ts';
import { registerBudgets } from './budget-commands.ts';
import { registerChat } from './chat-command.ts';
import type { Surroundings } from './common-options.ts';
import { registerDeadLetters } from './dead-letter-commands.ts';
import { registerExplain } from './explain-command.ts';
import { registerExport } from './export-command.ts';
import { registerHistory } from './history-command.ts';
import { registerInstructions } from './instructions-command.ts';
import { registerOpen } from './open-command.ts';
import { registerOperations } from './operations-commands.ts';
import { registerPrices } from './price-commands.ts';
import { registerSecurityLog } from './security-log-command.ts';

/** Adds every command that talks to a running server. */
export function registerClientCommands(program: Command, surroundings: Surroundings = {}): void {
  program.commandsGroup('Chat:');
  registerChat(program, surroundings);
  registerOpen(program, surroundings);
  registerInstructions(program, surroundings);
  registerHistory(program, surroundings);
  registerExport(program, surroundings);
  program.commandsGroup('Accounts:');
  registerAccounts(program, surroundings);
  program.commandsGroup('For operators:');
  registerOperations(program, surroundings);
  registerPrices(program, surroundings);
  registerBudgets(program, surroundings);
  registerExplain(program, surroundings);
  registerDeadLetters(program, surroundings);
  registerSecurityLog(program, surroundings);
}
