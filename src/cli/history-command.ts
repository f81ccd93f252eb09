import type { Command } from 'commander';
import type { Message } from '../gen/chat/v1/content.ts';
import { MessageStatus, Role } from '../gen/chat/v1/content.ts';
import type { Conversation } from '../gen/chat/v1/history_service.ts';
import {
  HistoryServiceService,
  ListConversationsRequest,
  ListMessagesRequest,
} from '../gen/chat/v1/history_service.ts';
import type { CommonOptions } from './common-options.ts';
import { wholeNumber, withCommonOptions } from './common-options.ts';
import { Connection } from './connection.ts';
import { allItems } from './pages.ts';
import { run } from './run.ts';
import { jsonLine, localTime, nameOf } from './show.ts';
import { printable, printableLine, textOf } from './text.ts';

const MAX_LIMIT = 1_000_000_000;

interface HistoryOptions extends CommonOptions {
  readonly json?: true;
  readonly limit: number;
  readonly newestFirst?: true;
}

/** Adds `parley history`. */
export function registerHistory(program: Command): void {
  withCommonOptions(program.command('history'))
    .description('list your conversations, newest activity first, or the messages of one')
    .argument('[conversation]', 'whose messages; without it, the conversations are listed')
    .option('--json', 'one JSON object a line')
    .option('--limit <n>', 'how many at most', wholeNumber(1, MAX_LIMIT), MAX_LIMIT)
    .option('--newest-first', 'messages from the newest to the oldest')
    .action((conversation: string | undefined, options: HistoryOptions) =>
      run(options.address, async () => {
        using connection = new Connection(options.address);
        if (conversation === undefined) await listConversations(connection, options);
        else await listMessages(connection, conversation, options);
        return true;
      }),
    );
}

/** From where to read a conversation to see its last messages: the sequence before the oldest of them. */
export async function sequenceBeforeLast(count: number, conversationId: string, address: string): Promise<bigint> {
  using connection = new Connection(address);
  const request = ListMessagesRequest.create({ conversationId, pageSize: count, newestFirst: true });
  const { messages } = await connection.call(HistoryServiceService.listMessages, request);
  const oldest = messages.at(-1)?.sequence ?? 0n;
  return oldest > 0n ? oldest - 1n : 0n;
}

async function listConversations(
  connection: Connection,
  { client, json, limit, timeZone }: HistoryOptions,
): Promise<void> {
  const conversations = allItems(limit, async (pageSize, pageToken) => {
    const request = ListConversationsRequest.create({ clientId: client, pageSize, pageToken });
    const page = await connection.call(HistoryServiceService.listConversations, request);
    return { items: page.conversations, nextPageToken: page.nextPageToken };
  });
  for await (const conversation of conversations) {
    process.stdout.write(json ? jsonLine(conversation) : conversationLine(conversation, timeZone));
  }
}

async function listMessages(connection: Connection, conversationId: string, options: HistoryOptions): Promise<void> {
  const { json, limit, newestFirst = false, timeZone } = options;
  const messages = allItems(limit, async (pageSize, pageToken) => {
    const request = ListMessagesRequest.create({ conversationId, pageSize, pageToken, newestFirst });
    const page = await connection.call(HistoryServiceService.listMessages, request);
    return { items: page.messages, nextPageToken: page.nextPageToken };
  });
  for await (const message of messages) {
    process.stdout.write(json ? jsonLine(messageFields(message)) : messageLines(message, timeZone));
  }
}

function conversationLine({ conversationId, title, updateTime, messageCount }: Conversation, timeZone: string): string {
  const count = `${messageCount} ${messageCount === 1n ? 'message' : 'messages'}`.padStart(14);
  return `${localTime(updateTime, timeZone)}  ${conversationId}  ${count}  ${printableLine(title)}\n`;
}

function messageLines(message: Message, timeZone: string): string {
  const who = message.role === Role.USER ? 'you' : 'bot';
  const text = printable(textOf(message)).replaceAll('\n', `\n${' '.repeat(26)}`);
  return `${localTime(message.createTime, timeZone)}  ${who}: ${text}${standing(message)}\n`;
}

/** What a reader could not tell from the messages themselves. */
function standing({ role, status, failureReason }: Message): string {
  if (status === MessageStatus.FAILED) return `  [not answered: ${printableLine(failureReason)}]`;
  if (status === MessageStatus.STOPPED && (role === Role.ASSISTANT || failureReason !== '')) return '  [stopped]';
  if (status === MessageStatus.QUEUED) return '  [waiting for an answer]';
  return status === MessageStatus.PROCESSING ? '  [being answered]' : '';
}

function messageFields(message: Message): object {
  const parts = message.parts.map(({ value }) => (value === undefined ? {} : { [value.$case]: value.value }));
  return { ...message, role: nameOf(Role, message.role), status: nameOf(MessageStatus, message.status), parts };
}
