import { graphemeSegments } from 'unicode-segmenter/grapheme';
import {
  type AttemptUsage,
  type ConversationEvent,
  type MediaKind,
  type MessageReceived,
  mediaOf,
  type Part,
  type ReplyCompleted,
  type ReplyFailed,
  type ReplyStarted,
  textOf,
} from '../../src/domain/conversation/events.ts';
import { historyBytesOf } from '../../src/domain/conversation/history-bytes.ts';
import type { DocumentKey, Documents, Entry, Projection, Purge } from '../engine/projection.ts';
import {
  type ConversationDocument,
  conversationsSpec,
  historyModel,
  type MediaReferenceDocument,
  type MessageDocument,
  mediaReferenceId,
  mediaReferencesSpec,
  messagesSpec,
  type PartitionDocument,
  processingSpec,
} from './document.ts';
import { noteUsage, usageSpec } from './usage.ts';

/** What the history fold knows of earlier events beside its documents: the partition's newest claims, the one in force last. */
interface Claims {
  readonly claims: readonly string[];
}

/** A claim met again changes nothing. Only an append whose outcome was unknown is repeated, and that soon. */
const maxClaimsKept = 8;

const messages = messagesSpec.name;
const conversations = conversationsSpec.name;
const mediaReferences = mediaReferencesSpec.name;
const partitions = processingSpec.name;

/**
 * Conversations, messages, the media they name and what is in processing. One model, because only the messages know whether an event
 * counts: a repeat of a message answered long ago must not stand among the pending again.
 */
export const historyProjection: Projection<ConversationEvent> = {
  model: historyModel,
  topic: 'conversations',
  collections: [messagesSpec, conversationsSpec, mediaReferencesSpec, processingSpec, usageSpec],
  touches(event, partition) {
    if (event.type === 'StopRequested') return [];
    // What a reply has said so far matters to a conversation that was deleted, and to nothing else.
    if (event.type === 'ReplyProgress') return [{ collection: conversations, id: event.conversationId }];
    const keys: DocumentKey[] = [{ collection: partitions, id: String(partition) }];
    if ('messageId' in event) keys.push({ collection: messages, id: event.messageId });
    if ('conversationId' in event) keys.push({ collection: conversations, id: event.conversationId });
    if ('parts' in event) {
      for (const mediaId of mediaIdsOf(event.parts))
        keys.push({ collection: mediaReferences, id: mediaReferenceId(mediaId, event.conversationId) });
    }
    return keys;
  },
  purges: (event) => (event.type === 'ConversationDeleted' ? purgesOf(event.conversationId) : []),
  fold(state, entries, partition, documents) {
    let claims = (state as Claims | null)?.claims ?? [];
    for (const entry of entries) {
      const { event } = entry;
      if (event.type === 'WorkerClaimed') {
        if (claims.includes(event.claimId)) continue;
        claims = [...claims, event.claimId].slice(-maxClaimsKept);
      }
      foldConversationEvent(entry, claims.at(-1) ?? '', partition, documents);
    }
    return { claims };
  },
};

/** The message first: it decides whether the event counts. */
function foldConversationEvent(
  { event, ...at }: Entry<ConversationEvent>,
  claimId: string,
  partition: number,
  documents: Documents,
): void {
  if (event.type === 'StopRequested') return;
  const isMessages = 'messageId' in event && event.type !== 'ReplyProgress';
  const message = isMessages ? foldMessage(event, at, claimId, documents) : null;
  if (message !== null)
    noteUsage(
      newlyTold(message, event, at),
      { partition, clientId: message.clientId, group: message.group, ...at },
      documents,
    );
  if ('conversationId' in event) {
    documents.update<ConversationDocument>(conversations, event.conversationId, at.offset, (before) =>
      projectConversation(before, event, at, message),
    );
  }
  if (event.type === 'ReplyProgress') return;
  const noted = { partition, timeMs: at.timeMs, claimId, isNew: message?.sequence === at.offset };
  documents.update<PartitionDocument>(partitions, String(partition), at.offset, (before) =>
    projectPartition(before, event, noted),
  );
}

/** The user message that the event is about, after it, with what else follows from it: its reply, the media named. */
function foldMessage(
  event: Extract<ConversationEvent, { readonly messageId: string }>,
  at: At,
  claimId: string,
  documents: Documents,
): MessageDocument | null {
  const isDeleted = documents.get<ConversationDocument>(conversations, event.conversationId)?.deleted === true;
  const message = documents.update<MessageDocument>(messages, event.messageId, at.offset, (before) =>
    projectMessage(before, event, at, claimId, isDeleted),
  );
  if (event.type === 'MessageReceived' && message?.sequence === at.offset && !message.deleted) {
    noteMedia(event, at, documents);
  }
  if (event.type === 'ReplyCompleted') {
    const reply = projectReply(message, event, at);
    if (reply !== null) {
      documents.create(messages, reply.messageId, at.offset, reply);
      noteMedia(event, at, documents);
    }
  }
  return message;
}

function noteMedia(
  { conversationId, parts }: { readonly conversationId: string; readonly parts: readonly Part[] },
  at: At,
  documents: Documents,
): void {
  for (const mediaId of mediaIdsOf(parts)) {
    documents.update<MediaReferenceDocument>(
      mediaReferences,
      mediaReferenceId(mediaId, conversationId),
      at.offset,
      (before) => projectMediaReference(before, mediaId, conversationId),
    );
  }
}

function mediaIdsOf(parts: readonly Part[]): ReadonlySet<string> {
  return new Set(mediaOf(parts).map(({ mediaId }) => mediaId));
}

function purgesOf(conversationId: string): readonly Purge[] {
  return [purgeOfMessages(conversationId), purgeOfMediaReferences(conversationId)] as readonly Purge[];
}

function purgeOfMessages(conversationId: string): Purge<MessageDocument> {
  return {
    collection: messages,
    index: 'bySequence',
    equals: [conversationId],
    placeOf: ({ sequence, messageId }) => ({ order: sequence, id: messageId }),
    remains: remainsOf,
  };
}

function purgeOfMediaReferences(conversationId: string): Purge<MediaReferenceDocument> {
  return {
    collection: mediaReferences,
    index: 'byConversation',
    equals: [conversationId],
    placeOf: ({ mediaId }) => ({ order: mediaId, id: mediaReferenceId(mediaId, conversationId) }),
    remains: () => null,
  };
}

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
  if (!isOfAttempt(event) || message === null || message.finalSequence !== null) return message;
  if (claimId !== '' && event.claimId !== claimId) return message;
  if (event.type === 'ReplyStarted') {
    const told = withTold(message, event, at);
    if (message.deleted) return told;
    const attempt = Math.max(message.attempt, event.attempt);
    if (told === message && message.status === 'processing' && attempt === message.attempt) return message;
    return { ...told, status: 'processing', attempt, changedSequence: at.offset };
  }
  if (message.deleted) return { ...message, finalSequence: at.offset };
  const ended = { ...message, completeTimeMs: at.timeMs, changedSequence: at.offset, finalSequence: at.offset };
  return event.type === 'ReplyCompleted' ? answered(ended, event) : givenUp(ended, event, at);
}

function isOfAttempt(event: ConversationEvent): event is ReplyStarted | ReplyCompleted | ReplyFailed {
  return event.type === 'ReplyStarted' || event.type === 'ReplyCompleted' || event.type === 'ReplyFailed';
}

/** The message, with the attempts that a start is the first to tell of. The same object when there is none. */
function withTold(message: MessageDocument, { ended = [] }: ReplyStarted, at: At): MessageDocument {
  const newly = ended.filter(({ attempt }) => attempt > lastTold(message));
  if (newly.length === 0) return message;
  return { ...message, told: [...(message.told ?? []), ...newly.map(({ attempt }) => ({ attempt, at: at.offset }))] };
}

function lastTold({ told }: MessageDocument): number {
  return told?.at(-1)?.attempt ?? 0;
}

/**
 * What the event tells of attempts that none before it told of; `message`: after it, or, when the fold goes over it again, after later events. It
 * is the rule of domain/conversation/invariants.ts.
 */
function newlyTold(message: MessageDocument, event: ConversationEvent, at: At): readonly AttemptUsage[] {
  if (!isOfAttempt(event) || event.ended === undefined) return [];
  if (message.finalSequence === at.offset) return event.ended.filter(({ attempt }) => attempt > lastTold(message));
  const toldHere = new Set(message.told?.flatMap((told) => (told.at === at.offset ? [told.attempt] : [])));
  return event.ended.filter(({ attempt }) => toldHere.has(attempt));
}

/** What is left of a message when its conversation is deleted; null: nothing. */
export function remainsOf(message: MessageDocument): MessageDocument | null {
  if (message.deleted) return message;
  if (message.role !== 'user') return null;
  const { finalSequence, told } = message;
  return { ...remainder(message), finalSequence, ...(told && { told }) };
}

/** The reply that an event makes of the message it answers; null when the event did not count. */
export function projectReply(message: MessageDocument | null, event: ReplyCompleted, at: At): MessageDocument | null {
  if (message === null || message.deleted || message.finalSequence !== at.offset) return null;
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
    ...(event.group !== undefined && { group: event.group }),
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
function remainder({
  messageId,
  conversationId,
  clientId,
  group,
  sequence,
  createTimeMs,
}: MessageDocument): MessageDocument {
  return {
    messageId,
    conversationId,
    clientId,
    ...(group !== undefined && { group }),
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
  {
    clientId,
    parts,
    instructions,
    title,
  }: Pick<MessageReceived, 'clientId' | 'parts' | 'instructions'> & { readonly title: string },
  at: At,
): ConversationDocument {
  return {
    ...conversation,
    title: conversation.title === '' ? title : conversation.title,
    updateTimeMs: at.timeMs,
    messageCount: conversation.messageCount + 1,
    historyBytes: conversation.historyBytes + historyBytesOf(parts, instructions),
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

/** An event's place, and what the messages say of it. */
export interface Noted {
  readonly partition: number;
  readonly timeMs: number;
  /** The partition's claim in force there; '' before the first: then none is over. */
  readonly claimId: string;
  /** The event made its message: it is no repeat. */
  readonly isNew: boolean;
}

/** A partition's pending messages after the event. Gives the same object back when nothing changes. */
export function projectPartition(
  document: PartitionDocument | null,
  event: ConversationEvent,
  noted: Noted,
): PartitionDocument | null {
  const before = document ?? { partition: noted.partition, pending: [] };
  switch (event.type) {
    case 'WorkerClaimed':
      // What the former worker had is taken up anew.
      return { ...before, pending: before.pending.map((message) => ({ ...message, processing: false })) };
    case 'MessageReceived': {
      if (!noted.isNew) return document;
      const message = { messageId: event.messageId, receivedAtMs: noted.timeMs, processing: false };
      return { ...before, pending: [...before.pending, message] };
    }
    case 'ReplyStarted':
    case 'ReplyCompleted':
    case 'ReplyFailed':
      return noted.claimId === '' || event.claimId === noted.claimId ? afterReply(document, event) : document;
    default:
      return document;
  }
}

function afterReply(
  document: PartitionDocument | null,
  event: ReplyStarted | ReplyCompleted | ReplyFailed,
): PartitionDocument | null {
  const message = document?.pending.find(({ messageId }) => messageId === event.messageId);
  if (document === null || message === undefined) return document;
  if (event.type !== 'ReplyStarted')
    return { ...document, pending: document.pending.filter((other) => other !== message) };
  if (message.processing) return document;
  const started = { ...message, processing: true };
  return { ...document, pending: document.pending.map((other) => (other === message ? started : other)) };
}
