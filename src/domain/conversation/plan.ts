import { type PartitionState, pendingMessage } from './partition-state.ts';
import type { PendingMessage } from './pending-messages.ts';

/** The limits of processing that a claim does not carry. */
export interface PlanSettings {
  /** Messages of one conversation in processing at once; 0: no limit. */
  readonly maxPerConversation: number;
  /** A message that lost this many workers is given up: those that gave their claim up in order are not lost. */
  readonly maxLostWorkers: number;
}

/** What to do about one message now. */
export type Decision =
  | { readonly type: 'start'; readonly message: PendingMessage; readonly attempt: number }
  | {
      readonly type: 'fail';
      readonly message: PendingMessage;
      readonly reason: 'POISON' | 'STOPPED';
      readonly detail: string;
    };

/** Ids of messages that the deciding worker has taken up and has not yet read the final event of: a Set or a Map of them. */
export interface InFlight {
  readonly size: number;
  has(messageId: string): boolean;
  keys(): Iterable<string>;
}

/** The messages of one client that may start, in log order. */
interface Line {
  readonly lastTurn: number;
  readonly messages: PendingMessage[];
}

/**
 * Next steps of the worker with the current claim: first messages to give up, then messages to start, in order. Messages of one conversation go in log
 * order, clients round-robin, the least recently served first; and never more than `maxProcessing` are in processing or in flight.
 */
export function plan(state: PartitionState, settings: PlanSettings, inFlight: InFlight): readonly Decision[] {
  if (state.pending.size === state.processing) return [];
  const decisions: Decision[] = [];
  const lines = new Map<string, Line>();
  const aheadInConversation = new Map<string, number>();
  state.pending.forEach((message) => {
    const ahead = aheadInConversation.get(message.conversationId) ?? 0;
    aheadInConversation.set(message.conversationId, ahead + 1);
    if (message.processing || inFlight.has(message.messageId)) return;
    const failure = givenUp(message, settings.maxLostWorkers);
    if (failure !== undefined) decisions.push(failure);
    else if (settings.maxPerConversation === 0 || ahead < settings.maxPerConversation) enqueue(state, lines, message);
  });
  const { occupied, clients } = notReadBack(state, inFlight);
  for (const message of turnByTurn(lines, clients, state.maxProcessing - state.processing - occupied)) {
    decisions.push({ type: 'start', message, attempt: message.attempt + 1 });
  }
  return decisions;
}

function givenUp(message: PendingMessage, maxLostWorkers: number): Decision | undefined {
  if (message.stopRequested) {
    return { type: 'fail', message, reason: 'STOPPED', detail: 'Stopped before there was an answer.' };
  }
  if (message.lostClaims.length >= maxLostWorkers) {
    return {
      type: 'fail',
      message,
      reason: 'POISON',
      detail: `${message.lostClaims.length} workers were lost answering it.`,
    };
  }
  return undefined;
}

function enqueue(state: PartitionState, lines: Map<string, Line>, message: PendingMessage): void {
  const line = lines.get(message.clientId);
  if (line !== undefined) line.messages.push(message);
  else lines.set(message.clientId, { lastTurn: state.turns.get(message.clientId)?.lastTurn ?? 0, messages: [message] });
}

/** What was taken up and is not yet in the fold: it occupies places, and its clients have just had their turn. */
function notReadBack(state: PartitionState, inFlight: InFlight) {
  const clients = new Set<string>();
  let occupied = 0;
  for (const messageId of inFlight.keys()) {
    const message = pendingMessage(state, messageId);
    if (message?.processing) continue;
    occupied += 1;
    if (message !== undefined) clients.add(message.clientId);
  }
  return { occupied, clients };
}

/** Up to `places` messages: one of each client, then another of each, …, the client first that waits longest for its turn. */
function turnByTurn(
  lines: ReadonlyMap<string, Line>,
  justServed: ReadonlySet<string>,
  places: number,
): readonly PendingMessage[] {
  const round = [...lines]
    .map(([clientId, line]) => ({ line, served: justServed.has(clientId) ? 1 : 0 }))
    .sort((a, b) => a.served - b.served || a.line.lastTurn - b.line.lastTurn);
  const taken: PendingMessage[] = [];
  for (let turn = 0; taken.length < places; turn += 1) {
    const before = taken.length;
    for (const { line } of round) {
      const message = line.messages[turn];
      if (message !== undefined && taken.length < places) taken.push(message);
    }
    if (taken.length === before) break;
  }
  return taken;
}
