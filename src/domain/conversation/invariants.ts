import { type AttemptUsage, type ConversationEvent, textOf } from './events.ts';
import { newlyTold, type PartitionState, pendingMessage } from './partition-state.ts';

/**
 * What must hold after every record, in constant time; a sentence on the breach, or null. Holds of a fold from the first record.
 * The limit per conversation is a setting of the worker that no event records, so it cannot be proved from the log.
 */
export function checkPartition(state: PartitionState): string | null {
  if (state.claimId !== '' && state.processing > state.maxProcessing) {
    return `${state.processing} messages in processing, ${state.maxProcessing} allowed by claim ${state.claimId}`;
  }
  if (state.processing < 0 || state.processing > state.pending.size) {
    return `${state.processing} messages counted in processing, ${state.pending.size} pending`;
  }
  return null;
}

/**
 * Whether an event that counts continues the logged draft, where it claims to; a sentence on the breach, or null. `before`: the state before it. Not
 * checked after content was erased.
 */
export function checkDraft(before: PartitionState, event: ConversationEvent): string | null {
  if (event.type !== 'ReplyStarted' && event.type !== 'ReplyCompleted') return null;
  const message = pendingMessage(before, event.messageId);
  if (message === undefined || message.parts.length === 0) return null;
  const { draft, attempt } = message;
  if (event.type === 'ReplyStarted')
    return event.continuedBytes <= draft.bytes
      ? null
      : `attempt ${event.attempt} at ${event.messageId} goes on from ${event.continuedBytes} bytes, of which the log has ${draft.bytes}`;
  if (event.attempt !== attempt || event.parts.length === 0 || textOf(event.parts).startsWith(draft.text)) return null;
  return `the reply to ${event.messageId} does not begin with what the log has of its draft`;
}

/**
 * Whether an event that counts says what the attempt used that ended before it; a sentence on the breach, or null. Of releases that do not say so a start
 * names no call. `before`: the state before it.
 */
export function checkUsage(before: PartitionState, event: ConversationEvent): string | null {
  if (event.type !== 'ReplyStarted' && event.type !== 'ReplyCompleted' && event.type !== 'ReplyFailed') return null;
  const message = pendingMessage(before, event.messageId);
  if (message === undefined) return null;
  const told = newlyTold(message, event).map(({ attempt }) => attempt);
  if (told.some((attempt, index) => index > 0 && attempt <= (told[index - 1] ?? 0)))
    return `what attempts at ${event.messageId} used is told out of order: ${told.join(', ')}`;
  const isKnown = message.call !== undefined && message.attempt > message.toldAttempt;
  const knows = event.type === 'ReplyStarted' ? event.call !== undefined : event.claimId === message.claimId;
  return isKnown && knows && !told.includes(message.attempt)
    ? `nothing says what attempt ${message.attempt} at ${event.messageId} used`
    : null;
}

/** Whose message an event that counts is about, and what it is the first to tell of attempts at it. */
export interface ToldUsage {
  readonly messageId: string;
  readonly clientId: string;
  readonly usages: readonly AttemptUsage[];
}

/** What the event tells of attempts, if it counts; undefined: nothing. `before` and `after`: the states on either side of it. */
export function toldUsage(
  before: PartitionState,
  event: ConversationEvent,
  after: PartitionState,
): ToldUsage | undefined {
  if (before === after) return undefined;
  if (event.type !== 'ReplyStarted' && event.type !== 'ReplyCompleted' && event.type !== 'ReplyFailed')
    return undefined;
  const message = pendingMessage(before, event.messageId);
  return message && { messageId: message.messageId, clientId: message.clientId, usages: newlyTold(message, event) };
}

/** Whether the state's counters are what its messages say; reads them all. A sentence on the difference, or null. */
export function checkCounters(state: PartitionState): string | null {
  let processing = 0;
  let sequence = -1;
  const perClient = new Map<string, number>();
  for (const message of state.pending) {
    if (message.sequence <= sequence) return `message ${message.messageId} is out of order`;
    if (state.known.offsetOf(message.messageId) !== message.sequence)
      return `message ${message.messageId} is not known`;
    sequence = message.sequence;
    processing += message.processing ? 1 : 0;
    perClient.set(message.clientId, (perClient.get(message.clientId) ?? 0) + 1);
  }
  if (processing !== state.processing) return `${processing} in processing, ${state.processing} counted`;
  if (perClient.size !== state.turns.size) return `${perClient.size} clients wait, ${state.turns.size} counted`;
  for (const [clientId, pending] of perClient) {
    const counted = state.turns.get(clientId)?.pending;
    if (counted !== pending) return `client ${clientId} has ${pending} pending, ${counted} counted`;
  }
  return null;
}
