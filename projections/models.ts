import type { AdmissionEvent } from '../src/domain/admission/events.ts';
import type { ConversationEvent } from '../src/domain/conversation/events.ts';
import type { Document } from '../src/ports/read-model.ts';
import {
  type AdmissionDocument,
  activeConnectionsModel,
  admissionDocumentId,
  admissionSpec,
} from './active-connections/document.ts';
import { projectAdmission } from './active-connections/project.ts';
import {
  type ConversationDocument,
  conversationsSpec,
  historyModel,
  type MessageDocument,
  messagesSpec,
} from './history/document.ts';
import { projectConversation, projectMessage, projectReply } from './history/project.ts';
import { type PartitionDocument, processingSpec } from './processing/document.ts';
import { projectPartition } from './processing/project.ts';
import type { DocumentKey, Documents, Entry, Projection } from './projection.ts';

/** What the history fold knows of earlier events beside its documents: the partition's newest claims, the one in force last. */
interface Claims {
  readonly claims: readonly string[];
}

/** A claim met again changes nothing. Only an append whose outcome was unknown is repeated, and that soon. */
const maxClaimsKept = 8;

const messages = messagesSpec.name;
const conversations = conversationsSpec.name;
const partitions = processingSpec(historyModel).name;

/**
 * Conversations, messages and what is in processing. One model, because only the messages know whether an event counts: a repeat of
 * a message answered long ago must not stand among the pending again.
 */
export const historyProjection: Projection<ConversationEvent> = {
  model: historyModel,
  topic: 'conversations',
  collections: [messagesSpec, conversationsSpec, processingSpec(historyModel)],
  touches(event, partition) {
    const message = 'messageId' in event ? [{ collection: messages, id: event.messageId }] : [];
    const conversation = 'conversationId' in event ? [{ collection: conversations, id: event.conversationId }] : [];
    const keys: readonly DocumentKey[] = [
      ...message,
      ...conversation,
      { collection: partitions, id: String(partition) },
    ];
    return event.type === 'StopRequested' ? [] : keys;
  },
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
  const message =
    'messageId' in event
      ? documents.update<MessageDocument>(messages, event.messageId, at.offset, (before) =>
          projectMessage(before, event, at, claimId),
        )
      : null;
  if (event.type === 'ReplyCompleted') {
    const reply = projectReply(message, event, at);
    if (reply !== null) documents.create(messages, reply.messageId, at.offset, reply);
  }
  if ('conversationId' in event) {
    documents.update<ConversationDocument>(conversations, event.conversationId, at.offset, (before) =>
      projectConversation(before, event, at, message),
    );
  }
  const noted = { partition, timeMs: at.timeMs, claimId, isNew: message?.sequence === at.offset };
  documents.update<PartitionDocument>(partitions, String(partition), at.offset, (before) =>
    projectPartition(before, event, noted),
  );
}

/** Who is connected and who waits. */
export const activeConnectionsProjection: Projection<AdmissionEvent> = {
  model: activeConnectionsModel,
  topic: 'connections',
  collections: [admissionSpec],
  touches: () => [{ collection: admissionSpec.name, id: admissionDocumentId }],
  fold(state, entries, _partition, documents): Document | null {
    const last = entries.at(-1);
    if (last !== undefined) {
      documents.update<AdmissionDocument>(admissionSpec.name, admissionDocumentId, last.offset, (before) =>
        projectAdmission(before, entries),
      );
    }
    return state;
  },
};

/** All read models. */
export const projections: readonly Projection[] = [
  historyProjection as Projection,
  activeConnectionsProjection as Projection,
];
