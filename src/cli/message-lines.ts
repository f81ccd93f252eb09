import { styleText } from 'node:util';
import { type Message, MessageStatus, Role } from '../client/gen/chat/v1/content_pb.js';
import type { Conversation } from '../client/gen/chat/v1/history_service_pb.js';
import { messageFields } from '../client/message-json.ts';
import { textOf } from '../client/message-text.ts';
import type { Found } from '../client/parley.ts';
import { brieflyOf } from './explain.ts';
import { mediaOf, mediaText } from './media/media-text.ts';
import { localTime } from './show.ts';
import { printable, printableLine } from './text.ts';

/** How messages are shown. */
export interface LineOptions {
  /** IANA */
  readonly timeZone: string;
  /** With where media can be fetched. */
  readonly urls?: boolean | undefined;
  /** With the conversation's id. */
  readonly conversations?: boolean | undefined;
  /** Instead of its text. */
  readonly excerpt?: string | undefined;
}

/** Later lines of a message begin below its first. */
const INDENT = `\n${' '.repeat(26)}`;

/** A message as lines, each ended by a line feed: when, who, what, and how it stands. */
export function messageLines(message: Message, { timeZone, urls, conversations, excerpt }: LineOptions): string {
  const who = message.role === Role.USER ? 'you' : 'bot';
  const text = excerpt ?? printable(textOf(message));
  const said = [text, ...mediaOf(message).map((media) => mediaText(media) + urlOf(media, urls))]
    .filter((line) => line !== '')
    .join('\n');
  const where = conversations ? `${printableLine(message.conversationId)}  ` : '';
  const line = `${localTime(message.createTime, timeZone)}  ${where}${who}: ${said.replaceAll('\n', INDENT)}`;
  return `${line}${standing(message)}\n`;
}

/** A conversation on a line. */
export function conversationLine(
  { conversationId, title, updateTime, messageCount }: Conversation,
  timeZone: string,
  shownTitle = printableLine(title),
): string {
  const count = `${messageCount} ${messageCount === 1n ? 'message' : 'messages'}`.padStart(14);
  return `${localTime(updateTime, timeZone)}  ${conversationId}  ${count}  ${shownTitle}\n`;
}

/** What was found, as lines: the text around the words, these in bold where a terminal shows it. */
export function foundLines(found: Found, options: LineOptions): string {
  const excerpt = found.excerpt
    .map(({ text, found: isFound }) => (isFound ? styleText('bold', printableLine(text)) : printableLine(text)))
    .join('');
  return 'message' in found
    ? messageLines(found.message, { ...options, conversations: true, excerpt })
    : conversationLine(found.conversation, options.timeZone, excerpt);
}

/** The same for JSON. */
export function foundFields(found: Found): object {
  const { excerpt } = found;
  return 'message' in found ? { ...messageFields(found.message), excerpt } : { ...found.conversation, excerpt };
}

function urlOf({ url }: { readonly url: string }, urls: boolean | undefined): string {
  return urls && url !== '' ? ` ${printableLine(url)}` : '';
}

/** What a reader could not tell from the messages themselves. */
function standing({ role, status, failureReason, incomplete }: Message): string {
  if (status === MessageStatus.FAILED) return `  [not answered: ${printableLine(brieflyOf(failureReason))}]`;
  if (status === MessageStatus.STOPPED && (role === Role.ASSISTANT || failureReason !== '')) return '  [stopped]';
  if (status === MessageStatus.QUEUED) return '  [waiting for an answer]';
  if (status === MessageStatus.PROCESSING) return '  [being answered]';
  return incomplete ? '  [incomplete]' : '';
}
