import type { Entry } from '../../client/app.ts';

/** What is under way is among the newest: a client has at most so many unanswered messages in one conversation, and the replies to them. */
const lookedAt = 40;

/** The id of the oldest user message whose reply can still be stopped; undefined when there is none. Subscribes to what it reads. */
export function stoppable(entries: readonly Entry[]): string | undefined {
  for (const { message } of entries.slice(-lookedAt)) {
    const { status, messageId, replyToMessageId } = message.value;
    if (status === 'growing' && replyToMessageId !== undefined) return replyToMessageId;
    if (status === 'queued' || status === 'processing') return messageId;
  }
  return undefined;
}
