import type { ReplyDelayed } from './gen/chat/v1/chat_service_pb.js';

/** Why a reply waits for another attempt, as the beginning of a sentence to its reader. */
export function whyDelayed({ reason }: Pick<ReplyDelayed, 'reason'>): string {
  switch (reason) {
    case 'PROVIDER_BUSY':
      return 'The model is busy';
    case 'PROVIDER_TIMEOUT':
      return 'The model does not answer';
    default:
      // Its server cannot be reached, or answers with an error; or the server that tells of it is of a release that does not say.
      return 'The model failed to answer';
  }
}
