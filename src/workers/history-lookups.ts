import type { FollowedRecord } from '../app/following/recent-records.ts';
import type { Refolds } from '../app/following/refold.ts';
import { mediaOf, type Part, textOf } from '../domain/conversation/events.ts';
import type { PendingMessage } from '../domain/conversation/pending-messages.ts';
import type { ConversationStatus, HistoryMessage, HistoryProgress } from '../ports/history.ts';
import type { Utterance } from '../ports/provider.ts';
import { ReadModelUnavailable } from '../ports/read-model.ts';
import type { Lookups, MessagePast } from './deps.ts';
import { maxContextMessages } from './limits.ts';

/** What of the history read model is asked. */
export interface HistorySource {
  getMessage(messageId: string): Promise<HistoryMessage | null>;
  conversationStatus(conversationId: string): Promise<ConversationStatus>;
  /** At most `maxMessages` messages before this sequence, newest first. */
  contextBefore(conversationId: string, sequence: number, maxMessages: number): Promise<readonly HistoryMessage[]>;
}

export interface HistoryLookupsDeps {
  readonly history: HistorySource;
  readonly progress: HistoryProgress;
  readonly refolds: Pick<Refolds, 'past' | 'historyWaitMs'>;
}

/**
 * Lookups in the history read model, once it has reached the required offset; where it is unavailable or behind, the log is folded. What the fold
 * remembers needs neither. Reject with ReadModelUnavailable or LogUnavailable.
 */
export function historyLookups({ history, progress, refolds }: HistoryLookupsDeps): Lookups {
  async function whole<T>(partition: number, offset: number, ask: () => Promise<T>): Promise<T | undefined> {
    try {
      const waitMs = refolds.historyWaitMs(partition);
      return (await progress.whole(new Map([[partition, offset]]), waitMs, ask))?.answer;
    } catch (error) {
      if (!(error instanceof ReadModelUnavailable)) throw error;
      return undefined;
    }
  }
  async function pastInHistory(messageId: string, conversationId: string, offset: number): Promise<MessagePast> {
    const message = await history.getMessage(messageId);
    if (message !== null) return message.sequence < offset ? 'repeat' : 'none';
    const status = await history.conversationStatus(conversationId);
    if (status === 'deleted') return 'deleted';
    // The caller has not seen the conversation start, so it started before the offset: a history without it is incomplete.
    if (status === 'unknown') throw new ReadModelUnavailable(`history does not hold conversation ${conversationId}`);
    return 'none';
  }
  return {
    async past(partition, { messageId, conversationId }, offset) {
      const past = await whole(partition, offset, () => pastInHistory(messageId, conversationId, offset));
      if (past !== undefined) return past;
      const { said, isDeleted } = await refolds.past(partition, conversationId, offset);
      if ((said.get(messageId)?.offset ?? offset) < offset) return 'repeat';
      return isDeleted ? 'deleted' : 'none';
    },
    async loadHistory(partition, message, foldedTo, remembered) {
      if (remembered !== undefined) return saidBefore(message, newestFirst(remembered, foldedTo));
      const { conversationId } = message;
      const ask = () => history.contextBefore(conversationId, foldedTo, maxContextMessages);
      const known = await whole(partition, foldedTo, ask);
      if (known !== undefined) return saidBefore(message, known);
      const { records } = await refolds.past(partition, conversationId, foldedTo);
      return saidBefore(message, newestFirst(records, foldedTo));
    },
  };
}

/** A message or a reply, whoever remembers it. */
type Said = Pick<HistoryMessage, 'messageId' | 'sequence' | 'role' | 'parts' | 'replyToMessageId'>;

function newestFirst(records: readonly FollowedRecord[], before: number): readonly Said[] {
  return records
    .filter(({ offset }) => offset < before)
    .flatMap(({ event, offset: sequence }): Said[] => {
      if (event.type === 'MessageReceived') {
        const { messageId, parts } = event;
        return [{ messageId, sequence, role: 'user', parts, replyToMessageId: '' }];
      }
      if (event.type !== 'ReplyCompleted') return [];
      const { replyMessageId: messageId, parts, messageId: replyToMessageId } = event;
      return [{ messageId, sequence, role: 'assistant', parts, replyToMessageId }];
    })
    .slice(-maxContextMessages)
    .reverse();
}

/**
 * The messages before this one, each followed by its reply. The log may have a reply after messages that were sent without waiting
 * for it; the model is to see it where it belongs.
 */
function saidBefore(message: PendingMessage, newestFirst: readonly Said[]): readonly Utterance[] {
  const replies = new Map(newestFirst.map((said) => [said.replyToMessageId, said]));
  return newestFirst
    .filter((said) => said.role === 'user' && said.sequence < message.sequence)
    .reverse()
    .flatMap((said) => {
      const reply = replies.get(said.messageId);
      const question = utterance('user', said.parts);
      return reply === undefined ? [question] : [question, utterance('assistant', reply.parts)];
    });
}

function utterance(role: Utterance['role'], parts: readonly Part[]): Utterance {
  const media = mediaOf(parts).map(({ kind }) => kind);
  return media.length === 0 ? { role, text: textOf(parts) } : { role, text: textOf(parts), media };
}
