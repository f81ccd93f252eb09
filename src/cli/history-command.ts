import type { Command } from 'commander';
import { messageFields } from '../client/message-json.ts';
import type { CommonOptions, Surroundings } from './common-options.ts';
import { wholeNumber, withCommonOptions } from './common-options.ts';
import { ask, isYes } from './confirm.ts';
import { connect } from './endpoint.ts';
import { identify, inWhose, noConversations } from './identity.ts';
import { conversationLine, foundFields, foundLines, messageLines } from './message-lines.ts';
import { run } from './run.ts';
import { jsonLine } from './show.ts';
import { printableLine } from './text.ts';
import { Trouble } from './trouble.ts';

const MAX_LIMIT = 1_000_000_000;
/** What fits a screen. */
const DEFAULT_FOUND = 20;

interface ReadOptions extends CommonOptions {
  readonly json?: true;
  readonly limit?: number;
  readonly urls?: true;
}

interface HistoryOptions extends ReadOptions {
  readonly newestFirst?: true;
}

interface DeleteOptions extends CommonOptions {
  readonly yes?: true;
}

/** Adds `parley history`, `parley search`, `parley rename` and `parley delete`. */
export function registerHistory(program: Command, surroundings: Surroundings): void {
  withReading(program.command('history'), surroundings, undefined)
    .description('list your conversations, newest activity first, or the messages of one')
    .argument('[conversation]', 'whose messages; without it, the conversations are listed')
    .option('--newest-first', 'messages from the newest to the oldest')
    .action((conversationId: string | undefined, options: HistoryOptions) =>
      run(options.address, () => showHistory(conversationId, options, surroundings)),
    );
  withReading(program.command('search'), surroundings, DEFAULT_FOUND)
    .description('find your messages and titles of conversations that contain all the words')
    .argument('<words...>', 'what to look for: words, or their beginnings from three letters on')
    .action((words: string[], options: ReadOptions) =>
      run(options.address, () => search(words.join(' '), options, surroundings)),
    );
  withCommonOptions(program.command('rename'), surroundings)
    .description('rename a conversation')
    .argument('<conversation>', 'which')
    .argument('<title...>', 'its title')
    .action((conversationId: string, title: string[], options: CommonOptions) =>
      run(options.address, () => renameOne(conversationId, title.join(' '), options, surroundings)),
    );
  withCommonOptions(program.command('delete'), surroundings)
    .description('delete a conversation and its media')
    .argument('<conversation>', 'which')
    .option('--yes', 'do not ask')
    .action((conversationId: string, options: DeleteOptions) =>
      run(options.address, () => deleteOne(conversationId, options, surroundings)),
    );
}

/** Without a limit: all. */
function withReading(command: Command, surroundings: Surroundings, limit: number | undefined): Command {
  const howMany = limit === undefined ? 'how many at most (default: all)' : 'how many at most';
  return withCommonOptions(command, surroundings)
    .option('--json', 'one JSON object a line')
    .option('--limit <n>', howMany, wholeNumber(1, MAX_LIMIT), limit)
    .option('--urls', 'where media can be fetched, for as long as these addresses work');
}

async function showHistory(
  conversationId: string | undefined,
  options: HistoryOptions,
  surroundings: Surroundings,
): Promise<void> {
  const { json, limit, newestFirst = false, timeZone } = options;
  const { endpoint, clientId } = identify(options, surroundings);
  using parley = connect(endpoint, { clientId });
  if (conversationId !== undefined) {
    for await (const message of parley.messages(conversationId, { newestFirst, limit }))
      process.stdout.write(json ? jsonLine(messageFields(message)) : messageLines(message, options));
    return;
  }
  let isEmpty = true;
  for await (const one of parley.conversations({ limit })) {
    isEmpty = false;
    process.stdout.write(json ? jsonLine(one) : conversationLine(one, timeZone));
  }
  // On standard error: to a script, no line is no conversation.
  if (isEmpty) process.stderr.write(`${noConversations(clientId)}\n`);
}

/** @returns false when nothing was found, as grep does */
async function search(query: string, options: ReadOptions, surroundings: Surroundings): Promise<boolean> {
  const { endpoint, clientId } = identify(options, surroundings);
  using parley = connect(endpoint, { clientId });
  let isFound = false;
  for await (const found of parley.find(query, { limit: options.limit })) {
    isFound = true;
    process.stdout.write(options.json ? jsonLine(foundFields(found)) : foundLines(found, options));
  }
  // On standard error: to a script, no line is nothing found.
  if (!isFound) process.stderr.write(`Nothing was found${inWhose(clientId)}.\n`);
  return isFound;
}

async function renameOne(
  conversationId: string,
  title: string,
  options: CommonOptions,
  surroundings: Surroundings,
): Promise<void> {
  using parley = connect(identify(options, surroundings).endpoint);
  const { conversation } = await parley.history.renameConversation({ conversationId, title });
  const now = conversation?.title ?? title;
  process.stdout.write(`${printableLine(conversationId)} is now called ${printableLine(now)}.\n`);
}

async function deleteOne(conversationId: string, options: DeleteOptions, surroundings: Surroundings): Promise<boolean> {
  using parley = connect(identify(options, surroundings).endpoint);
  if (!options.yes) {
    if (!process.stdin.isTTY) throw new Trouble('Nobody can be asked here: say --yes to delete it.');
    const { conversation: found } = await parley.history.getConversation({ conversationId });
    const what = `${printableLine(found?.title ?? conversationId)} (${found?.messageCount ?? '?'} messages)`;
    const sure = await ask(`Delete ${what} for good? Type yes: `, process.stdin, process.stderr);
    if (!isYes(sure)) return false;
  }
  await parley.history.deleteConversation({ conversationId });
  process.stdout.write(`${printableLine(conversationId)} is deleted.\n`);
  return true;
}
