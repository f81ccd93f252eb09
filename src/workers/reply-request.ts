import { mediaOf, textOf } from '../domain/conversation/events.ts';
import type { PendingMessage } from '../domain/conversation/pending-messages.ts';
import { replyKindOf } from '../domain/media/formats.ts';
import type { MessageToAnswer, ProviderRequest, Utterance } from '../ports/provider.ts';
import type { Attempt } from './attempt.ts';
import type { MediaReads } from './media-reads.ts';

/** What of a message says how much a reply may use. */
export function contentOf({ parts, instructions }: Pick<PendingMessage, 'parts' | 'instructions'>): MessageToAnswer {
  return { text: textOf(parts), media: mediaOf(parts), replyKind: replyKindOf(parts), instructions };
}

/** The provider's request for a message. Its media are read when, and as often as, the provider needs their bytes. */
export function replyRequest(
  { messageId, conversationId, clientId, parts, timeZone, instructions, receivedAtMs }: PendingMessage,
  { number: attempt, beginning }: Pick<Attempt, 'number' | 'beginning'>,
  history: readonly Utterance[],
  reads: MediaReads,
): ProviderRequest {
  return {
    messageId,
    conversationId,
    clientId,
    text: textOf(parts),
    media: mediaOf(parts).map(({ kind, contentType, sizeBytes, mediaId }) => ({
      kind,
      contentType,
      sizeBytes,
      bytes: () => reads.read(mediaId),
    })),
    replyKind: replyKindOf(parts),
    timeZone,
    instructions,
    timeMs: receivedAtMs,
    attempt,
    begun: beginning.text,
    history,
  };
}
