import type { PartitionState } from '../../domain/conversation/partition-state.ts';
import { counted, enumerated, timeInWords } from './story-words.ts';

/** What keeps a message that no worker has begun from being begun. */
type Cause = 'conversation' | 'places' | 'worker';

/** What is pending before a message. */
export interface Ahead {
  readonly inConversation: number;
  readonly ofClient: number;
}

/** The unanswered messages before this place: of the conversation, and of the client in other conversations. */
export function aheadOf(
  state: PartitionState,
  message: { readonly conversationId: string; readonly clientId: string; readonly sequence: number },
): Ahead {
  let inConversation = 0;
  let ofClient = 0;
  for (const { sequence, conversationId, clientId } of state.pending) {
    if (sequence >= message.sequence) break;
    if (conversationId === message.conversationId) inConversation += 1;
    else if (clientId === message.clientId) ofClient += 1;
  }
  return { inConversation, ofClient };
}

/** How long a message waited, and behind what: the time between records belongs to what stood in its way at the first of the two. */
export class Waiting {
  readonly #causeIn: (state: PartitionState) => Cause;
  readonly #ms: Record<Cause, number> = { conversation: 0, places: 0, worker: 0 };
  #sinceMs: number;

  /** `maxPerConversation`: messages of one conversation in processing at once; 0: no limit. */
  constructor(
    message: { readonly conversationId: string; readonly clientId: string; readonly sequence: number },
    maxPerConversation: number,
    sinceMs: number,
  ) {
    this.#sinceMs = sinceMs;
    this.#causeIn = (state) => {
      if (maxPerConversation > 0 && aheadOf(state, message).inConversation >= maxPerConversation) return 'conversation';
      return state.maxProcessing > 0 && state.processing >= state.maxProcessing ? 'places' : 'worker';
    };
  }

  /** It waited in this state until then. */
  until(state: PartitionState, timeMs: number): void {
    // Record times may step back: then the next is compared with this one.
    const ms = Math.max(0, timeMs - this.#sinceMs);
    this.#sinceMs = timeMs;
    this.#ms[this.#causeIn(state)] += ms;
  }

  /** `3.2 s: 2.9 s behind earlier messages of its conversation and 300 ms for its worker`. */
  inWords(): string {
    const { conversation, places, worker } = this.#ms;
    const causes = [
      [conversation, 'behind earlier messages of its conversation'],
      [places, 'for a free place in its partition'],
      [worker, 'for a worker to take it up'],
    ] as const;
    const told = causes.filter(([ms]) => ms > 0).map(([ms, what]) => `${timeInWords(ms)} ${what}`);
    if (told.length < 2) return told[0] ?? 'no time';
    return `${timeInWords(conversation + places + worker)}: ${enumerated(told)}`;
  }
}

/** `Ahead of it: 2 messages of its conversation; 5 of 50 places of the partition are taken.` */
export function lineInWords(state: PartitionState, ahead: Ahead): string {
  const { inConversation, ofClient } = ahead;
  const before = [
    ...(inConversation > 0 ? [`${counted(inConversation, 'unanswered message')} of its conversation`] : []),
    ...(ofClient > 0 ? [`${counted(ofClient, 'unanswered message')} of its client in other conversations`] : []),
  ];
  const places =
    state.claimId === ''
      ? 'which worker had the partition, if any did, is not known'
      : `${state.processing} of ${counted(state.maxProcessing, 'place')} of the partition taken`;
  return `ahead of it ${before.length === 0 ? 'nothing' : enumerated(before)}; ${places}`;
}
