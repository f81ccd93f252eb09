import type { ConversationsManager } from '../app/managing/conversations-manager.ts';
import type { HistoryReads } from '../app/reading/history-reads.ts';
import type { Excerpt } from '../domain/conversation/excerpt.ts';
import type { Conversation, HistoryServiceServer, Excerpt as WireExcerpt } from '../gen/chat/v1/history_service.ts';
import type { HistoryConversation } from '../ports/history.ts';
import { type Calls, unary } from './calls.ts';
import { messageToWire } from './content-wire.ts';
import { numberOf } from './wire-values.ts';

function conversationToWire(conversation: HistoryConversation): Conversation {
  return {
    conversationId: conversation.conversationId,
    clientId: conversation.clientId,
    title: conversation.title,
    createTime: new Date(conversation.createTimeMs),
    updateTime: new Date(conversation.updateTimeMs),
    messageCount: BigInt(conversation.messageCount),
    lastSequence: BigInt(Math.max(0, conversation.lastSequence)),
  };
}

function excerptToWire(excerpt: Excerpt): WireExcerpt {
  return { pieces: excerpt.map(({ text, isFound }) => ({ text, found: isFound })) };
}

/** HistoryService over the history read model; what changes something goes through the log. */
export function historyService(reads: HistoryReads, manager: ConversationsManager, calls: Calls): HistoryServiceServer {
  return {
    listConversations: unary(calls, async ({ clientId, ...page }, caller) => {
      const { items, nextPageToken } = await reads.listConversations(caller, clientId, page);
      return { conversations: items.map(conversationToWire), nextPageToken };
    }),
    getConversation: unary(calls, async ({ conversationId }, caller) => ({
      conversation: conversationToWire(await reads.getConversation(caller, conversationId)),
    })),
    listMessages: unary(calls, async ({ conversationId, atLeastSequence: atLeast, ...page }, caller) => {
      const atLeastSequence = numberOf(atLeast, 'at_least_sequence');
      const { items, nextPageToken } = await reads.listMessages(caller, conversationId, { ...page, atLeastSequence });
      return { messages: items.map(messageToWire), nextPageToken };
    }),
    searchMessages: unary(calls, async ({ clientId, query, ...page }, caller) => {
      const { items, conversations, nextPageToken } = await reads.searchMessages(caller, clientId, query, page);
      return {
        messages: items.map(messageToWire),
        excerpts: items.map(({ excerpt }) => excerptToWire(excerpt)),
        conversations: conversations.map((found) => ({
          conversation: conversationToWire(found),
          title: excerptToWire(found.excerpt),
        })),
        nextPageToken,
      };
    }),
    renameConversation: unary(calls, async ({ conversationId, title }, caller) => ({
      conversation: conversationToWire(await manager.rename(caller, conversationId, title)),
    })),
    deleteConversation: unary(calls, async ({ conversationId }, caller) => {
      await manager.delete(caller, conversationId);
      return {};
    }),
  };
}
