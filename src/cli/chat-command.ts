import { constants } from 'node:os';
import type { Command } from 'commander';
import type { Chat } from '../client/chat.ts';
import type { SessionState } from '../client/chat-events.ts';
import { isRefusal } from '../client/refusal.ts';
import type { CommonOptions, Surroundings } from './common-options.ts';
import { wholeNumber, withCommonOptions } from './common-options.ts';
import { ask, isYes } from './confirm.ts';
import { connect, type Endpoint } from './endpoint.ts';
import type { Identity } from './identity.ts';
import { identify, ownerOf } from './identity.ts';
import { InstructionsFile } from './instructions-command.ts';
import { chatInteractively, contextBefore } from './interactive-chat.ts';
import { MediaFolder } from './media/incoming-media.ts';
import type { ShowProgress } from './media/progress.ts';
import { progressLine } from './media/progress.ts';
import { ReplyMedia } from './media/reply-media.ts';
import { chatThroughPipes } from './piped-chat.ts';
import { run } from './run.ts';
import { StateFile } from './state-file.ts';
import { Trouble } from './trouble.ts';

/** As long as a server lets anybody stand in line by default. */
const DEFAULT_WAIT_SECONDS = 30;
/** A person waits for the server: one that is back is found at once. */
const BACKOFF = { initialMs: 100, maxMs: 1_000 };
/** As shells tell the end by a signal: this and its number. */
const SIGNALLED = 128;
/** More than a restart takes; a script should not hang where no server is. */
const PIPED_GIVE_UP_MS = 15_000;

interface ChatOptions extends CommonOptions {
  readonly conversation?: string;
  readonly new?: true;
  readonly wait: number;
  readonly takeOver?: true;
  /** False with --no-media. */
  readonly media: boolean;
  readonly mediaDir: string;
  readonly inline?: true;
}

/** Adds `parley chat`. */
export function registerChat(program: Command, surroundings: Surroundings): void {
  withCommonOptions(program.command('chat'), surroundings)
    .description('chat with the model; with piped input, send each line as a message and print the replies')
    .option('--conversation <id>', 'the conversation to go on with; default: the last one')
    .option('--new', 'begin a new conversation')
    .option(
      '--wait <seconds>',
      'how long to stand in line when every slot is taken',
      wholeNumber(0, 86_400),
      DEFAULT_WAIT_SECONDS,
    )
    .option(
      '--take-over',
      'end the session that you have elsewhere, without being asked: on other machines only when signed in',
    )
    .option('--media-dir <folder>', 'where the media of replies are kept', './parley-media')
    .option('--no-media', 'keep no media')
    .option('--inline', 'have small media sent in the stream instead of fetching them')
    .action((options: ChatOptions) => run(options.address, () => chat(options, surroundings)));
}

async function chat(options: ChatOptions, surroundings: Surroundings): Promise<boolean> {
  try {
    return await converse(options, surroundings);
  } catch (error) {
    const { endpoint } = identify(options, surroundings);
    if (!isInteractive() || !(await mayEndOther(error, endpoint, process.stdin, process.stderr))) throw error;
    return converse({ ...options, takeOver: true }, surroundings);
  }
}

function isInteractive(): boolean {
  return process.stdin.isTTY && process.stdout.isTTY;
}

/** Whether whoever is signed in has a session on another device, and says that it is to end. */
export async function mayEndOther(
  error: unknown,
  { tokens }: Endpoint,
  input: NodeJS.ReadableStream,
  output: NodeJS.WritableStream,
): Promise<boolean> {
  if (!isRefusal(error, 'ALREADY_CONNECTED') || (await tokens?.fresh()) === undefined) return false;
  return isYes(await ask('You are connected on another device. End that, and go on here? Type yes: ', input, output));
}

async function converse(options: ChatOptions, surroundings: Surroundings): Promise<boolean> {
  const identity = identify(options, surroundings);
  const { address, timeZone } = options;
  const owner = ownerOf(identity, options);
  const stateFile = new StateFile(surroundings.stateHome, address, owner);
  const instructions = new InstructionsFile(surroundings.stateHome, address, owner);
  const interactive = isInteractive();
  if (interactive && !(await mayTakeOver(stateFile))) return false;
  if (!interactive && options.takeOver !== true) requireFree(stateFile);
  const last = lastPosition(options, stateFile.read());
  const client = interactive
    ? clientFor(options, identity, instructions, await withContext(last, identity))
    : clientFor(options, identity, instructions, last, PIPED_GIVE_UP_MS);
  client.on('session', (state) => stateFile.write(state));
  // Taken over, it is another process's file.
  client.on('status', ({ state }) => state === 'closed' && stateFile.holder() === undefined && stateFile.release());
  let exitCode: number | undefined;
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      exitCode = SIGNALLED + constants.signals[signal];
      void client.close();
    });
  }
  const replyMedia = (show: ShowProgress): ReplyMedia => replyMediaFor(options, identity, show);
  if (interactive) {
    await chatInteractively({ client, identity, timeZone, replyMedia }, process.stdin, process.stdout);
    return true;
  }
  const show = progressLine(process.stderr);
  try {
    return await chatThroughPipes(
      { client, identity, timeZone, show, replyMedia: replyMedia(show) },
      { input: process.stdin, output: process.stdout, errors: process.stderr },
    );
  } catch (error) {
    // Whatever it was at, it was broken off.
    if (exitCode === undefined) throw error;
    process.exitCode = exitCode;
    return true;
  }
}

/** A person who forgot another terminal would end the chat there. */
async function mayTakeOver(stateFile: StateFile): Promise<boolean> {
  const holder = stateFile.holder();
  if (holder === undefined) return true;
  const question = `Another chat (process ${holder}) is in this session. Take it over? Type yes: `;
  return isYes(await ask(question, process.stdin, process.stderr));
}

/** A script goes on where the one before it was, and ends nobody's chat unless it is told to. @throws Trouble */
function requireFree(stateFile: StateFile): void {
  const holder = stateFile.holder();
  if (holder === undefined) return;
  throw new Trouble(
    `Another chat (process ${holder}) is in this session. End it there, or take it over with --take-over.`,
  );
}

function replyMediaFor(options: ChatOptions, { endpoint }: Identity, show: ShowProgress): ReplyMedia {
  const { address, media, mediaDir: folder, timeZone } = options;
  return new ReplyMedia(address, media ? new MediaFolder({ folder, timeZone, endpoint, show }) : undefined);
}

/** Where the user wants to go on, and what was seen there. */
function lastPosition(options: ChatOptions, saved: SessionState | undefined): SessionState {
  const conversationId = options.new ? '' : (options.conversation ?? saved?.conversationId ?? '');
  const afterSequence = saved !== undefined && saved.conversationId === conversationId ? saved.afterSequence : 0n;
  return { resumeToken: saved?.resumeToken ?? '', conversationId, afterSequence };
}

/** The same, a few messages earlier, so that a person sees what the talk was about. */
async function withContext(last: SessionState, { endpoint }: Identity): Promise<SessionState> {
  if (last.conversationId === '') return last;
  const contextSequence = await contextBefore(last.conversationId, endpoint);
  const unseen = last.afterSequence > 0n && last.afterSequence < contextSequence;
  return unseen ? last : { ...last, afterSequence: contextSequence };
}

function clientFor(
  options: ChatOptions,
  { endpoint, clientId }: Identity,
  file: InstructionsFile,
  last: SessionState,
  giveUpAfterMs?: number,
): Chat {
  // For its chat, which has a connection of its own.
  using parley = connect(endpoint, { clientId, timeZone: options.timeZone, instructions: () => file.read() });
  return parley.newChat({
    ...last,
    elseNewConversation: options.conversation === undefined,
    waitForSlotMs: options.wait * 1_000,
    giveUpAfterMs,
    inlineMedia: options.inline,
    takeOver: options.takeOver,
    backoff: BACKOFF,
  });
}
