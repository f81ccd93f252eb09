import { type Message, MessageStatus, Role } from '../gen/chat/v1/content.ts';
import type { HistoryMessage, HistoryStatus } from '../ports/history.ts';

const statusToWire: Readonly<Record<HistoryStatus, MessageStatus>> = {
  queued: MessageStatus.QUEUED,
  processing: MessageStatus.PROCESSING,
  completed: MessageStatus.COMPLETED,
  failed: MessageStatus.FAILED,
  stopped: MessageStatus.STOPPED,
};

/** A message as history shows it, in its wire form. */
export function messageToWire(message: HistoryMessage): Message {
  return {
    messageId: message.messageId,
    conversationId: message.conversationId,
    sequence: BigInt(message.sequence),
    role: message.role === 'user' ? Role.USER : Role.ASSISTANT,
    parts: message.parts.flatMap((part) =>
      part.kind === 'text' ? [{ value: { $case: 'text', value: part.text } }] : [],
    ),
    status: statusToWire[message.status],
    replyToMessageId: message.replyToMessageId,
    clientMessageId: message.clientMessageId,
    createTime: new Date(message.createTimeMs),
    completeTime: message.completeTimeMs === null ? undefined : new Date(message.completeTimeMs),
    model: message.model,
    failureReason: message.failureReason,
  };
}
