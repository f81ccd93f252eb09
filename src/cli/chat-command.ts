import type { Command } from 'commander';
import { ChatClient } from './chat-client.ts';
import type { SessionState } from './chat-events.ts';
import type { CommonOptions, Surroundings } from './common-options.ts';
import { wholeNumber, withCommonOptions } from './common-options.ts';
import { chatInteractively, contextBefore } from './interactive-chat.ts';
import { chatThroughPipes } from './piped-chat.ts';
import { run } from './run.ts';
import { StateFile } from './state-file.ts';

/** As long as a server lets anybody stand in line by default. */
const DEFAULT_WAIT_SECONDS = 30;
/** More than a restart takes; a script should not hang where no server is. */
const PIPED_GIVE_UP_MS = 15_000;

interface ChatOptions extends CommonOptions {
  readonly conversation?: string;
  readonly new?: true;
  readonly wait: number;
}

/** Adds `parley chat`. */
export function registerChat(program: Command, surroundings: Surroundings): void {
  withCommonOptions(program.command('chat'))
    .description('talk to the bot; with input from a pipe, say each line and print the replies')
    .option('--conversation <id>', 'the conversation to go on with; default: the last one')
    .option('--new', 'begin a new conversation')
    .option(
      '--wait <seconds>',
      'how long to stand in line when every slot is taken',
      wholeNumber(0, 86_400),
      DEFAULT_WAIT_SECONDS,
    )
    .action((options: ChatOptions) => run(options.address, () => chat(options, surroundings)));
}

async function chat(options: ChatOptions, { stateHome }: Surroundings): Promise<boolean> {
  const stateFile = new StateFile(stateHome, options.address, options.client);
  const interactive = process.stdin.isTTY && process.stdout.isTTY;
  const last = lastPosition(options, stateFile.read());
  const client = interactive
    ? clientFor(options, await withContext(last, options.address))
    : clientFor(options, last, PIPED_GIVE_UP_MS);
  client.on('session', (state) => stateFile.write(state));
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.once(signal, () => void client.close());
  if (interactive) {
    await chatInteractively(client, options.address, process.stdin, process.stdout);
    return true;
  }
  const refused = await chatThroughPipes(client, options.address, {
    input: process.stdin,
    output: process.stdout,
    errors: process.stderr,
  });
  return refused === 0;
}

/** Where the user wants to go on, and what was seen there. */
function lastPosition(options: ChatOptions, saved: SessionState | undefined): SessionState {
  const conversationId = options.new ? '' : (options.conversation ?? saved?.conversationId ?? '');
  const afterSequence = saved !== undefined && saved.conversationId === conversationId ? saved.afterSequence : 0n;
  return { resumeToken: saved?.resumeToken ?? '', conversationId, afterSequence };
}

/** The same, a few messages earlier, so that a person sees what the talk was about. */
async function withContext(last: SessionState, address: string): Promise<SessionState> {
  if (last.conversationId === '') return last;
  const contextSequence = await contextBefore(last.conversationId, address);
  const unseen = last.afterSequence > 0n && last.afterSequence < contextSequence;
  return unseen ? last : { ...last, afterSequence: contextSequence };
}

function clientFor(options: ChatOptions, last: SessionState, giveUpAfterMs?: number): ChatClient {
  return new ChatClient({
    address: options.address,
    clientId: options.client,
    timeZone: options.timeZone,
    ...last,
    elseNewConversation: options.conversation === undefined,
    waitForSlotMs: options.wait * 1_000,
    giveUpAfterMs,
  });
}
