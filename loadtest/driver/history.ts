import { setTimeout as sleep } from 'node:timers/promises';
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

/** The newest messages of a conversation, once history holds this sequence. Rejects with Refusal, also when it does not soon. */
export function newestPage(
  line: Line,
  conversationId: string,
  size: number,
  atLeastSequence = 0,
): Promise<ListMessagesResponse> {
  const newest = { conversationId, pageSize: size, newestFirst: true, atLeastSequence: BigInt(atLeastSequence) };
  return line.call(listMessages, requestOf(newest));
}

/** A page of a conversation, oldest first, once history holds this sequence. Rejects with Refusal when it does not in a minute. */
export function conversationPage(
  line: Line,
  conversationId: string,
  pageToken: string,
  sequence: number,
): Promise<ListMessagesResponse> {
  const request = requestOf({ conversationId, pageToken, atLeastSequence: BigInt(sequence) });
  return patiently(() => line.call(listMessages, request), patienceMs);
}

/** A conversation whose beginning history does not know yet is not found. */
const passing: ReadonlySet<string> = new Set(['HISTORY_BEHIND', 'NOT_FOUND', 'MEDIA_UNAVAILABLE', 'UNAVAILABLE']);

/** Reads again while history is behind, or away, for so long. Rejects with the last Refusal. */
export async function patiently<T>(read: () => Promise<T>, forMs: number): Promise<T> {
  const untilMs = performance.now() + forMs;
  for (;;) {
    try {
      return await read();
    } catch (error) {
      const mayPass = error instanceof Refusal && passing.has(error.label);
      if (!mayPass || performance.now() > untilMs) throw error;
      await sleep(retryDelayMs);
    }
  }
}
