import type {
  ConversationEvent,
  MessageReceived,
  Part,
  ReplyCompleted,
  ReplyFailed,
} from '../../src/domain/conversation/events.ts';
import type { ConversationDocument, MessageDocument } from './document.ts';

/** Where an event stands in its partition, and when the log took it. */
export interface At {
  readonly offset: number;
  readonly timeMs: number;
}

/** Characters of the first words that make a title: what fits a line of a list. */
const maxTitleCharacters = 80;

/**
 * A user message after the event. `claimId` is the partition's claim in force there ('' before the first: then none is over): what a
 * worker says under another one does not count, and after the first final event that does, nothing does. Gives the same object back when nothing changes.
 */
export function projectMessage(
  message: MessageDocument | null,
  event: ConversationEvent,
  at: At,
  claimId: string,
): MessageDocument | null {
  if (event.type === 'MessageReceived') return message ?? received(event, at);
  if (event.type !== 'ReplyStarted' && event.type !== 'ReplyCompleted' && event.type !== 'ReplyFailed') return message;
  if (message === null || message.finalSequence !== null) return message;
  if (claimId !== '' && event.claimId !== claimId) return message;
  if (event.type === 'ReplyStarted') {
    const attempt = Math.max(message.attempt, event.attempt);
    if (message.status === 'processing' && attempt === message.attempt) return message;
    return { ...message, status: 'processing', attempt, changedSequence: at.offset };
  }
  const ended = { ...message, completeTimeMs: at.timeMs, changedSequence: at.offset, finalSequence: at.offset };
  return event.type === 'ReplyCompleted' ? answered(ended, event) : givenUp(ended, event);
}

/** The reply that an event makes of the message it answers; null when the event did not count. */
export function projectReply(message: MessageDocument | null, event: ReplyCompleted, at: At): MessageDocument | null {
  if (message === null || message.finalSequence !== at.offset) return null;
  return {
    messageId: event.replyMessageId,
    conversationId: message.conversationId,
    clientId: message.clientId,
    sequence: at.offset,
    role: 'assistant',
    parts: event.parts,
    status: event.outcome,
    replyToMessageId: message.messageId,
    replyMessageId: '',
    clientMessageId: '',
    timeZone: message.timeZone,
    createTimeMs: at.timeMs,
    completeTimeMs: at.timeMs,
    model: event.model,
    failureReason: '',
    failureDetail: '',
    attempt: event.attempt,
    changedSequence: at.offset,
    finalSequence: at.offset,
  };
}

/**
 * A conversation after the event. `message` is the user message that the event is about, projected up to it: it alone knows
 * whether the event counted. Gives the same object back when nothing changes.
 */
export function projectConversation(
  conversation: ConversationDocument | null,
  event: ConversationEvent,
  at: At,
  message: MessageDocument | null,
): ConversationDocument | null {
  switch (event.type) {
    case 'ConversationStarted':
      return conversation ?? started(event, at);
    case 'MessageReceived':
      if (message?.sequence !== at.offset) return conversation;
      return afterMessage(conversation ?? started(event, at), event.clientId, event.parts, at);
    case 'ReplyCompleted':
      if (conversation === null || message?.finalSequence !== at.offset) return conversation;
      return afterMessage(conversation, conversation.clientId, [], at);
    case 'ConversationRenamed':
      return conversation && { ...conversation, title: event.title, updateTimeMs: at.timeMs };
    case 'ConversationDeleted':
      return (
        conversation && { ...conversation, title: '', deleted: true, updateTimeMs: at.timeMs, listedFor: undefined }
      );
    default:
      return conversation;
  }
}

function received(event: MessageReceived, at: At): MessageDocument {
  return {
    messageId: event.messageId,
    conversationId: event.conversationId,
    clientId: event.clientId,
    sequence: at.offset,
    role: 'user',
    parts: event.parts,
    status: 'queued',
    replyToMessageId: '',
    replyMessageId: '',
    clientMessageId: event.clientMessageId,
    timeZone: event.timeZone,
    createTimeMs: at.timeMs,
    completeTimeMs: null,
    model: '',
    failureReason: '',
    failureDetail: '',
    attempt: 0,
    changedSequence: at.offset,
    finalSequence: null,
    pendingOf: event.clientId,
  };
}

function answered(message: MessageDocument, event: ReplyCompleted): MessageDocument {
  return {
    ...message,
    status: event.outcome,
    attempt: Math.max(message.attempt, event.attempt),
    replyMessageId: event.replyMessageId,
    pendingOf: undefined,
  };
}

/** A message stopped before its reply had begun is stopped, not failed. */
function givenUp(message: MessageDocument, event: ReplyFailed): MessageDocument {
  return {
    ...message,
    status: event.reason === 'STOPPED' ? 'stopped' : 'failed',
    attempt: Math.max(message.attempt, event.attempt),
    failureReason: event.reason,
    failureDetail: event.detail,
    pendingOf: undefined,
    unansweredIn: message.conversationId,
  };
}

function started(event: { readonly conversationId: string; readonly clientId: string }, at: At): ConversationDocument {
  return {
    conversationId: event.conversationId,
    clientId: event.clientId,
    title: '',
    createTimeMs: at.timeMs,
    updateTimeMs: at.timeMs,
    messageCount: 0,
    lastSequence: -1,
    deleted: false,
  };
}

function afterMessage(
  conversation: ConversationDocument,
  clientId: string,
  firstWords: readonly Part[],
  at: At,
): ConversationDocument {
  return {
    ...conversation,
    title: conversation.title === '' && !conversation.deleted ? titleOf(firstWords) : conversation.title,
    updateTimeMs: at.timeMs,
    messageCount: conversation.messageCount + 1,
    lastSequence: at.offset,
    listedFor: conversation.deleted ? undefined : clientId,
  };
}

function titleOf(parts: readonly Part[]): string {
  const text = parts.find((part) => part.kind === 'text')?.text ?? '';
  // Cut first: a message may be long.
  const words = text
    .slice(0, 4 * maxTitleCharacters)
    .trim()
    .replaceAll(/\s+/g, ' ');
  return Array.from(words).slice(0, maxTitleCharacters).join('');
}
