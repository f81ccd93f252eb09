import type {
  ConversationEvent,
  ReplyCompleted,
  ReplyFailed,
  ReplyStarted,
} from '../../src/domain/conversation/events.ts';
import type { PartitionDocument } from './document.ts';

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
      // Messages of the former worker start again.
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
