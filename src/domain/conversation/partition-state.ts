import { PersistentMap } from '../persistent-map.ts';
import { noSpend, plusSpend, spendOf } from '../spending/prices.ts';
import type {
  AttemptUsage,
  ConversationDeleted,
  ConversationEvent,
  MessageReceived,
  ReplyCompleted,
  ReplyFailed,
  ReplyProgress,
  ReplyStarted,
  StopRequested,
  WorkerClaimed,
  WorkerReleased,
} from './events.ts';
import { KnownIds } from './known-ids.ts';
import { type Draft, noDraft, type PendingMessage, PendingMessages } from './pending-messages.ts';
import { utf8Beginning, utf8Length, utf8Slice } from './utf8.ts';

/** A client's place in the round of those that have pending messages. */
export interface ClientTurn {
  /** How many of its messages are pending. */
  readonly pending: number;
  /** The offset at which it last had its turn or, before its first, began to wait. */
  readonly lastTurn: number;
}

/**
 * Who is being answered in one partition: a fold over its records.
 *
 * A fold may begin at any committed position, because everything before it is final. Until it meets a claim, the claim
 * in force is one it has not seen, and `claimId` is ''. Replies under any claim count then: a worker that was
 * superseded before this position cannot have read, and so cannot have answered, a message after it. For the same reason
 * a claim must never be appended twice: whoever has to try again takes a new id, because such a fold could not tell the repeat.
 */
export interface PartitionState {
  readonly claimId: string;
  readonly workerId: string;
  /** Messages in processing at once, as the claim says. */
  readonly maxProcessing: number;
  readonly pending: PendingMessages;
  /** How many pending messages are in processing. */
  readonly processing: number;
  readonly turns: PersistentMap<ClientTurn>;
  /** Message ids; their offsets lead to `pending`. */
  readonly known: KnownIds;
  readonly claims: KnownIds;
  /** Conversations that are to get no more replies. */
  readonly deleted: KnownIds;
}

/** Where a record stands, and its time by the log. */
export interface RecordPlace {
  readonly offset: number;
  readonly timeMs: number;
}

/** Before the first record. */
export const initialPartition: PartitionState = {
  claimId: '',
  workerId: '',
  maxProcessing: 0,
  pending: PendingMessages.none,
  processing: 0,
  turns: PersistentMap.of(),
  known: KnownIds.none,
  claims: KnownIds.none,
  deleted: KnownIds.none,
};

/**
 * The state after one more record; offsets must grow. The very same object when the event does not count: a repeat, an event under a
 * claim that is not the current one, one about a message that is not pending, or one of no concern here.
 */
export function evolve(state: PartitionState, event: ConversationEvent, at: RecordPlace): PartitionState {
  switch (event.type) {
    case 'MessageReceived':
      return state.known.has(event.messageId) ? state : received(state, event, at);
    case 'WorkerClaimed':
      return state.claims.has(event.claimId) ? state : claimed(state, event, at);
    case 'WorkerReleased':
      return released(state, event);
    case 'ReplyStarted':
      return started(state, event, at);
    case 'ReplyProgress':
      return progressed(state, event);
    case 'ReplyCompleted':
    case 'ReplyFailed':
      return finished(state, event);
    case 'StopRequested':
      return stopRequested(state, event);
    case 'ConversationDeleted':
      return state.deleted.has(event.conversationId) ? state : deleted(state, event, at);
    default:
      return state;
  }
}

/** What the event tells of attempts that no event told of before. */
export function newlyTold(
  { toldAttempt }: PendingMessage,
  { ended = [] }: ReplyStarted | ReplyCompleted | ReplyFailed,
): readonly AttemptUsage[] {
  return ended.filter(({ attempt }) => attempt > toldAttempt);
}

/** A message that has no final event yet. */
export function pendingMessage(state: PartitionState, messageId: string): PendingMessage | undefined {
  const sequence = state.known.offsetOf(messageId);
  return sequence === undefined ? undefined : state.pending.get(sequence);
}

/** Where a refold must begin to know every pending message; undefined when there is none. */
export function oldestPendingOffset(state: PartitionState): number | undefined {
  return state.pending.first()?.sequence;
}

/** Without a message that proved to be a repeat from before the fold's start, or its window: a fold of the whole log never counted it as pending. */
export function forgetRepeat(state: PartitionState, messageId: string): PartitionState {
  const message = pendingMessage(state, messageId);
  return message === undefined ? state : without(state, message);
}

/** Bounds memory to the newest ids, `minIds` and up to half as many more; repeats of messages dropped so look new. */
export function trimKnown(state: PartitionState, minIds: number): PartitionState {
  const known = state.known.trim(minIds, oldestPendingOffset(state) ?? Number.POSITIVE_INFINITY);
  return known === state.known ? state : { ...state, known };
}

function received(state: PartitionState, event: MessageReceived, at: RecordPlace): PartitionState {
  const turn = state.turns.get(event.clientId);
  return {
    ...state,
    known: state.known.add(event.messageId, at.offset),
    turns: state.turns.set(event.clientId, {
      pending: (turn?.pending ?? 0) + 1,
      lastTurn: turn?.lastTurn ?? at.offset,
    }),
    pending: state.pending.append({
      messageId: event.messageId,
      conversationId: event.conversationId,
      clientId: event.clientId,
      group: event.group,
      clientMessageId: event.clientMessageId,
      parts: event.parts,
      timeZone: event.timeZone,
      instructions: event.instructions ?? '',
      sequence: at.offset,
      receivedAtMs: at.timeMs,
      attempt: 0,
      draft: noDraft,
      continuedBytes: 0,
      toldAttempt: 0,
      spent: noSpend,
      hasReservation: event.hasReservation ?? false,
      processing: false,
      claimId: '',
      released: false,
      lostClaims: [],
      stopRequested: state.deleted.has(event.conversationId),
    }),
  };
}

/** Messages in processing have lost their worker, unless it released its claim, before or after. */
function claimed(state: PartitionState, event: WorkerClaimed, at: RecordPlace): PartitionState {
  return {
    ...state,
    claimId: event.claimId,
    workerId: event.workerId,
    maxProcessing: event.maxProcessing,
    claims: state.claims.add(event.claimId, at.offset),
    processing: 0,
    pending: state.pending.map((message) => (message.processing ? afterClaim(message) : message)),
  };
}

function afterClaim(message: PendingMessage): PendingMessage {
  const lostClaims = message.released ? message.lostClaims : [...message.lostClaims, message.claimId];
  return { ...message, processing: false, released: false, lostClaims };
}

/**
 * Whatever was begun under the claim has not lost its worker, and stays in processing until the next claim. A message knows its claims itself,
 * because a fold may begin behind them.
 */
function released(state: PartitionState, { claimId }: WorkerReleased): PartitionState {
  let changed = false;
  const pending = state.pending.map((message) => {
    const ends = message.processing && !message.released && message.claimId === claimId;
    if (!ends && !message.lostClaims.includes(claimId)) return message;
    changed = true;
    const lostClaims = message.lostClaims.filter((lost) => lost !== claimId);
    return { ...message, released: message.released || ends, lostClaims };
  });
  return changed ? { ...state, pending } : state;
}

function started(state: PartitionState, event: ReplyStarted, at: RecordPlace): PartitionState {
  const message = concerned(state, event);
  if (message === undefined || (message.processing && event.attempt <= message.attempt)) return state;
  const turn = state.turns.get(message.clientId);
  const draft = beginningOf(message.draft, event.continuedBytes);
  const { call: _, ...before } = message;
  return {
    ...state,
    processing: state.processing + (message.processing ? 0 : 1),
    turns: state.turns.set(message.clientId, { pending: turn?.pending ?? 1, lastTurn: at.offset }),
    pending: state.pending.replace({
      ...before,
      ...(event.call && { call: event.call }),
      toldAttempt: Math.max(message.toldAttempt, event.ended?.at(-1)?.attempt ?? 0),
      spent: event.ended === undefined ? message.spent : plusSpend(message.spent, spendOf(newlyTold(message, event))),
      processing: true,
      claimId: event.claimId,
      released: message.released && message.claimId === event.claimId,
      attempt: Math.max(message.attempt, event.attempt),
      draft,
      continuedBytes: draft.bytes,
    }),
  };
}

/** A stretch that was appended twice counts as far as it is new. */
function progressed(state: PartitionState, event: ReplyProgress): PartitionState {
  const message = concerned(state, event);
  if (message === undefined || !message.processing || event.attempt !== message.attempt) return state;
  const { text, bytes } = message.draft;
  const fresh = event.offsetBytes > bytes ? '' : utf8Slice(event.text, bytes - event.offsetBytes);
  if (fresh === '') return state;
  const draft = { text: text + fresh, bytes: bytes + utf8Length(fresh) };
  return { ...state, pending: state.pending.replace({ ...message, draft }) };
}

function beginningOf(draft: Draft, bytes: number): Draft {
  if (bytes >= draft.bytes) return draft;
  const text = utf8Beginning(draft.text, bytes);
  return text === '' ? noDraft : { text, bytes: utf8Length(text) };
}

function finished(state: PartitionState, event: ReplyCompleted | ReplyFailed): PartitionState {
  const message = concerned(state, event);
  return message === undefined ? state : without(state, message);
}

function stopRequested(state: PartitionState, event: StopRequested): PartitionState {
  const message = pendingMessage(state, event.messageId);
  if (message === undefined || message.stopRequested || message.conversationId !== event.conversationId) return state;
  return { ...state, pending: state.pending.replace({ ...message, stopRequested: true }) };
}

function deleted(state: PartitionState, event: ConversationDeleted, at: RecordPlace): PartitionState {
  return {
    ...state,
    deleted: state.deleted.add(event.conversationId, at.offset),
    pending: state.pending.map((message) =>
      message.conversationId === event.conversationId ? { ...message, stopRequested: true } : message,
    ),
  };
}

/** The pending message that a worker's event is about, if the event counts. */
function concerned(
  state: PartitionState,
  event: ReplyStarted | ReplyProgress | ReplyCompleted | ReplyFailed,
): PendingMessage | undefined {
  if (state.claimId !== '' && state.claimId !== event.claimId) return undefined;
  return pendingMessage(state, event.messageId);
}

function without(state: PartitionState, message: PendingMessage): PartitionState {
  const turn = state.turns.get(message.clientId);
  return {
    ...state,
    processing: state.processing - (message.processing ? 1 : 0),
    turns:
      turn === undefined || turn.pending <= 1
        ? state.turns.delete(message.clientId)
        : state.turns.set(message.clientId, { ...turn, pending: turn.pending - 1 }),
    pending: state.pending.remove(message.sequence),
  };
}
