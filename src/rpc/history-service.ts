import type { HistoryReads } from '../app/reading/history-reads.ts';
import type { Conversation, HistoryServiceServer } from '../gen/chat/v1/history_service.ts';
import type { HistoryConversation } from '../ports/history.ts';
import { messageToWire } from './content-wire.ts';
import type { ErrorMapping } from './errors.ts';
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
export function historyService(reads: HistoryReads, errors: ErrorMapping): HistoryServiceServer {
  return {
    listConversations: unary(errors, async ({ clientId, ...page }) => {
      const { items, nextPageToken } = await reads.listConversations(clientId, page);
      return { conversations: items.map(conversationToWire), nextPageToken };
    }),
    getConversation: unary(errors, async ({ conversationId }) => ({
      conversation: conversationToWire(await reads.getConversation(conversationId)),
    })),
    listMessages: unary(errors, async ({ conversationId, atLeastSequence, ...page }) => {
      const sequence = numberOf(atLeastSequence, 'at_least_sequence');
      const { items, nextPageToken } = await reads.listMessages(conversationId, { ...page, atLeastSequence: sequence });
      return { messages: items.map(messageToWire), nextPageToken };
    }),
    searchMessages: notYet(errors, 'searching messages'),
    renameConversation: notYet(errors, 'renaming conversations'),
    deleteConversation: notYet(errors, 'deleting conversations'),
  };
}
