import type { ConversationEvent } from '../../domain/conversation/events.ts';
import { KnownIds } from '../../domain/conversation/known-ids.ts';
import { initialPartition, type PartitionState } from '../../domain/conversation/partition-state.ts';
import type { Journal } from '../journal.ts';

/** Records read at once. */
const batchRecords = 1_000;

/** What is known where a fold begins. */
export interface Past {
  /** From this offset on every message, every beginning of a conversation and every deletion is known. */
  readonly knownFrom: number;
  readonly state: PartitionState;
  /** Conversations that began since, and where. */
  readonly conversations: KnownIds;
}

/**
 * Reads this many records before a committed offset. All messages there are final: they are known as repeats, and none is pending. Conversations that
 * started there need no lookup in history, and are served while it is unavailable. Rejects with LogUnavailable or LogDamaged.
 */
export async function lookBack(
  journal: Journal,
  partition: number,
  committed: number,
  maxRecords: number,
  onEvent: (event: ConversationEvent, offset: number) => void = () => {},
): Promise<Past> {
  const knownFrom = Math.max(0, committed - maxRecords);
  let { known, deleted } = initialPartition;
  let conversations = KnownIds.none;
  for (let next = knownFrom; next < committed; ) {
    const count = Math.min(batchRecords, committed - next);
    const entries = await journal.read<ConversationEvent>(journal.topics.conversations, partition, next, count);
    for (const { offset, decoded } of entries) {
      if (decoded.kind !== 'event') continue;
      const { event } = decoded;
      if (event.type === 'MessageReceived' && !known.has(event.messageId)) known = known.add(event.messageId, offset);
      if (event.type === 'ConversationStarted' && !conversations.has(event.conversationId))
        conversations = conversations.add(event.conversationId, offset);
      if (event.type === 'ConversationDeleted' && !deleted.has(event.conversationId))
        deleted = deleted.add(event.conversationId, offset);
      onEvent(event, offset);
    }
    const last = entries.at(-1);
    // The log has become shorter since it was asked for its end: the fold finds out.
    if (last === undefined) break;
    next = last.offset + 1;
  }
  return { knownFrom, state: { ...initialPartition, known, deleted }, conversations };
}
