import type { ConversationEvent, Part } from '../../../domain/conversation/events.ts';
import { mediaOf } from '../../../domain/conversation/events.ts';
import { Refused } from '../../../domain/errors/catalogue.ts';
import type { AwaitingErasure, DeletedConversation, MediaReferences } from '../../../ports/history.ts';
import type { Journal, JournalEntry } from '../../journal.ts';

const allRecords = 1_000_000;

interface Folded {
  readonly conversation: DeletedConversation;
  readonly state: 'living' | 'deleted' | 'erased';
  readonly messages: readonly (readonly Part[])[];
}

/** What a history that is up to date answers an eraser: folded from the log, anew for each question. */
export class FoldedHistory implements AwaitingErasure, MediaReferences {
  /** Whether it lacks what the log holds. */
  isBehind = false;
  /** Called before each answer about media. */
  beforeReferences: () => Promise<void> = async () => undefined;
  readonly #journal: Journal;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  async awaitingErasure(limit: number): Promise<readonly DeletedConversation[]> {
    const deleted = [...(await this.#fold()).values()].filter(({ state }) => state === 'deleted');
    return deleted
      .map(({ conversation }) => conversation)
      .toSorted((one, other) => one.updateTimeMs - other.updateTimeMs)
      .slice(0, limit);
  }

  async references(mediaIds: readonly string[]): Promise<ReadonlyMap<string, number>> {
    await this.beforeReferences();
    const counts = new Map<string, number>();
    for (const { state, messages } of (await this.#fold()).values()) {
      if (state !== 'living') continue;
      for (const { mediaId } of messages.flatMap(mediaOf)) {
        if (mediaIds.includes(mediaId)) counts.set(mediaId, (counts.get(mediaId) ?? 0) + 1);
      }
    }
    return counts;
  }

  async allWhole<T>(ask: () => Promise<T>): Promise<T> {
    if (this.isBehind) throw new Refused('HISTORY_BEHIND');
    return ask();
  }

  async #fold(): Promise<Map<string, Folded>> {
    const { log, topics } = this.#journal;
    const conversations = new Map<string, Folded>();
    for (let partition = 0; partition < log.partitions(topics.conversations); partition += 1) {
      for (const entry of await this.#journal.read<ConversationEvent>(topics.conversations, partition, 0, allRecords)) {
        foldEntry(conversations, entry);
      }
    }
    return conversations;
  }
}

function foldEntry(conversations: Map<string, Folded>, entry: JournalEntry<ConversationEvent>): void {
  const { decoded, timeMs } = entry;
  if (decoded.kind !== 'event' || !('conversationId' in decoded.event)) return;
  const { event } = decoded;
  const { conversationId } = decoded.event;
  const before = conversations.get(conversationId) ?? begun(conversationId, entry);
  const sent = event.type === 'MessageReceived' && before.state === 'living' ? 1 : 0;
  conversations.set(conversationId, {
    conversation: {
      ...before.conversation,
      updateTimeMs: timeMs,
      sentMessages: before.conversation.sentMessages + sent,
    },
    state:
      event.type === 'ConversationDeleted' ? 'deleted' : event.type === 'ConversationErased' ? 'erased' : before.state,
    messages: 'parts' in event ? [...before.messages, event.parts] : before.messages,
  });
}

function begun(conversationId: string, { offset, timeMs }: JournalEntry): Folded {
  const conversation = { conversationId, updateTimeMs: timeMs, firstSequence: offset, sentMessages: 0 };
  return { conversation, state: 'living', messages: [] };
}
