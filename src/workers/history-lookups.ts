import { mediaOf, type Part, textOf } from '../domain/conversation/events.ts';
import type { PendingMessage } from '../domain/conversation/pending-messages.ts';
import { historyWaitMs } from '../domain/limits.ts';
import type { ConversationStatus, HistoryMessage, HistoryProgress } from '../ports/history.ts';
import type { Utterance } from '../ports/provider.ts';
import { ReadModelUnavailable } from '../ports/read-model.ts';
import type { Lookups } from './deps.ts';
import { maxContextMessages } from './limits.ts';

/** What of the history read model is asked. */
export interface HistorySource {
  getMessage(messageId: string): Promise<HistoryMessage | null>;
  conversationStatus(conversationId: string): Promise<ConversationStatus>;
  /** At most `maxMessages` messages before this sequence, newest first. */
  contextBefore(conversationId: string, sequence: number, maxMessages: number): Promise<readonly HistoryMessage[]>;
}

/** Lookups in the history read model; each waits until it has come as far as the question needs. Reject with ReadModelUnavailable. */
export function historyLookups(history: HistorySource, progress: HistoryProgress): Lookups {
  async function whole<T>(partition: number, offset: number, ask: () => Promise<T>): Promise<T> {
    const found = await progress.whole(new Map([[partition, offset]]), historyWaitMs, ask);
    if (found === null) throw new ReadModelUnavailable(`history of partition ${partition} has not come to ${offset}`);
    return found.answer;
  }
  return {
    past: (partition, { messageId, conversationId }, offset) =>
      whole(partition, offset, async () => {
        const message = await history.getMessage(messageId);
        if (message !== null) return message.sequence < offset ? 'repeat' : 'none';
        const status = await history.conversationStatus(conversationId);
        if (status === 'deleted') return 'deleted';
        // Whoever asks has not seen the conversation begin, so it began before the offset: a history without it lacks what it should hold.
        if (status === 'unknown')
          throw new ReadModelUnavailable(`history does not hold conversation ${conversationId}`);
        return 'none';
      }),
    async loadHistory(partition, message, foldedTo) {
      const { conversationId } = message;
      const ask = () => history.contextBefore(conversationId, foldedTo, maxContextMessages);
      return saidBefore(message, await whole(partition, foldedTo, ask));
    },
  };
}

/**
 * The messages before this one, each followed by its reply. The log may have a reply after messages that were sent without waiting
 * for it; the model is to see it where it belongs.
 */
function saidBefore(message: PendingMessage, newestFirst: readonly HistoryMessage[]): readonly Utterance[] {
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
