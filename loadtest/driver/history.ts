import {
  HistoryServiceService,
  type ListMessagesRequest,
  type ListMessagesResponse,
} from '../../src/gen/chat/v1/history_service.ts';
import type { Line } from './line.ts';
import { Refusal } from './refusal.ts';

/** As many as the server gives at once. */
const pageSize = 200;
/** History follows the log; a projector that was killed has to catch up first. */
const patienceMs = 60_000;
const retryDelayMs = 200;

const { listMessages } = HistoryServiceService;

function requestOf(request: Partial<ListMessagesRequest> & { conversationId: string }): ListMessagesRequest {
  return { pageSize, pageToken: '', newestFirst: false, atLeastSequence: 0n, ...request };
}

/** The newest messages of a conversation. Rejects with Refusal. */
export async function newestPage(line: Line, conversationId: string, size: number): Promise<void> {
  await line.call(listMessages, requestOf({ conversationId, pageSize: size, newestFirst: true }));
}

/** A page of a conversation, oldest first, once history holds this sequence. Rejects with Refusal when it does not in a minute. */
export function conversationPage(
  line: Line,
  conversationId: string,
  pageToken: string,
  sequence: number,
): Promise<ListMessagesResponse> {
  const request = requestOf({ conversationId, pageToken, atLeastSequence: BigInt(sequence) });
  return patiently(() => line.call(listMessages, request));
}

/** A conversation whose beginning history does not know yet is not found. */
const passing: ReadonlySet<string> = new Set(['HISTORY_BEHIND', 'NOT_FOUND', 'MEDIA_UNAVAILABLE', 'UNAVAILABLE']);

async function patiently<T>(read: () => Promise<T>): Promise<T> {
  const untilMs = performance.now() + patienceMs;
  for (;;) {
    try {
      return await read();
    } catch (error) {
      const mayPass = error instanceof Refusal && passing.has(error.label);
      if (!mayPass || performance.now() > untilMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, retryDelayMs));
    }
  }
}
