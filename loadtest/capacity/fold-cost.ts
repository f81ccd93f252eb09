import type { AdmissionEvent, ConnectionRequested } from '../../src/domain/admission/events.ts';
import { evolve } from '../../src/domain/admission/evolve.ts';
import { type AdmissionState, restoreAdmission, serializeAdmission } from '../../src/domain/admission/state.ts';
import { gatewayBeatMs, gatewayLeaseMs } from '../../src/domain/limits.ts';

/** What folding the log of connections costs with so many sessions open: every gateway does it for all of them. */
export interface FoldCost {
  readonly sessions: number;
  readonly gateways: number;
  /** CPU time of a client's coming, first word and going: three records. */
  readonly visitMs: number;
  /** CPU time of one beat of one gateway, with the sessions that were active since its last. */
  readonly beatMs: number;
  readonly activeInBeat: number;
  /** CPU time of taking the state apart for the read model, and of putting it together: the projector's, at each of its turns. */
  readonly snapshotMs: number;
}

const nowMs = 1_750_000_000_000;
/** What one gateway is known to hold (docs/benchmarks.md, idle). */
export const sessionsPerGateway = 10_000;
/** PARLEY_HEARTBEAT_INTERVAL_MS of a server that nobody has set up. */
export const heartbeatMs = 15_000;
/** A measurement ends after this much time, and has been done so often at least. */
const measureMs = 1_000;
const leastRounds = 20;

/** Measures with a state of so many sessions, on gateways that are full. */
export function measureFold(sessions: number): FoldCost {
  const gateways = Math.ceil(sessions / sessionsPerGateway);
  let state = filled(sessions, gateways);
  let round = 0;
  const fold = (...events: readonly AdmissionEvent[]) => {
    // Time goes on, but not so far that a lease ends.
    const timeMs = nowMs + Math.min(round, gatewayLeaseMs - 1);
    for (const event of events) state = evolve(state, event, timeMs).state;
  };
  const perGateway = sessions / gateways;
  const activeInBeat = Math.round((perGateway * gatewayBeatMs) / heartbeatMs);
  const visitMs = timed(() => {
    const sessionId = `visitor-${round++}`;
    fold(request(sessionId), { type: 'ConnectionSpoke', sessionId }, closed(sessionId));
  });
  const beatMs = timed(() => {
    const first = (round++ * activeInBeat) % Math.max(1, perGateway - activeInBeat);
    fold(beat(gateways, first, activeInBeat));
  });
  const snapshotMs = timed(() => restoreAdmission(serializeAdmission(state)));
  if (state.open.size !== sessions) throw new Error(`${state.open.size} sessions are left of ${sessions}`);
  return { sessions, gateways, visitMs, beatMs, activeInBeat, snapshotMs };
}

/** Milliseconds of CPU time of one call, its garbage included, as a mean of many; the first ones, before the code is compiled, are left out. */
function timed(call: () => void): number {
  for (let count = 0; count < leastRounds; count += 1) call();
  let rounds = 0;
  const before = process.cpuUsage();
  const used = () => {
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1_000;
  };
  while (rounds < leastRounds || used() < measureMs) {
    call();
    rounds += 1;
  }
  return used() / rounds;
}

/** Of every gateway the same number; all have spoken. */
function filled(sessions: number, gateways: number): AdmissionState {
  const limits = { maxClients: sessions + 1, maxWaitingClients: 0, gatewayLeaseMs, firstMessageDeadlineMs: 60_000 };
  const started = (index: number): AdmissionEvent => ({ type: 'GatewayStarted', gatewayId: gatewayOf(index), limits });
  let state = restoreAdmission({
    clockMs: 0,
    lastRecordMs: nowMs,
    limits,
    open: Array.from({ length: sessions }, (_, index) => {
      const { tokenHash, conversationId, timeZone } = request('');
      const [sessionId, gatewayId] = [sessionOf(index), gatewayOf(index % gateways)];
      const times = { openedAtMs: nowMs, deadlineClockMs: 0, lastActiveMs: nowMs };
      return {
        sessionId,
        clientId: `c-${sessionId}`,
        gatewayId,
        timeZone,
        conversationId,
        tokenHash,
        ...times,
        hasSpoken: true,
      };
    }),
    waiting: [],
    gateways: Array.from({ length: gateways }, (_, index) => [gatewayOf(index), 0] as const),
    ended: { young: [], old: [] },
    nextExpiryClockMs: gatewayLeaseMs,
    openCeiling: sessions + 1,
    waitingCeiling: 0,
  });
  // A gateway that is known already would end its sessions by starting: only a new one may.
  state = evolve(state, started(gateways), nowMs).state;
  return state;
}

const sessionOf = (index: number) => `0b6ff3f6-3f4c-4a0b-9d0e-${String(index).padStart(12, '0')}`;
const gatewayOf = (index: number) => `gateway-${index}`;

function request(sessionId: string): ConnectionRequested {
  return {
    type: 'ConnectionRequested',
    sessionId,
    clientId: `c-${sessionId}`,
    gatewayId: gatewayOf(0),
    timeZone: 'Europe/Lisbon',
    conversationId: 'a2a0b8a4-5a52-4f43-a1f2-6a3a3b3a3f00',
    tokenHash: 'b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c',
    resumeTokenHash: '',
    waitMs: 0,
  };
}

function closed(sessionId: string): AdmissionEvent {
  return { type: 'ConnectionClosed', sessionId, reason: 'GOODBYE', detail: '' };
}

/** Of gateway 0, whose sessions are every `gateways`th. */
function beat(gateways: number, first: number, count: number): AdmissionEvent {
  const active = Array.from({ length: count }, (_, place) => {
    return { sessionId: sessionOf((first + place) * gateways), conversationId: 'a2a0b8a4-5a52-4f43-a1f2-6a3a3b3a3f00' };
  });
  return { type: 'GatewayBeat', gatewayId: gatewayOf(0), active };
}
