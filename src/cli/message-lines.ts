import { type Message, MessageStatus, Role } from '../client/gen/chat/v1/content_pb.js';
import type { Conversation } from '../client/gen/chat/v1/history_service_pb.js';
import { textOf } from '../client/message-text.ts';
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
}

/** Later lines of a message begin below its first. */
const INDENT = `\n${' '.repeat(26)}`;

/** A message as lines, each ended by a line feed: when, who, what, and how it stands. */
export function messageLines(message: Message, { timeZone, urls, conversations }: LineOptions): string {
  const who = message.role === Role.USER ? 'you' : 'bot';
  const said = [printable(textOf(message)), ...mediaOf(message).map((media) => mediaText(media) + urlOf(media, urls))]
    .filter((line) => line !== '')
    .join('\n');
  const where = conversations ? `${printableLine(message.conversationId)}  ` : '';
  const line = `${localTime(message.createTime, timeZone)}  ${where}${who}: ${said.replaceAll('\n', INDENT)}`;
  return `${line}${standing(message)}\n`;
}

/** A conversation on a line. */
export function conversationLine(conversation: Conversation, timeZone: string): string {
  const { conversationId, title, updateTime, messageCount } = conversation;
  const count = `${messageCount} ${messageCount === 1n ? 'message' : 'messages'}`.padStart(14);
  return `${localTime(updateTime, timeZone)}  ${conversationId}  ${count}  ${printableLine(title)}\n`;
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
