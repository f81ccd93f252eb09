import type {
  AdmissionEvent,
  ConnectionClosed,
  ConnectionRequested,
  GatewayBeat,
  GatewayStarted,
  GatewayStopped,
} from './events.ts';
import { adoptRule, advanceClock, dropExpired, dropOverdue, renewLease } from './expiry.ts';
import type { AdmissionOutcome, RefusedRequest } from './outcomes.ts';
import type { Ending } from './slots.ts';
import { addOpen, end, ending, endingsOf, fillSlots, findWaiting, newSession } from './slots.ts';
import type { AdmissionState, OpenConnection } from './state.ts';

export type { AdmissionOutcome } from './outcomes.ts';

/**
 * What the event, recorded at `timeMs`, makes of the state, and what it decided. Total and pure: what breaks the
 * contract (a stranger's session, a repeat, an event of a later release) changes at most the time and one lease.
 */
export function evolve(
  state: AdmissionState,
  event: AdmissionEvent,
  timeMs: number,
): { readonly state: AdmissionState; readonly outcomes: readonly AdmissionOutcome[] } {
  const outcomes: AdmissionOutcome[] = [];
  const current = fillSlots(dropExpired(advanceClock(adoptRule(state, event), timeMs), outcomes), outcomes);
  const next = apply(renewLease(current, event), event, outcomes);
  return { state: settleCeilings(next), outcomes };
}

function apply(state: AdmissionState, event: AdmissionEvent, outcomes: AdmissionOutcome[]): AdmissionState {
  switch (event.type) {
    case 'ConnectionRequested':
      return requested(state, event, outcomes);
    case 'ConnectionSpoke':
      return spoke(state, event.sessionId);
    case 'ConnectionClosed':
      return closed(state, event, outcomes);
    case 'GatewayStarting':
      return state;
    case 'GatewayStarted':
      return gatewayStarted(state, event, outcomes);
    case 'GatewayBeat':
      return gatewayBeat(state, event);
    case 'GatewayStopped':
      return gatewayStopped(state, event, outcomes);
    default:
      event satisfies never;
      return state;
  }
}

/**
 * The rules of a request, first match decides:
 * 1. its session is known or ended lately: a repeat, nothing happens;
 * 2. the client has a session open: taken over with its token, or the one that it was taken over with itself, else ALREADY_CONNECTED;
 * 3. the client is in line: see `requestedAgainInLine`;
 * 4. a slot is free: open;
 * 5. it is willing to wait and the line has room: in line;
 * 6. TOO_MANY_CLIENTS.
 */
function requested(state: AdmissionState, request: ConnectionRequested, out: AdmissionOutcome[]): AdmissionState {
  const { sessionId, clientId } = request;
  if (isKnown(state, sessionId)) return state;
  const heldSessionId = state.sessionOfClient.get(clientId);
  const held = heldSessionId === undefined ? undefined : state.open.get(heldSessionId);
  if (held !== undefined) {
    if (presents(request, held.tokenHash) || presents(request, held.formerTokenHash ?? ''))
      return takeOver(state, held, request, out);
    return refuse(state, request, 'ALREADY_CONNECTED', out);
  }
  if (heldSessionId !== undefined) return requestedAgainInLine(state, heldSessionId, request, out);
  if (state.open.size < state.limits.maxClients) return addOpen(state, [newSession(state, request)], out);
  if (request.waitMs > 0 && state.waiting.length < state.limits.maxWaitingClients) return queue(state, request, out);
  return refuse(state, request, 'TOO_MANY_CLIENTS', out);
}

/** Whether a request of this session would be a repeat. */
function isKnown(state: AdmissionState, sessionId: string): boolean {
  return state.open.has(sessionId) || state.ended.has(sessionId) || findWaiting(state, sessionId) !== undefined;
}

/** An empty hash is no token: it proves nothing, even against a session without one. */
function presents(request: ConnectionRequested, tokenHash: string): boolean {
  return request.resumeTokenHash !== '' && request.resumeTokenHash === tokenHash;
}

function takeOver(
  state: AdmissionState,
  held: OpenConnection,
  request: ConnectionRequested,
  out: AdmissionOutcome[],
): AdmissionState {
  const without = end(state, [takenOver(held)], out);
  const { hasSpoken, deadlineClockMs } = held;
  // Logs that earlier releases wrote are folded as they folded them.
  const former = state.clockRule > 0 ? { formerTokenHash: request.resumeTokenHash } : {};
  const heir = { ...newSession(without, request), hasSpoken, deadlineClockMs, ...former };
  return addOpen(without, [heir], out);
}

/**
 * A waiting client requests again. Without the token of its place it may be another client with the same id, and is refused as beside an open session.
 * With it the new request gets the place, with the old deadline: repeating must not extend the wait. A request that does not wait is refused at once,
 * and leaves the place to the waiting one.
 */
function requestedAgainInLine(
  state: AdmissionState,
  heldSessionId: string,
  request: ConnectionRequested,
  out: AdmissionOutcome[],
): AdmissionState {
  const index = state.waiting.findIndex((waiting) => waiting.request.sessionId === heldSessionId);
  const held = state.waiting[index];
  if (held === undefined || !presents(request, held.request.tokenHash)) {
    return refuse(state, request, 'ALREADY_CONNECTED', out);
  }
  if (request.waitMs <= 0) return refuse(state, request, 'TOO_MANY_CLIENTS', out);
  const without = end(state, [takenOver(held.request)], out);
  out.push({ type: 'queued', sessionId: request.sessionId, place: index + 1 });
  return {
    ...without,
    waiting: state.waiting.with(index, { ...held, request, requestedAtMs: state.lastRecordMs }),
    sessionOfClient: without.sessionOfClient.set(request.clientId, request.sessionId),
  };
}

function takenOver({ sessionId, clientId }: { readonly sessionId: string; readonly clientId: string }): Ending {
  return ending(sessionId, clientId, 'SESSION_TAKEN_OVER');
}

function queue(state: AdmissionState, request: ConnectionRequested, out: AdmissionOutcome[]): AdmissionState {
  const deadlineClockMs = state.clockMs + request.waitMs;
  const waiting = [...state.waiting, { request, deadlineClockMs, requestedAtMs: state.lastRecordMs }];
  out.push({ type: 'queued', sessionId: request.sessionId, place: waiting.length });
  return {
    ...state,
    waiting,
    sessionOfClient: state.sessionOfClient.set(request.clientId, request.sessionId),
    nextExpiryClockMs: Math.min(state.nextExpiryClockMs, deadlineClockMs),
  };
}

function refuse(
  state: AdmissionState,
  { sessionId }: ConnectionRequested,
  reason: RefusedRequest['reason'],
  out: AdmissionOutcome[],
): AdmissionState {
  out.push({ type: 'refused', sessionId, reason });
  return { ...state, ended: state.ended.add(sessionId) };
}

/** A session speaks once; that later messages are not recorded here costs nothing, the beats tell who is active. */
function spoke(state: AdmissionState, sessionId: string): AdmissionState {
  const session = state.open.get(sessionId);
  if (session === undefined || session.hasSpoken) return state;
  const spoken = { ...session, hasSpoken: true, lastActiveMs: state.lastRecordMs };
  return { ...state, open: state.open.set(sessionId, spoken) };
}

/**
 * A session that is not known stays closed should its request come late: the id is remembered either way.
 * Only the last 512 are sure to be. A request repeated after more opens a slot that no client holds; its gateway, which
 * reads that a session was opened that it does not hold, closes it, and failing that the first-message deadline does.
 */
function closed(state: AdmissionState, event: ConnectionClosed, out: AdmissionOutcome[]): AdmissionState {
  const { sessionId, reason, detail } = event;
  const held = state.open.get(sessionId) ?? findWaiting(state, sessionId)?.request;
  if (held === undefined) return { ...state, ended: state.ended.add(sessionId) };
  return fillSlots(end(state, [ending(sessionId, held.clientId, reason, detail)], out), out);
}

/** New limits hold at once, for deadlines too; but a lower cap closes no session. */
function gatewayStarted(state: AdmissionState, event: GatewayStarted, out: AdmissionOutcome[]): AdmissionState {
  const without = end(state, endingsOf(state, event.gatewayId, 'GATEWAY_RESTARTED'), out);
  const next = fillSlots(dropOverdue({ ...without, limits: event.limits }, out), out);
  return {
    ...next,
    openCeiling: Math.max(event.limits.maxClients, next.open.size),
    waitingCeiling: Math.max(event.limits.maxWaitingClients, next.waiting.length),
  };
}

/** Only the gateway's own sessions: a gateway cannot act on another's. */
function gatewayBeat(state: AdmissionState, event: GatewayBeat): AdmissionState {
  const active: [string, OpenConnection][] = [];
  for (const { sessionId, conversationId } of event.active) {
    const session = state.open.get(sessionId);
    if (session?.gatewayId !== event.gatewayId) continue;
    const { formerTokenHash: _, ...welcomed } = session;
    active.push([sessionId, { ...welcomed, conversationId, lastActiveMs: state.lastRecordMs }]);
  }
  return active.length === 0 ? state : { ...state, open: state.open.setAll(active) };
}

function gatewayStopped(state: AdmissionState, event: GatewayStopped, out: AdmissionOutcome[]): AdmissionState {
  const without = end(state, endingsOf(state, event.gatewayId, 'DRAINING'), out);
  return fillSlots({ ...without, gateways: without.gateways.delete(event.gatewayId) }, out);
}

/** A lowered limit's leave shrinks with what is left, never below the limit. */
function settleCeilings(state: AdmissionState): AdmissionState {
  const { limits, openCeiling, waitingCeiling } = state;
  if (openCeiling <= limits.maxClients && waitingCeiling <= limits.maxWaitingClients) return state;
  return {
    ...state,
    openCeiling: Math.max(limits.maxClients, Math.min(openCeiling, state.open.size)),
    waitingCeiling: Math.max(limits.maxWaitingClients, Math.min(waitingCeiling, state.waiting.length)),
  };
}
