import type { ConnectionRequested } from './events.ts';
import type { AdmissionOutcome, Closed, RefusedRequest } from './outcomes.ts';
import type { AdmissionState, OpenConnection, WaitingConnection } from './state.ts';

/** A verdict that takes a session out of the open ones or the line. */
export interface Ending {
  readonly clientId: string;
  readonly outcome: Closed | RefusedRequest;
}

/** A session or place in line closed for this reason. */
export function ending(sessionId: string, clientId: string, reason: string, detail = ''): Ending {
  return { clientId, outcome: { type: 'closed', sessionId, clientId, reason, detail } };
}

/** Everything of this gateway, open first, then in line order. */
export function endingsOf(state: AdmissionState, gatewayId: string, reason: string): Ending[] {
  const held = [...state.open.values(), ...state.waiting.map(({ request }) => request)];
  return held
    .filter((session) => session.gatewayId === gatewayId)
    .map(({ sessionId, clientId }) => ending(sessionId, clientId, reason));
}

/** Takes these out of the open ones and the line, and remembers that they ended. Frees slots without filling them. */
export function end(state: AdmissionState, endings: readonly Ending[], out: AdmissionOutcome[]): AdmissionState {
  if (endings.length === 0) return state;
  const sessionIds = new Set<string>();
  let { ended } = state;
  for (const { outcome } of endings) {
    out.push(outcome);
    sessionIds.add(outcome.sessionId);
    ended = ended.add(outcome.sessionId);
  }
  return {
    ...state,
    open: state.open.deleteAll(sessionIds),
    sessionOfClient: state.sessionOfClient.deleteAll(endings.map(({ clientId }) => clientId)),
    waiting: state.waiting.filter(({ request }) => !sessionIds.has(request.sessionId)),
    ended,
  };
}

/** The session as it opens now. */
export function newSession(state: AdmissionState, request: ConnectionRequested): OpenConnection {
  const { sessionId, clientId, gatewayId, timeZone, conversationId, tokenHash } = request;
  return {
    sessionId,
    clientId,
    gatewayId,
    timeZone,
    conversationId,
    tokenHash,
    openedAtMs: state.lastRecordMs,
    deadlineClockMs: state.clockMs + state.limits.firstMessageDeadlineMs,
    lastActiveMs: state.lastRecordMs,
    hasSpoken: false,
  };
}

/**
 * Opens these sessions, in this order. The caller knows that there is room, and no other session of these clients. When
 * to look for what has run out stays as it is: a silent session is over no earlier than its gateway's lease, which counts.
 */
export function addOpen(
  state: AdmissionState,
  sessions: readonly OpenConnection[],
  out: AdmissionOutcome[],
): AdmissionState {
  for (const { sessionId, clientId } of sessions) out.push({ type: 'opened', sessionId, clientId });
  return {
    ...state,
    open: state.open.setAll(sessions.map((session) => [session.sessionId, session])),
    sessionOfClient: state.sessionOfClient.setAll(sessions.map((session) => [session.clientId, session.sessionId])),
  };
}

/** Gives free slots to the line, in its order. */
export function fillSlots(state: AdmissionState, out: AdmissionOutcome[]): AdmissionState {
  const free = Math.min(state.limits.maxClients - state.open.size, state.waiting.length);
  if (free <= 0) return state;
  const sessions = state.waiting.slice(0, free).map(({ request }) => newSession(state, request));
  return addOpen({ ...state, waiting: state.waiting.slice(free) }, sessions, out);
}

/** The place in line of this session, if it has one. */
export function findWaiting(state: AdmissionState, sessionId: string): WaitingConnection | undefined {
  return state.waiting.find(({ request }) => request.sessionId === sessionId);
}
