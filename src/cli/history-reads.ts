import type { Message } from '../gen/chat/v1/content.ts';
import type { Conversation } from '../gen/chat/v1/history_service.ts';
import {
  DeleteConversationRequest,
  GetConversationRequest,
  HistoryServiceService,
  ListConversationsRequest,
  ListMessagesRequest,
  RenameConversationRequest,
  SearchMessagesRequest,
} from '../gen/chat/v1/history_service.ts';
import type { Connection } from './connection.ts';
import { allItems } from './pages.ts';

/** The conversations of a client, newest activity first. Empty id: the caller's own. */
export function conversationsOf(
  connection: Connection,
  clientId: string,
  limit: number,
): AsyncGenerator<Conversation, void, void> {
  return allItems(limit, async (pageSize, pageToken) => {
    const request = ListConversationsRequest.create({ clientId, pageSize, pageToken });
    const page = await connection.call(HistoryServiceService.listConversations, request);
    return { items: page.conversations, nextPageToken: page.nextPageToken };
  });
}

/** Which messages of a conversation. */
export interface MessageList {
  readonly conversationId: string;
  readonly newestFirst: boolean;
  readonly limit: number;
  /** History must have caught up with this first. */
  readonly atLeastSequence?: bigint;
}

/** The messages of a conversation. */
export function messagesOf(
  connection: Connection,
  { conversationId, newestFirst, limit, atLeastSequence = 0n }: MessageList,
): AsyncGenerator<Message, void, void> {
  return allItems(limit, async (pageSize, pageToken) => {
    const request = ListMessagesRequest.create({ conversationId, pageSize, pageToken, newestFirst, atLeastSequence });
    const page = await connection.call(HistoryServiceService.listMessages, request);
    return { items: page.messages, nextPageToken: page.nextPageToken };
  });
}

/** The messages of a client in which all of these words occur, newest first. */
export function messagesWith(
  connection: Connection,
  query: string,
  clientId: string,
  limit: number,
): AsyncGenerator<Message, void, void> {
  return allItems(limit, async (pageSize, pageToken) => {
    const request = SearchMessagesRequest.create({ query, pageSize, pageToken, clientId });
    const page = await connection.call(HistoryServiceService.searchMessages, request);
    return { items: page.messages, nextPageToken: page.nextPageToken };
  });
}

/** One conversation as it stands. @throws Refusal */
export async function conversationOf(
  connection: Connection,
  conversationId: string,
): Promise<Conversation | undefined> {
  const request = GetConversationRequest.create({ conversationId });
  return (await connection.call(HistoryServiceService.getConversation, request)).conversation;
}

/** Gives it another title. @returns the title it has now @throws Refusal */
export async function rename(connection: Connection, conversationId: string, title: string): Promise<string> {
  const request = RenameConversationRequest.create({ conversationId, title });
  const { conversation } = await connection.call(HistoryServiceService.renameConversation, request);
  return conversation?.title ?? title;
}

/** Deletes it with its media. @throws Refusal */
export async function remove(connection: Connection, conversationId: string): Promise<void> {
  const request = DeleteConversationRequest.create({ conversationId });
  await connection.call(HistoryServiceService.deleteConversation, request);
}
