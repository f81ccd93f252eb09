import type { ConversationEvent } from '../../domain/conversation/events.ts';
import { mediaOf } from '../../domain/conversation/events.ts';
import type { Erasure, LogRecord } from '../../ports/event-log.ts';
import type { DeletedConversation } from '../../ports/history.ts';
import type { Journal } from '../journal.ts';

/** What the log holds of one conversation that is to go. */
export interface FoundWords {
  /** Remaining bytes of the records with content, by offset. */
  readonly erasures: Erasure[];
  /** The media that those records name. */
  readonly mediaIds: Set<string>;
  /** Records that an erasure which was interrupted has left without words. */
  erasedBefore: number;
  /** Records of a type that this release does not know, and so cannot check for content. */
  unknown: number;
  /** The record that began it was met. */
  hasBeginning: boolean;
}

/** A conversation to look for. */
export type SoughtConversation = Pick<DeletedConversation, 'conversationId' | 'firstSequence'>;

/**
 * Finds the content of conversations in a partition, in one pass: from the start of the oldest of them to the current end, which it returns. By offsets,
 * because record times may step back. Undefined when the signal aborts first. Rejects with LogDamaged or LogUnavailable.
 */
export async function findWords(
  journal: Journal,
  partition: number,
  conversations: readonly SoughtConversation[],
  signal: AbortSignal,
): Promise<{ readonly found: ReadonlyMap<string, FoundWords>; readonly end: number } | undefined> {
  const { log, topics } = journal;
  const found = new Map(conversations.map(({ conversationId }) => [conversationId, nothingFound()]));
  const beginnings = new Map(conversations.map(({ conversationId, firstSequence }) => [firstSequence, conversationId]));
  const end = await log.endOffset(topics.conversations, partition);
  const start = Math.min(...beginnings.keys());
  if (start >= end) return { found, end };
  // A tail reads as much at once as leaves the event loop its turns, whatever the records' size.
  for await (const batch of log.tail(topics.conversations, partition, start, signal)) {
    for (const record of batch) {
      const words = found.get(record.key);
      if (words === undefined) continue;
      note(journal, record, words);
      if (beginnings.get(record.offset) === record.key) words.hasBeginning = true;
    }
    if ((batch.at(-1)?.offset ?? -1) >= end - 1) return { found, end };
  }
  return undefined;
}

function nothingFound(): FoundWords {
  return { erasures: [], mediaIds: new Set(), erasedBefore: 0, unknown: 0, hasBeginning: false };
}

function note(journal: Journal, record: LogRecord, found: FoundWords): void {
  const decoded = journal.decode<ConversationEvent>(record);
  const remains = journal.redact(record);
  if (remains !== undefined) {
    // A copy: a view would keep the words in memory until all of them are found.
    found.erasures.push({ offset: record.offset, value: remains.slice() });
    if (decoded.kind === 'event') for (const { mediaId } of mediaNamed(decoded.event)) found.mediaIds.add(mediaId);
  } else if (decoded.kind !== 'event') found.unknown += 1;
  else if (isErased(decoded.event)) found.erasedBefore += 1;
}

function mediaNamed(event: ConversationEvent) {
  return 'parts' in event ? mediaOf(event.parts) : [];
}

/** Such events are never written without words, but for a reply that was stopped before its first. */
function isErased(event: ConversationEvent): boolean {
  if (event.type === 'MessageReceived') return event.parts.length === 0;
  if (event.type === 'ReplyCompleted') return event.parts.length === 0 && event.outcome === 'completed';
  if (event.type === 'ReplyProgress') return event.text === '';
  return event.type === 'ConversationRenamed' && event.title === '';
}
