import { type ConversationEvent, mediaOf, type Part } from '../src/domain/conversation/events.ts';
import {
  type ConversationDocument,
  conversationsSpec,
  historyModel,
  type MediaReferenceDocument,
  type MessageDocument,
  mediaReferenceId,
  mediaReferencesSpec,
  messagesSpec,
} from './history/document.ts';
import {
  type At,
  projectConversation,
  projectMediaReference,
  projectMessage,
  projectReply,
  remainsOf,
} from './history/project.ts';
import { type PartitionDocument, processingSpec } from './processing/document.ts';
import { projectPartition } from './processing/project.ts';
import type { DocumentKey, Documents, Entry, Projection, Purge } from './projection.ts';

/** What the history fold knows of earlier events beside its documents: the partition's newest claims, the one in force last. */
interface Claims {
  readonly claims: readonly string[];
}

/** A claim met again changes nothing. Only an append whose outcome was unknown is repeated, and that soon. */
const maxClaimsKept = 8;

const messages = messagesSpec.name;
const conversations = conversationsSpec.name;
const mediaReferences = mediaReferencesSpec.name;
const partitions = processingSpec(historyModel).name;

/**
 * Conversations, messages, the media they name and what is in processing. One model, because only the messages show whether an event counts: a repeat of
 * a message answered long ago must not become pending again.
 */
export const historyProjection: Projection<ConversationEvent> = {
  model: historyModel,
  topic: 'conversations',
  collections: [messagesSpec, conversationsSpec, mediaReferencesSpec, processingSpec(historyModel)],
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
