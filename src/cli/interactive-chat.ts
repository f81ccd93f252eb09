import type { ReadStream, WriteStream } from 'node:tty';
import type { Chat } from '../client/chat.ts';
import { isRefusal } from '../client/refusal.ts';
import { ChatView } from './chat-view.ts';
import { completeInput } from './completion.ts';
import { isYes } from './confirm.ts';
import { ConversationCommands } from './conversation-commands.ts';
import { connect, type Endpoint } from './endpoint.ts';
import { explainInChat } from './explain.ts';
import type { Identity } from './identity.ts';
import { INPUT_HELP, parseInput } from './input.ts';
import type { ShowProgress } from './media/progress.ts';
import type { ReplyMedia } from './media/reply-media.ts';
import type { Sayable } from './speech.ts';
import { Speech } from './speech.ts';
import { TerminalScreen } from './terminal-screen.ts';

/** Messages shown of a conversation that is gone back to: what fits a screen. */
const CONTEXT_MESSAGES = 10;

/** From where to read a conversation so that a person sees what it was about; 0 when nobody can tell. */
export async function contextBefore(conversationId: string, endpoint: Endpoint): Promise<bigint> {
  using parley = connect(endpoint);
  let oldest = 0n;
  try {
    const messages = parley.messages(conversationId, { limit: CONTEXT_MESSAGES, newestFirst: true });
    for await (const { sequence } of messages) oldest = sequence;
  } catch (error) {
    // Joining the conversation meets the same trouble, and tells it.
    if (!isRefusal(error)) throw error;
  }
  return oldest > 0n ? oldest - 1n : 0n;
}

/** What a chat on a terminal is made of. */
export interface Interactive {
  readonly client: Chat;
  readonly identity: Identity;
  readonly timeZone: string;
  /** @param show where its progress is to be seen */
  readonly replyMedia: (show: ShowProgress) => ReplyMedia;
}

/**
 * A chat on a terminal, until the user leaves or the client is over.
 * @throws Refusal when the client was refused or its session ended for good
 */
export async function chatInteractively(
  interactive: Interactive,
  input: ReadStream,
  output: WriteStream,
): Promise<void> {
  const { client } = interactive;
  const screen = new TerminalScreen(input, output, completeInput);
  const seat = new Seat(interactive, screen);
  const over = Promise.withResolvers<void>();
  client.on('status', (status) => {
    if (status.state !== 'closed') return;
    if (status.refusal === undefined) over.resolve();
    else over.reject(status.refusal);
  });
  screen.on('line', (line) => seat.obey(line));
  screen.on('interrupt', () => {
    if (seat.stop() === 0) over.resolve();
  });
  screen.on('end', () => over.resolve());
  screen.on('quit', () => over.resolve());
  screen.note('Type a message and press Enter; /help lists the commands.');
  client.connect().catch((error: unknown) => over.reject(error));
  try {
    await over.promise;
  } finally {
    seat.close();
    screen.close();
    await client.close();
  }
}

/** Where a person sits: does what the lines typed ask for. */
class Seat {
  readonly #client: Chat;
  readonly #screen: TerminalScreen;
  readonly #endpoint: Endpoint;
  readonly #speech: Speech;
  readonly #commands: ConversationCommands;
  readonly #leaving = new AbortController();
  /** The next line says whether the conversation is to be deleted. */
  #isAsked = false;

  constructor({ client, identity, timeZone, replyMedia }: Interactive, screen: TerminalScreen) {
    this.#client = client;
    this.#screen = screen;
    this.#endpoint = identity.endpoint;
    const show = (text: string): void => screen.status(text);
    this.#speech = new Speech(client, identity, show);
    this.#commands = new ConversationCommands(client, identity, timeZone);
    new ChatView(client, screen, identity.endpoint.address, {
      media: replyMedia(show),
      signal: this.#leaving.signal,
      isOwn: (change) => this.#commands.isOwn(change),
    });
  }

  obey(line: string): void {
    if (this.#isAsked) return this.#answer(line);
    const input = parseInput(line);
    switch (input.kind) {
      case 'nothing':
        return;
      case 'say':
      case 'show':
        return this.#say(input);
      case 'stop':
        if (this.stop() === 0) this.#screen.note('There is no reply under way.');
        return;
      case 'join':
        return this.#do(async () => {
          const { conversationId } = input;
          const after = conversationId === '' ? 0n : await contextBefore(conversationId, this.#endpoint);
          await this.#client.join(conversationId, after);
        });
      case 'history':
        return this.#tell(() => this.#commands.history(input.count));
      case 'conversations':
        return this.#tell(() => this.#commands.conversations());
      case 'search':
        return this.#tell(() => this.#commands.search(input.query));
      case 'rename':
        return this.#tell(() => this.#commands.rename(input.title));
      case 'delete':
        return input.isSure ? this.#tell(() => this.#commands.delete()) : this.#ask();
      case 'help':
        return this.#screen.note(INPUT_HELP);
      case 'quit':
        this.#screen.emit('quit');
        return;
      case 'mistake':
        return this.#screen.note(input.told);
    }
  }

  /** Stops replies, and files on their way. @returns how many there were */
  stop(): number {
    return this.#speech.breakOff() + this.#client.stop();
  }

  /** What is on its way is given up. */
  close(): void {
    this.#leaving.abort();
    this.#speech.breakOff();
  }

  #say(sayable: Sayable): void {
    this.#do(async () => {
      await this.#speech.say(sayable);
    });
  }

  #ask(): void {
    this.#isAsked = true;
    this.#screen.note('Delete this conversation, with its media, for good? Type yes, or anything else to keep it.');
  }

  #answer(line: string): void {
    this.#isAsked = false;
    if (isYes(line)) this.#tell(() => this.#commands.delete());
    else this.#screen.note('It is kept.');
  }

  #tell(action: () => Promise<string>): void {
    this.#do(async () => this.#screen.line(await action()));
  }

  /** In the background; what is refused is told. */
  #do(action: () => Promise<void>): void {
    action().catch((error: Error) => {
      if (this.#leaving.signal.aborted) return;
      const isBrokenOff = error.name === 'AbortError';
      this.#screen.note(isBrokenOff ? '(broken off)' : explainInChat(error, this.#endpoint.address));
    });
  }
}
