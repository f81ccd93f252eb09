import { createInterface } from 'node:readline';
import type { Chat } from '../client/chat.ts';
import { whyDelayed } from '../client/delayed-reply.ts';
import { MessageStatus } from '../client/gen/chat/v1/content_pb.js';
import { textOf } from '../client/message-text.ts';
import type { Refusal } from '../client/refusal.ts';
import { ConversationCommands } from './conversation-commands.ts';
import { briefly, explain, noConnection } from './explain.ts';
import type { Identity } from './identity.ts';
import type { Input } from './input.ts';
import { parseInput } from './input.ts';
import { mediaOf } from './media/media-text.ts';
import type { ShowProgress } from './media/progress.ts';
import type { ReplyMedia } from './media/reply-media.ts';
import type { Sayable } from './speech.ts';
import { Speech } from './speech.ts';
import { printable } from './text.ts';
import { Trouble } from './trouble.ts';

/** Where a piped chat reads and writes. */
export interface Pipes {
  readonly input: NodeJS.ReadableStream;
  /** Complete replies and what commands answer, nothing else. */
  readonly output: NodeJS.WritableStream;
  /** What was refused, or waits. */
  readonly errors: NodeJS.WritableStream;
}

/** What a piped chat is made of. */
export interface Piped {
  readonly client: Chat;
  readonly identity: Identity;
  readonly timeZone: string;
  /** Where the progress of files is to be seen. */
  readonly show: ShowProgress;
  readonly replyMedia: ReplyMedia;
}

/**
 * A chat for scripts: each line is a message and waits for its reply. A message refused is told, and the next one is
 * said; so is a reply without its end. A line `/stop` right after a message stops its reply once it has begun.
 * @returns whether every line was answered and all media were kept
 * @throws Refusal when the client is refused, or its session ended for good
 */
export async function chatThroughPipes(piped: Piped, { input, output, errors }: Pipes): Promise<boolean> {
  const { client, identity, replyMedia } = piped;
  const { address } = identity.endpoint;
  const off = client.on('status', (told) => {
    if (told.state !== 'reconnecting') return;
    off();
    const why = briefly(told.refusal);
    const hint = why === noConnection ? ' `npm start` starts a server.' : '';
    errors.write(`Connecting to ${address} failed (${why}); trying again.${hint}\n`);
  });
  await client.connect();
  off();
  const script = new Script(piped, { input, output, errors });
  // A character a byte: what is no UTF-8 is found line by line.
  input.setEncoding('latin1');
  const reader = createInterface({ input, crlfDelay: Infinity });
  const lines = reader[Symbol.asyncIterator]();
  let ending: Refusal | undefined;
  client.on('status', (told) => {
    if (told.state !== 'closed') return;
    ending = told.refusal;
    // Nobody hears the next line: an input that stays open is not waited for.
    reader.close();
  });
  let refused = 0;
  let next = nextInput(lines);
  for (let asked = await next; asked !== undefined && asked.kind !== 'quit'; asked = await next) {
    next = nextInput(lines);
    try {
      await script.obey(asked, next);
    } catch (error) {
      // The same would be told of every line that follows.
      if (client.isOver) throw error;
      refused += 1;
      errors.write(`${explain(error, address)}\n`);
    }
  }
  reader.close();
  await client.close();
  if (ending !== undefined) throw ending;
  return refused === 0 && replyMedia.failures === 0;
}

/** Undefined at the end. */
async function nextInput(lines: AsyncIterator<string>): Promise<Input | undefined> {
  const { done, value } = await lines.next();
  if (done) return undefined;
  const text = utf8Of(value);
  return text === undefined ? { kind: 'mistake', told: 'A line that is not UTF-8 was not sent.' } : parseInput(text);
}

/** The text that bytes, each a character, are in UTF-8; undefined: they are not. */
function utf8Of(bytes: string): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(bytes, 'latin1'));
  } catch {
    return undefined;
  }
}

/** Does what one line after the other asks for. */
class Script {
  readonly #client: Chat;
  readonly #replyMedia: ReplyMedia;
  readonly #speech: Speech;
  readonly #commands: ConversationCommands;
  readonly #output: NodeJS.WritableStream;
  /** The reply to the line under way has begun. */
  #begin: () => void = () => undefined;
  /** The message whose reply was last said to be waiting: once is enough for a script. */
  #delayed = '';

  constructor({ client, identity, timeZone, show, replyMedia }: Piped, { output, errors }: Pipes) {
    this.#client = client;
    this.#replyMedia = replyMedia;
    this.#speech = new Speech(client, identity, show);
    this.#commands = new ConversationCommands(client, identity, timeZone);
    this.#output = output;
    client.on('replyGrown', () => this.#begin());
    client.on('replyDelayed', (delayed) => {
      if (delayed.messageId === this.#delayed) return;
      this.#delayed = delayed.messageId;
      errors.write(`${whyDelayed(delayed)}; trying again.\n`);
    });
  }

  async obey(asked: Input, next: Promise<Input | undefined>): Promise<void> {
    switch (asked.kind) {
      case 'say':
      case 'show':
        return this.#say(asked, next);
      case 'join':
        await this.#client.join(asked.conversationId);
        return;
      case 'history':
        return this.#write(await this.#commands.history(asked.count));
      case 'conversations':
        return this.#write(await this.#commands.conversations());
      case 'search':
        return this.#write(await this.#commands.search(asked.query));
      case 'rename':
        return this.#write(await this.#commands.rename(asked.title));
      case 'delete':
        if (!asked.isSure) throw new Trouble('Nobody can be asked here: `/delete yes` deletes this conversation.');
        return this.#write(await this.#commands.delete());
      case 'mistake':
        throw new Trouble(asked.told);
      case 'nothing':
      case 'help':
      case 'quit':
      // It has done its work while the message before was answered.
      case 'stop':
        return;
    }
  }

  async #say(sayable: Sayable, next: Promise<Input | undefined>): Promise<void> {
    const begun = Promise.withResolvers<void>();
    this.#begin = begun.resolve;
    const posted = await this.#speech.say(sayable);
    void Promise.all([next, begun.promise]).then(([following]) => {
      if (following?.kind === 'stop') this.#client.stop();
    });
    const reply = await posted.reply;
    const text = printable(textOf(reply));
    if (reply.status === MessageStatus.STOPPED) this.#write(`${text}  [stopped]`);
    else if (reply.incomplete) this.#write(`${text}  [incomplete]`);
    else if (text !== '' || mediaOf(reply).length === 0) this.#write(text);
    for await (const line of this.#replyMedia.lines(reply)) this.#write(line);
    if (reply.incomplete) throw new Trouble('The reply is incomplete: the model ended it before its end.');
  }

  #write(text: string): void {
    this.#output.write(`${text}\n`);
  }
}
