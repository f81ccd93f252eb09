import type { HistoryReads } from '../app/reading/history-reads.ts';
import type { Conversation, HistoryServiceServer } from '../gen/chat/v1/history_service.ts';
import type { HistoryConversation } from '../ports/history.ts';
import type { Calls } from './calls.ts';
import { messageToWire } from './content-wire.ts';
import { notYet, unary } from './unary.ts';
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

/** HistoryService over the history read model. */
export function historyService(reads: HistoryReads, calls: Calls): HistoryServiceServer {
  return {
    listConversations: unary(calls, async ({ clientId, ...page }) => {
      const { items, nextPageToken } = await reads.listConversations(clientId, page);
      return { conversations: items.map(conversationToWire), nextPageToken };
    }),
    getConversation: unary(calls, async ({ conversationId }) => ({
      conversation: conversationToWire(await reads.getConversation(conversationId)),
    })),
    listMessages: unary(calls, async ({ conversationId, atLeastSequence, ...page }) => {
      const sequence = numberOf(atLeastSequence, 'at_least_sequence');
      const { items, nextPageToken } = await reads.listMessages(conversationId, { ...page, atLeastSequence: sequence });
      return { messages: items.map(messageToWire), nextPageToken };
    }),
    searchMessages: notYet(calls, 'searching messages'),
    renameConversation: notYet(calls, 'renaming conversations'),
    deleteConversation: notYet(calls, 'deleting conversations'),
  };
}
