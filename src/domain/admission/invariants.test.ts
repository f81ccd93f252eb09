import { describe, expect, test } from '@jest/globals';
import type { AdmissionEvent, AdmissionLimits, ConnectionRequested } from './events.ts';
import { evolve } from './evolve.ts';
import { checkAdmission } from './invariants.ts';
import type { AdmissionState, OpenConnection } from './state.ts';
import { initialAdmission } from './state.ts';

const limits: AdmissionLimits = {
  maxClients: 2,
  maxWaitingClients: 1,
  gatewayLeaseMs: 15_000,
  firstMessageDeadlineMs: 60_000,
};

function fold(...events: readonly AdmissionEvent[]): AdmissionState {
  return events.reduce((state, event) => evolve(state, event, 1_750_000_000_000).state, initialAdmission);
}

function started(gatewayId: string, changed: Partial<AdmissionLimits> = {}): AdmissionEvent {
  return { type: 'GatewayStarted', gatewayId, limits: { ...limits, ...changed } };
}

function asks(sessionId: string): ConnectionRequested {
  return {
    type: 'ConnectionRequested',
    sessionId,
    clientId: `client-${sessionId}`,
    gatewayId: 'g1',
    timeZone: 'Asia/Tokyo',
    conversationId: 'v1',
    tokenHash: `token-${sessionId}`,
    resumeTokenHash: '',
    waitMs: 30_000,
  };
}

const leaves = (sessionId: string): AdmissionEvent => ({
  type: 'ConnectionClosed',
  sessionId,
  reason: 'GOODBYE',
  detail: '',
});

/** Two open, one in line: everything is taken. */
const full = fold(started('g1'), asks('s1'), asks('s2'), asks('s3'));

/** What no event leads to: the session opened although the rules say no. */
function forceOpen(state: AdmissionState, sessionId: string, changed: Partial<OpenConnection> = {}): AdmissionState {
  const model = full.open.get('s1') as OpenConnection;
  const session = { ...model, sessionId, clientId: `client-${sessionId}`, ...changed };
  return {
    ...state,
    open: state.open.set(sessionId, session),
    sessionOfClient: state.sessionOfClient.set(session.clientId, sessionId),
  };
}

describe('the check of a state', () => {
  test('finds nothing where the rules were kept', () => {
    expect(checkAdmission(initialAdmission)).toBeNull();
    expect(checkAdmission(full)).toBeNull();
  });

  test('finds a session over the cap', () => {
    expect(checkAdmission(forceOpen(full, 's9'))).toBe('3 sessions are open, 2 may be');
  });

  test('allows what was open when the cap was lowered, and no session more', () => {
    const lowered = evolve(full, started('g2', { maxClients: 1 }), full.lastRecordMs).state;
    expect(checkAdmission(lowered)).toBeNull();
    expect(checkAdmission(forceOpen(lowered, 's9'))).toBe('3 sessions are open, 2 may be');
    const left = evolve(lowered, leaves('s1'), full.lastRecordMs).state;
    expect(checkAdmission(left)).toBeNull();
    expect(checkAdmission(forceOpen(left, 's9'))).toBe('2 sessions are open, 1 may be');
  });

  test('finds a client in line over the limit, but allows those who were there when it was lowered', () => {
    const [first] = full.waiting;
    if (first === undefined) throw new Error('nobody is in line');
    const tooLong = { ...full, waiting: [first, { ...first, request: asks('s9') }] };
    expect(checkAdmission(tooLong)).toBe('2 clients are in line, 1 may be');
    const lowered = evolve(full, started('g2', { maxWaitingClients: 0 }), full.lastRecordMs).state;
    expect(checkAdmission(lowered)).toBeNull();
    const left = evolve(lowered, leaves('s3'), full.lastRecordMs).state;
    expect(checkAdmission({ ...left, waiting: full.waiting })).toBe('1 clients are in line, 0 may be');
  });

  test('finds a client in line while a slot is free', () => {
    const freed = { ...full, open: full.open.delete('s1') };
    expect(checkAdmission(freed)).toBe('1 clients are in line while 1 slots are free');
  });

  test('finds a client with two sessions open', () => {
    const one = fold(started('g1'), asks('s1'));
    expect(checkAdmission(forceOpen(one, 's9', { clientId: 'client-s1' }))).toBe('1 clients have 2 sessions');
  });

  test('finds a client with a session open and a place in line', () => {
    const both = { ...full, sessionOfClient: full.sessionOfClient.delete('client-s3').set('stranger', 's3') };
    expect(checkAdmission(both)).toBe('client client-s3 has more than its place in line');
    const other = { ...full, sessionOfClient: full.sessionOfClient.set('client-s1', 's3') };
    expect(checkAdmission(other)).toBe('client client-s1 has more than session s1');
  });

  test('finds sessions and places of a gateway that is unknown or overdue', () => {
    const unknown = { ...full, gateways: full.gateways.delete('g1') };
    expect(checkAdmission(unknown)).toMatch(/^session s\d is open at gateway g1, which is dead$/);
    const overdue = { ...full, clockMs: full.clockMs + 15_001 };
    expect(checkAdmission(overdue)).toMatch(/^session s\d is open at gateway g1, which is dead$/);
    const inLine = forceOpen(forceOpen({ ...unknown, open: initialAdmission.open }, 's1', { gatewayId: 'g2' }), 's2', {
      gatewayId: 'g2',
    });
    const otherLives = { ...inLine, gateways: inLine.gateways.set('g2', full.clockMs) };
    expect(checkAdmission(otherLives)).toBe('session s3 is in line at gateway g1, which is dead');
  });

  test('finds a session that is silent for longer than its deadline and a lease', () => {
    const silent = forceOpen(fold(started('g1')), 's9', { deadlineClockMs: full.clockMs - 15_001 });
    expect(checkAdmission(silent)).toBe('session s9 is open and never spoke');
    expect(checkAdmission(forceOpen(silent, 's9', { deadlineClockMs: 0, hasSpoken: true }))).toBeNull();
  });

  test('finds a client in line past its time', () => {
    const waiting = full.waiting.map((place) => ({ ...place, deadlineClockMs: full.clockMs - 1 }));
    expect(checkAdmission({ ...full, waiting })).toBe('session s3 is in line past its time');
  });
});
