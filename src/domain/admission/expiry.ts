import { maxFoldGapMs } from '../limits.ts';
import type { AdmissionEvent } from './events.ts';
import type { AdmissionOutcome } from './outcomes.ts';
import type { Ending } from './slots.ts';
import { end, ending, findWaiting } from './slots.ts';
import type { AdmissionState } from './state.ts';
import { leaseEndClockMs, neverMs, silenceEndClockMs } from './state.ts';

/** A gateway that starts by a later rule than the others brings it in, its own record included. */
export function adoptRule(state: AdmissionState, event: AdmissionEvent): AdmissionState {
  const { clockRule = 0 } = event.type === 'GatewayStarted' ? event : {};
  return clockRule > state.clockRule ? { ...state, clockRule } : state;
}

/**
 * The fold's time at a record of this time. A record older than the previous one, or without a time, does not advance it. From rule 1 on the next is
 * compared with it nevertheless: one clock that was ahead must not delay every deadline until that time has come.
 */
export function advanceClock(state: AdmissionState, timeMs: number): AdmissionState {
  const gapMs = timeMs - state.lastRecordMs;
  if (gapMs < 0 && state.clockRule > 0) return { ...state, lastRecordMs: timeMs };
  if (!(gapMs > 0)) return state;
  return { ...state, clockMs: state.clockMs + Math.min(gapMs, maxFoldGapMs), lastRecordMs: timeMs };
}

/** Whatever a gateway records is its sign of life, except that it stopped. */
export function renewLease(state: AdmissionState, event: AdmissionEvent): AdmissionState {
  const gatewayId = gatewayOf(state, event);
  if (gatewayId === undefined || state.gateways.get(gatewayId) === state.clockMs) return state;
  return {
    ...state,
    gateways: state.gateways.set(gatewayId, state.clockMs),
    nextExpiryClockMs: Math.min(state.nextExpiryClockMs, leaseEndClockMs(state.limits, state.clockMs)),
  };
}

function gatewayOf(state: AdmissionState, event: AdmissionEvent): string | undefined {
  switch (event.type) {
    case 'ConnectionRequested':
    case 'GatewayStarted':
    case 'GatewayBeat':
      return event.gatewayId;
    case 'ConnectionSpoke':
    case 'ConnectionClosed':
      return (state.open.get(event.sessionId) ?? findWaiting(state, event.sessionId)?.request)?.gatewayId;
    default:
      return undefined;
  }
}

/** Ends what has run out by now. All of it goes before any freed slot is given away: who waited too long gets none. */
export function dropExpired(state: AdmissionState, out: AdmissionOutcome[]): AdmissionState {
  return state.clockMs > state.nextExpiryClockMs ? dropOverdue(state, out) : state;
}

/** The same without asking whether anything can be due, as after a change of limits: looks at all there is. */
export function dropOverdue(state: AdmissionState, out: AdmissionOutcome[]): AdmissionState {
  const { clockMs, limits } = state;
  const dead = [...state.gateways].filter(([, lastSign]) => clockMs > leaseEndClockMs(limits, lastSign));
  const living = { ...state, gateways: state.gateways.deleteAll(dead.map(([gatewayId]) => gatewayId)) };
  const ended = end(living, [...overdueSessions(living), ...overdueWaiting(living)], out);
  return { ...ended, nextExpiryClockMs: nextExpiry(ended) };
}

function overdueSessions(state: AdmissionState): Ending[] {
  const endings: Ending[] = [];
  for (const session of state.open.values()) {
    const { sessionId, clientId, gatewayId } = session;
    if (!state.gateways.has(gatewayId)) endings.push(ending(sessionId, clientId, 'GATEWAY_LOST'));
    else if (state.clockMs > silenceEndClockMs(state.limits, session)) {
      endings.push(ending(sessionId, clientId, 'FIRST_MESSAGE_TIMEOUT'));
    }
  }
  return endings;
}

function overdueWaiting(state: AdmissionState): Ending[] {
  const endings: Ending[] = [];
  for (const { request, deadlineClockMs } of state.waiting) {
    const { sessionId, clientId, gatewayId } = request;
    if (!state.gateways.has(gatewayId)) endings.push(ending(sessionId, clientId, 'GATEWAY_LOST'));
    else if (state.clockMs > deadlineClockMs) {
      endings.push({ clientId, outcome: { type: 'refused', sessionId, reason: 'TOO_MANY_CLIENTS' } });
    }
  }
  return endings;
}

function nextExpiry(state: AdmissionState): number {
  let next = neverMs;
  for (const lastSign of state.gateways.values()) next = Math.min(next, leaseEndClockMs(state.limits, lastSign));
  for (const session of state.open.values()) next = Math.min(next, silenceEndClockMs(state.limits, session));
  for (const { deadlineClockMs } of state.waiting) next = Math.min(next, deadlineClockMs);
  return next;
}
