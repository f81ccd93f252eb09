import { graphemeSegments } from 'unicode-segmenter/grapheme';
import {
  type ConversationEvent,
  type MediaKind,
  type MessageReceived,
  mediaOf,
  type Part,
  type ReplyCompleted,
  type ReplyFailed,
  textOf,
} from '../../src/domain/conversation/events.ts';
import { historyBytesOf } from '../../src/domain/conversation/history-bytes.ts';
import type { ConversationDocument, MediaReferenceDocument, MessageDocument } from './document.ts';

/** Where an event stands in its partition, and when the log took it. */
export interface At {
  readonly offset: number;
  readonly timeMs: number;
}

/** Characters of the first words that make a title: what fits a line of a list. */
const maxDerivedTitleCharacters = 80;

/** What a conversation is called that begins without words. */
const mediaTitles: Readonly<Record<MediaKind, string>> = { voice: 'Voice message', video: 'Video', image: 'Picture' };

/**
 * A user message after the event. `claimId` is the partition's claim in force there ('' before the first: then none is over): what a
 * worker says under another one does not count, and after the first final event that does, nothing does. Of one that is received in a
 * conversation that was deleted before, nothing is kept but that. Gives the same object back when nothing changes.
 */
export function projectMessage(
  message: MessageDocument | null,
  event: ConversationEvent,
  at: At,
  claimId: string,
  deleted = false,
): MessageDocument | null {
  if (event.type === 'MessageReceived')
    return message ?? (deleted ? remainder(received(event, at)) : received(event, at));
  if (event.type !== 'ReplyStarted' && event.type !== 'ReplyCompleted' && event.type !== 'ReplyFailed') return message;
  if (message === null || message.deleted || message.finalSequence !== null) return message;
  if (claimId !== '' && event.claimId !== claimId) return message;
  if (event.type === 'ReplyStarted') {
    const attempt = Math.max(message.attempt, event.attempt);
    if (message.status === 'processing' && attempt === message.attempt) return message;
    return { ...message, status: 'processing', attempt, changedSequence: at.offset };
  }
  const ended = { ...message, completeTimeMs: at.timeMs, changedSequence: at.offset, finalSequence: at.offset };
  return event.type === 'ReplyCompleted' ? answered(ended, event) : givenUp(ended, event, at);
}

/** What is left of a message when its conversation is deleted; null: nothing. The same, whatever had become of it by then. */
export function remainsOf(message: MessageDocument): MessageDocument | null {
  if (message.deleted) return message;
  return message.role === 'user' ? remainder(message) : null;
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
    ...(event.incomplete && { incomplete: event.incomplete }),
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
  if (conversation?.deleted) return afterDeletion(conversation, event, at);
  switch (event.type) {
    case 'ConversationStarted':
      return conversation ?? started(event, at);
    case 'MessageReceived':
      if (message?.sequence !== at.offset) return conversation;
      return afterSent(conversation ?? started(event, at), event, at);
    case 'ReplyCompleted':
      if (conversation === null || message?.finalSequence !== at.offset) return conversation;
      return afterMessage(conversation, { ...event, clientId: conversation.clientId, title: '' }, at);
    case 'ConversationRenamed':
      return conversation && { ...conversation, title: event.title, titleSequence: at.offset, updateTimeMs: at.timeMs };
    case 'ConversationDeleted':
      return conversation && deletedAt(conversation, at);
    default:
      return conversation;
  }
}

/** How often a conversation names an object, after one more message that counts. */
export function projectMediaReference(
  reference: MediaReferenceDocument | null,
  mediaId: string,
  conversationId: string,
): MediaReferenceDocument {
  return { mediaId, conversationId, messageCount: (reference?.messageCount ?? 0) + 1 };
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
  };
}

/** That there was a message, and where. */
function remainder({ messageId, conversationId, clientId, sequence, createTimeMs }: MessageDocument): MessageDocument {
  return {
    messageId,
    conversationId,
    clientId,
    sequence,
    role: 'user',
    parts: [],
    status: 'stopped',
    replyToMessageId: '',
    replyMessageId: '',
    clientMessageId: '',
    timeZone: '',
    createTimeMs,
    completeTimeMs: null,
    model: '',
    failureReason: '',
    failureDetail: '',
    attempt: 0,
    changedSequence: sequence,
    finalSequence: null,
    deleted: true,
  };
}

function answered(message: MessageDocument, event: ReplyCompleted): MessageDocument {
  return {
    ...message,
    status: event.outcome,
    attempt: Math.max(message.attempt, event.attempt),
    replyMessageId: event.replyMessageId,
  };
}

/** A message stopped before its reply had begun is stopped, not failed. */
function givenUp(message: MessageDocument, event: ReplyFailed, at: At): MessageDocument {
  return {
    ...message,
    status: event.reason === 'STOPPED' ? 'stopped' : 'failed',
    attempt: Math.max(message.attempt, event.attempt),
    failureReason: event.reason,
    failureDetail: event.detail,
    unansweredIn: message.conversationId,
    ...(event.reason === 'POISON' && { poisonedAtMs: at.timeMs }),
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
    firstSequence: at.offset,
    sentMessages: 0,
    historyBytes: 0,
    deleted: false,
  };
}

function afterSent(conversation: ConversationDocument, event: MessageReceived, at: At): ConversationDocument {
  const after = afterMessage(conversation, { ...event, title: titleOf(event.parts) }, at);
  return { ...after, sentMessages: conversation.sentMessages + 1 };
}

function afterMessage(
  conversation: ConversationDocument,
  { clientId, parts, title }: { readonly clientId: string; readonly parts: readonly Part[]; readonly title: string },
  at: At,
): ConversationDocument {
  return {
    ...conversation,
    title: conversation.title === '' ? title : conversation.title,
    updateTimeMs: at.timeMs,
    messageCount: conversation.messageCount + 1,
    historyBytes: conversation.historyBytes + historyBytesOf(parts),
    lastSequence: at.offset,
    listedFor: clientId,
  };
}

/** That there was a conversation, whose it was, where its content stands, and when it was deleted. */
function deletedAt(conversation: ConversationDocument, at: At): ConversationDocument {
  const { conversationId, clientId, createTimeMs, firstSequence, sentMessages } = conversation;
  return {
    conversationId,
    clientId,
    title: '',
    createTimeMs,
    firstSequence,
    sentMessages,
    updateTimeMs: at.timeMs,
    messageCount: 0,
    lastSequence: -1,
    historyBytes: 0,
    deleted: true,
    unerasedSinceMs: at.timeMs,
  };
}

/** Later content of the conversation is erased later; whether this record is erased already must make no difference. */
function afterDeletion(conversation: ConversationDocument, event: ConversationEvent, at: At): ConversationDocument {
  switch (event.type) {
    case 'ConversationErased': {
      const { unerasedSinceMs, sentMessages, saidLateSequence = -1 } = conversation;
      // The eraser may have missed content that arrived while it worked.
      if (unerasedSinceMs === undefined || saidLateSequence > event.throughSequence) return conversation;
      // Until 0.2 erasers looked for a conversation by record times, and missed what stood where those step back.
      if (event.records < sentMessages) return conversation;
      return { ...conversation, unerasedSinceMs: undefined };
    }
    case 'MessageReceived':
    case 'ReplyProgress':
    case 'ReplyCompleted':
    case 'ConversationRenamed':
      return { ...conversation, unerasedSinceMs: conversation.updateTimeMs, saidLateSequence: at.offset };
    default:
      return conversation;
  }
}

/** UTF-16 units of a text that a title is looked for in: a message may be long, and a character of several signs rarely has more than eight. */
const maxTitleSourceUnits = 8 * maxDerivedTitleCharacters;

function titleOf(parts: readonly Part[]): string {
  const text = textOf(parts).trimStart();
  const isCut = text.length > maxTitleSourceUnits;
  const words = text.slice(0, maxTitleSourceUnits).trimEnd().replaceAll(/\s+/g, ' ');
  if (words !== '') return firstCharacters(words, isCut);
  const [first] = mediaOf(parts);
  return first === undefined ? '' : mediaTitles[first.kind];
}

/** From here on Unicode has signs that join with those before them. */
const mayJoin = /[\u0300-\uffff]/;

/**
 * As many whole characters, as people count them, as a title has. Of words that were cut, the last one may be none. By tables that come with this code:
 * those of the runtime change with it.
 */
function firstCharacters(words: string, isCut: boolean): string {
  if (words.length <= maxDerivedTitleCharacters) return words;
  if (!mayJoin.test(words.slice(0, maxDerivedTitleCharacters + 1))) return words.slice(0, maxDerivedTitleCharacters);
  const ends = Array.from(graphemeSegments(words), ({ index, segment }) => index + segment.length);
  const whole = isCut ? ends.slice(0, -1) : ends;
  return words.slice(0, whole[maxDerivedTitleCharacters - 1] ?? whole.at(-1) ?? 0).toWellFormed();
}
