import type { ReadStream, WriteStream } from 'node:tty';
import type { ChatClient } from './chat-client.ts';
import { ChatView } from './chat-view.ts';
import { explain } from './explain.ts';
import { sequenceBeforeLast } from './history-command.ts';
import { INPUT_HELP, parseInput } from './input.ts';
import { Refusal } from './refusal.ts';
import { TerminalScreen } from './terminal-screen.ts';

/** Messages shown of a conversation that is gone back to: what fits a screen. */
const CONTEXT_MESSAGES = 10;

/** From where to read a conversation so that a person sees what it was about; 0 when nobody can tell. */
export async function contextBefore(conversationId: string, address: string): Promise<bigint> {
  try {
    return await sequenceBeforeLast(CONTEXT_MESSAGES, conversationId, address);
  } catch (error) {
    // Joining the conversation meets the same trouble, and tells it.
    if (error instanceof Refusal) return 0n;
    throw error;
  }
}

/**
 * A chat on a terminal, until the user leaves or the client is over.
 * @throws Refusal when the client was refused or its session ended for good
 */
export async function chatInteractively(
  client: ChatClient,
  address: string,
  input: ReadStream,
  output: WriteStream,
): Promise<void> {
  const screen = new TerminalScreen(input, output);
  new ChatView(client, screen, address);
  const over = Promise.withResolvers<void>();
  client.on('status', (status) => {
    if (status.state !== 'closed') return;
    if (status.refusal === undefined) over.resolve();
    else over.reject(status.refusal);
  });
  screen.on('line', (line) => obey(line, client, screen, address));
  screen.on('interrupt', () => {
    if (client.stop() === 0) over.resolve();
  });
  screen.on('end', () => over.resolve());
  screen.on('quit', () => over.resolve());
  screen.note('Type a message and press Enter; /help lists the commands.');
  client.connect().catch((error: unknown) => over.reject(error));
  try {
    await over.promise;
  } finally {
    screen.close();
    await client.close();
  }
}

function obey(line: string, client: ChatClient, screen: TerminalScreen, address: string): void {
  const input = parseInput(line);
  switch (input.kind) {
    case 'nothing':
      return;
    case 'say':
      client.post(input.text);
      return;
    case 'stop':
      if (client.stop() === 0) screen.note('There is no reply under way.');
      return;
    case 'join':
      goTo(input.conversationId, client, address).catch((error: unknown) => screen.note(explain(error, address)));
      return;
    case 'help':
      return screen.note(INPUT_HELP);
    case 'quit':
      screen.emit('quit');
      return;
    case 'mistake':
      return screen.note(input.told);
  }
}

async function goTo(conversationId: string, client: ChatClient, address: string): Promise<void> {
  await client.join(conversationId, conversationId === '' ? 0n : await contextBefore(conversationId, address));
}
