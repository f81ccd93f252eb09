import { setTimeout as sleep } from 'node:timers/promises';
import type { ListMessagesResponse } from '../../src/client/gen/chat/v1/history_service_pb.js';
import type { Parley } from '../../src/client/parley.ts';
import { Refusal } from '../../src/client/refusal.ts';
import { labelOf } from './session.ts';

/** As many as the server gives at once. */
const pageSize = 200;
/** History follows the log; a projector that was killed has to catch up first. */
const catchUpMs = 60_000;
const retryDelayMs = 200;

export type History = Pick<Parley['history'], 'listMessages'>;

/** A page of a conversation, oldest first, once history holds this sequence. Rejects with Refusal when it does not in a minute. */
export function conversationPage(
  history: History,
  conversationId: string,
  pageToken: string,
  sequence: number,
): Promise<ListMessagesResponse> {
  const request = { conversationId, pageSize, pageToken, atLeastSequence: BigInt(sequence) };
  return untilReadable(() => history.listMessages(request), catchUpMs);
}

/** A conversation whose beginning history does not know yet is not found. */
const passing: ReadonlySet<string> = new Set(['HISTORY_BEHIND', 'NOT_FOUND', 'MEDIA_UNAVAILABLE', 'UNAVAILABLE']);

/** Reads again while history is behind, or away, for so long. Rejects with the last Refusal. */
export async function untilReadable<T>(read: () => Promise<T>, forMs: number): Promise<T> {
  const untilMs = performance.now() + forMs;
  for (;;) {
    try {
      return await read();
    } catch (error) {
      const mayPass = error instanceof Refusal && passing.has(labelOf(error));
      if (!mayPass || performance.now() > untilMs) throw error;
      await sleep(retryDelayMs);
    }
  }
}
