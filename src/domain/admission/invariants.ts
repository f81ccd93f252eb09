import type { AdmissionState, OpenConnection } from './state.ts';
import { leaseEndClockMs, silenceEndClockMs } from './state.ts';

/**
 * What breaks a rule of admission in this state, as a sentence; null when nothing does. Meant for the state after each
 * event of a history. Looks at every session and every waiting client.
 */
export function checkAdmission(state: AdmissionState): string | null {
  return checkCounts(state) ?? checkOpen(state) ?? checkWaiting(state);
}

function checkCounts(state: AdmissionState): string | null {
  const { open, waiting, limits, openCeiling, waitingCeiling, sessionOfClient } = state;
  if (open.size > openCeiling) return `${open.size} sessions are open, ${openCeiling} may be`;
  if (waiting.length > waitingCeiling) return `${waiting.length} clients are in line, ${waitingCeiling} may be`;
  if (waiting.length > 0 && open.size < limits.maxClients) {
    return `${waiting.length} clients are in line while ${limits.maxClients - open.size} slots are free`;
  }
  const held = open.size + waiting.length;
  return held === sessionOfClient.size ? null : `${sessionOfClient.size} clients have ${held} sessions`;
}

function checkOpen(state: AdmissionState): string | null {
  let breach: string | null = null;
  state.open.forEach((session) => {
    breach ??= checkSession(state, session);
  });
  return breach;
}

function checkSession(state: AdmissionState, session: OpenConnection): string | null {
  const { sessionId, clientId, gatewayId } = session;
  if (state.sessionOfClient.get(clientId) !== sessionId) return `client ${clientId} has more than session ${sessionId}`;
  if (!lives(state, gatewayId)) return `session ${sessionId} is open at gateway ${gatewayId}, which is dead`;
  if (state.clockMs > silenceEndClockMs(state.limits, session)) return `session ${sessionId} is open and never spoke`;
  return null;
}

function checkWaiting(state: AdmissionState): string | null {
  for (const { request, deadlineClockMs } of state.waiting) {
    const { sessionId, clientId, gatewayId } = request;
    if (state.sessionOfClient.get(clientId) !== sessionId) return `client ${clientId} has more than its place in line`;
    if (!lives(state, gatewayId)) return `session ${sessionId} is in line at gateway ${gatewayId}, which is dead`;
    if (state.clockMs > deadlineClockMs) return `session ${sessionId} is in line past its time`;
  }
  return null;
}

function lives(state: AdmissionState, gatewayId: string): boolean {
  const lastSign = state.gateways.get(gatewayId);
  return lastSign !== undefined && state.clockMs <= leaseEndClockMs(state.limits, lastSign);
}
