import { describe, expect, test } from '@jest/globals';
import { maxFoldGapMs } from '../limits.ts';
import type { ActiveSession, AdmissionEvent, AdmissionLimits, ConnectionRequested } from './events.ts';
import type { AdmissionOutcome } from './evolve.ts';
import { evolve } from './evolve.ts';
import { checkAdmission } from './invariants.ts';
import type { AdmissionState } from './state.ts';
import { initialAdmission, placeInLine, restoreAdmission, serializeAdmission } from './state.ts';

const limits: AdmissionLimits = {
  maxClients: 2,
  maxWaitingClients: 2,
  gatewayLeaseMs: 15_000,
  firstMessageDeadlineMs: 60_000,
};
const startMs = 1_750_000_000_000;

interface Told {
  readonly state: AdmissionState;
  readonly timeMs: number;
  /** Of the latest `when` only. */
  readonly outcomes: readonly AdmissionOutcome[];
}

/** An event, or so many milliseconds until the next one. */
type Step = AdmissionEvent | number;

const nothing: Told = { state: initialAdmission, timeMs: startMs, outcomes: [] };

function when(before: Told, ...steps: readonly Step[]): Told {
  let { state, timeMs } = before;
  const outcomes: AdmissionOutcome[] = [];
  for (const step of steps) {
    if (typeof step === 'number') {
      timeMs += step;
      continue;
    }
    const next = evolve(state, step, timeMs);
    state = next.state;
    outcomes.push(...next.outcomes);
    expect(checkAdmission(state)).toBeNull();
  }
  return { state, timeMs, outcomes };
}

/** A history in which gateway g1 runs with the limits above. */
function given(...steps: readonly Step[]): Told {
  return when(nothing, started('g1'), ...steps);
}

function started(gatewayId: string, changed: Partial<AdmissionLimits> = {}): AdmissionEvent {
  return { type: 'GatewayStarted', gatewayId, limits: { ...limits, ...changed } };
}

/** Session `s1` of client `c1`: its number is all that tests tell apart; its token is `token-s1`. */
function asks(session: string, more: Partial<ConnectionRequested> = {}): ConnectionRequested {
  return {
    type: 'ConnectionRequested',
    sessionId: session,
    clientId: session.replace('s', 'c'),
    gatewayId: 'g1',
    timeZone: 'Asia/Tokyo',
    conversationId: `conversation-${session}`,
    tokenHash: `token-${session}`,
    resumeTokenHash: '',
    waitMs: 0,
    ...more,
  };
}

const waits = (session: string, more: Partial<ConnectionRequested> = {}) => asks(session, { waitMs: 30_000, ...more });
const speaks = (sessionId: string): AdmissionEvent => ({ type: 'ConnectionSpoke', sessionId });
const leaves = (sessionId: string, reason = 'GOODBYE', detail = ''): AdmissionEvent => ({
  type: 'ConnectionClosed',
  sessionId,
  reason,
  detail,
});
const beats = (gatewayId: string, ...active: ActiveSession[]): AdmissionEvent => ({
  type: 'GatewayBeat',
  gatewayId,
  active,
});
const stops = (gatewayId: string): AdmissionEvent => ({ type: 'GatewayStopped', gatewayId });

/** The gateways beat every 3 s for this long. */
function living(gatewayIds: readonly string[], ms: number): Step[] {
  return Array.from({ length: ms / 3_000 }, () => [3_000, ...gatewayIds.map((id) => beats(id))]).flat();
}

const opened = (sessionId: string, clientId = sessionId.replace('s', 'c')) => ({ type: 'opened', sessionId, clientId });
const queued = (sessionId: string, place: number) => ({ type: 'queued', sessionId, place });
const tooMany = (sessionId: string) => ({ type: 'refused', sessionId, reason: 'TOO_MANY_CLIENTS' });
const already = (sessionId: string) => ({ type: 'refused', sessionId, reason: 'ALREADY_CONNECTED' });
const closed = (sessionId: string, reason: string, clientId = sessionId.replace('s', 'c'), detail = '') => ({
  type: 'closed',
  sessionId,
  clientId,
  reason,
  detail,
});

const openSessions = ({ state }: Told): string[] => [...state.open.keys()].sort();
/** All of the state as plain values: its maps compare by what they hold only in this form. */
const facts = ({ state }: Told) => serializeAdmission(state);
const line = ({ state }: Told): string[] => state.waiting.map(({ request }) => request.sessionId);

describe('slots', () => {
  test('nobody is admitted before a gateway has started', () => {
    expect(when(nothing, waits('s1')).outcomes).toEqual([tooMany('s1')]);
  });

  test('a client is admitted while fewer than the cap are open', () => {
    expect(given(asks('s1'), asks('s2')).outcomes).toEqual([opened('s1'), opened('s2')]);
  });

  test('the request after the last slot is refused when it is not willing to wait', () => {
    expect(when(given(asks('s1'), asks('s2')), asks('s3')).outcomes).toEqual([tooMany('s3')]);
  });

  test('an open session knows what its request said and when it opened', () => {
    expect(given(1_000, asks('s1')).state.open.get('s1')).toEqual({
      sessionId: 's1',
      clientId: 'c1',
      gatewayId: 'g1',
      timeZone: 'Asia/Tokyo',
      conversationId: 'conversation-s1',
      tokenHash: 'token-s1',
      openedAtMs: startMs + 1_000,
      deadlineClockMs: given().state.clockMs + 1_000 + 60_000,
      lastActiveMs: startMs + 1_000,
      hasSpoken: false,
    });
  });

  test('a closed session frees its slot, and the outcome carries its reason', () => {
    const after = when(given(asks('s1'), asks('s2')), leaves('s1', 'STALE', 'silent for 45 s'), asks('s3'));
    expect(after.outcomes).toEqual([closed('s1', 'STALE', 'c1', 'silent for 45 s'), opened('s3')]);
    expect(openSessions(after)).toEqual(['s2', 's3']);
  });

  test('a close of a session that nobody knows changes no session', () => {
    const before = given(asks('s1'), asks('s2'), waits('s3'));
    const after = when(before, leaves('s9'));
    expect(after.outcomes).toEqual([]);
    expect([openSessions(after), line(after)]).toEqual([openSessions(before), line(before)]);
  });
});

describe('one session per client', () => {
  test('refuses a second session of the same client', () => {
    expect(when(given(asks('s1')), asks('s2', { clientId: 'c1' })).outcomes).toEqual([already('s2')]);
  });

  test('refuses a second session with a wrong token', () => {
    const again = asks('s2', { clientId: 'c1', resumeTokenHash: 'token-s9' });
    expect(when(given(asks('s1')), again).outcomes).toEqual([already('s2')]);
  });

  test("another client's token is worth nothing", () => {
    const before = given(asks('s1'), asks('s2'));
    expect(when(before, asks('s3', { clientId: 'c1', resumeTokenHash: 'token-s2' })).outcomes).toEqual([already('s3')]);
    expect(when(before, asks('s3', { resumeTokenHash: 'token-s2' })).outcomes).toEqual([tooMany('s3')]);
  });

  test('an empty token takes over nothing, not even a session without a token', () => {
    const before = given(asks('s1', { tokenHash: '' }), waits('s2'), waits('s3', { tokenHash: '' }));
    expect(when(before, asks('s4', { clientId: 'c1' })).outcomes).toEqual([already('s4')]);
    expect(when(before, waits('s4', { clientId: 'c3' })).outcomes).toEqual([already('s4')]);
  });

  test('a client whose session ended may connect again', () => {
    const after = when(given(asks('s1')), leaves('s1'), asks('s2', { clientId: 'c1' }));
    expect(after.outcomes).toEqual([closed('s1', 'GOODBYE'), opened('s2', 'c1')]);
  });
});

describe('take-over', () => {
  const takesOver = asks('s3', { clientId: 'c1', gatewayId: 'g2', resumeTokenHash: 'token-s1' });

  test('the token of the open session takes it over in the same slot, though all are taken', () => {
    const after = when(given(asks('s1'), asks('s2'), waits('s4')), takesOver);
    expect(after.outcomes).toEqual([closed('s1', 'SESSION_TAKEN_OVER'), opened('s3', 'c1')]);
    expect([openSessions(after), line(after)]).toEqual([['s2', 's3'], ['s4']]);
  });

  test('the new session has its own gateway, token and time of opening', () => {
    const heir = when(given(asks('s1')), 5_000, takesOver).state.open.get('s3');
    expect(heir).toMatchObject({ gatewayId: 'g2', tokenHash: 'token-s3', openedAtMs: startMs + 5_000 });
  });

  test('it inherits the first-message deadline, so that reconnecting is no substitute for speaking', () => {
    const before = given(asks('s1'));
    const heir = when(before, 5_000, takesOver).state.open.get('s3');
    expect(heir?.hasSpoken).toBe(false);
    expect(heir?.deadlineClockMs).toBe(before.state.open.get('s1')?.deadlineClockMs);
  });

  test('it inherits that the client has spoken', () => {
    expect(when(given(asks('s1'), speaks('s1')), takesOver).state.open.get('s3')?.hasSpoken).toBe(true);
  });

  describe('with the token of the session before', () => {
    const again = asks('s4', { clientId: 'c1', gatewayId: 'g3', resumeTokenHash: 'token-s1' });
    const active: AdmissionEvent = {
      type: 'GatewayBeat',
      gatewayId: 'g2',
      active: [{ sessionId: 's3', conversationId: 'c' }],
    };
    const current = when(nothing, { ...started('g1'), clockRule: 1 } as AdmissionEvent, asks('s1'));

    test('takes the new one over, whose welcome may have been lost, again and again', () => {
      const after = when(current, takesOver, again);
      expect(openSessions(after)).toEqual(['s4']);
      const third = asks('s5', { clientId: 'c1', resumeTokenHash: 'token-s1' });
      expect(openSessions(when(after, third))).toEqual(['s5']);
      const withItsOwn = asks('s6', { clientId: 'c1', resumeTokenHash: 'token-s4' });
      expect(openSessions(when(after, withItsOwn))).toEqual(['s6']);
    });

    test('is worth nothing once a beat says that the new one was active', () => {
      expect(when(current, takesOver, active, again).outcomes.at(-1)).toEqual(already('s4'));
    });

    test('is worth nothing in a log of gateways of an earlier release', () => {
      expect(when(given(asks('s1')), takesOver, again).outcomes.at(-1)).toEqual(already('s4'));
    });
  });

  test('a close of the former session does not touch the new one', () => {
    const after = when(given(asks('s1')), takesOver, leaves('s1'));
    expect(openSessions(after)).toEqual(['s3']);
  });
});

describe('the line', () => {
  const full = given(asks('s1'), asks('s2'));

  test('a client that is willing waits in log order, and is told its place', () => {
    const after = when(full, waits('s3'), waits('s4'));
    expect(after.outcomes).toEqual([queued('s3', 1), queued('s4', 2)]);
    expect(['s3', 's4', 's1', 's9'].map((id) => placeInLine(after.state, id))).toEqual([1, 2, 0, 0]);
  });

  test('a client is refused when the line is full', () => {
    expect(when(full, waits('s3'), waits('s4'), waits('s5')).outcomes.at(-1)).toEqual(tooMany('s5'));
  });

  test('a freed slot goes to the first in line at once', () => {
    const after = when(when(full, waits('s3'), waits('s4')), leaves('s2'));
    expect(after.outcomes).toEqual([closed('s2', 'GOODBYE'), opened('s3')]);
    expect(placeInLine(after.state, 's4')).toBe(1);
  });

  test('the first-message deadline of a client from the line runs from its opening, not from its request', () => {
    const after = when(full, waits('s3'), 2_000, leaves('s1'));
    expect(after.state.open.get('s3')?.deadlineClockMs).toBe(after.state.clockMs + limits.firstMessageDeadlineMs);
    expect(after.state.open.get('s3')?.openedAtMs).toBe(startMs + 2_000);
  });

  test('a waiting client that gives up leaves the line', () => {
    const after = when(when(full, waits('s3'), waits('s4')), leaves('s3', 'GAVE_UP'));
    expect(after.outcomes).toEqual([closed('s3', 'GAVE_UP')]);
    expect(line(after)).toEqual(['s4']);
  });

  test('a client that has waited its time is refused', () => {
    const before = when(full, waits('s3', { waitMs: 4_000 }));
    expect(when(before, 4_000, started('g2')).outcomes).toEqual([]);
    expect(when(before, 4_001, beats('g1')).outcomes).toEqual([tooMany('s3')]);
  });

  test('who has waited its time does not get the slot that is freed by the same record', () => {
    const after = when(when(full, waits('s3', { waitMs: 4_000 }), waits('s4')), 5_000, leaves('s1'));
    expect(after.outcomes).toEqual([tooMany('s3'), closed('s1', 'GOODBYE'), opened('s4')]);
  });

  test('a second request of a waiting client is refused', () => {
    const after = when(full, waits('s3'), waits('s4', { clientId: 'c3' }));
    expect(after.outcomes.at(-1)).toEqual(already('s4'));
  });

  test("with the waiting request's token it takes over place and deadline", () => {
    const before = when(full, waits('s3'), waits('s4'));
    const again = waits('s5', { clientId: 'c3', resumeTokenHash: 'token-s3', gatewayId: 'g2' });
    const after = when(before, 1_000, again);
    expect(after.outcomes).toEqual([closed('s3', 'SESSION_TAKEN_OVER'), queued('s5', 1)]);
    expect(line(after)).toEqual(['s5', 's4']);
    expect(after.state.waiting[0]?.deadlineClockMs).toBe(before.state.waiting[0]?.deadlineClockMs);
    expect(when(after, leaves('s1')).outcomes.at(-1)).toEqual(opened('s5', 'c3'));
  });

  test('a request that is not willing to wait takes over no place', () => {
    const after = when(full, waits('s3'), asks('s5', { clientId: 'c3', resumeTokenHash: 'token-s3' }));
    expect(after.outcomes.at(-1)).toEqual(tooMany('s5'));
    expect(line(after)).toEqual(['s3']);
  });
});

describe('repeats', () => {
  test('a repeated request of an open or a waiting session changes nothing', () => {
    const before = given(asks('s1'), asks('s2'), waits('s3'));
    const after = when(before, asks('s1'), waits('s3'));
    expect(after.outcomes).toEqual([]);
    expect(facts(after)).toEqual(facts(before));
  });

  test('a repeated request of a session that was closed, taken over or refused opens nothing', () => {
    const takesOver = asks('s3', { clientId: 'c1', resumeTokenHash: 'token-s1' });
    const before = given(asks('s1'), asks('s2'), asks('s4'), takesOver, leaves('s3'), leaves('s2'));
    const after = when(before, asks('s1'), asks('s2'), takesOver, asks('s4'));
    expect(after.outcomes).toEqual([]);
    expect(openSessions(after)).toEqual([]);
  });

  test('a request that comes after the close of its own session opens nothing', () => {
    expect(openSessions(given(leaves('s1'), asks('s1')))).toEqual([]);
  });

  test('the last 512 ended sessions are remembered, and the memory is bounded', () => {
    const ids = Array.from({ length: 3_000 }, (_, i) => `s${i}`);
    const { state } = given(...ids.flatMap((id) => [asks(id), leaves(id)]));
    expect(ids.slice(-512).filter((id) => !state.ended.has(id))).toEqual([]);
    expect(ids.filter((id) => state.ended.has(id)).length).toBeLessThanOrEqual(1_024);
  });

  test('closing ended sessions again makes nothing else forgotten', () => {
    const ids = Array.from({ length: 1_024 }, (_, i) => `s${i}`);
    const { state } = given(...ids.map((id) => leaves(id)), ...ids.slice(0, 10).map((id) => leaves(id)));
    expect(ids.filter((id) => !state.ended.has(id))).toEqual([]);
  });

  test('a session speaks once', () => {
    const before = given(asks('s1'), speaks('s1'));
    expect(facts(when(before, 1_000, speaks('s1'))).open).toEqual(facts(before).open);
  });

  test('a request that names the session of another client is ignored', () => {
    const before = given(asks('s1'));
    const after = when(before, asks('s1', { clientId: 'c2' }));
    expect([after.outcomes, facts(after)]).toEqual([[], facts(before)]);
  });

  test('an event of a later release changes nothing', () => {
    const unknown = { type: 'GatewayMoved', gatewayId: 'g1' } as unknown as AdmissionEvent;
    const before = given(asks('s1'));
    expect(facts(when(before, unknown))).toEqual(facts(before));
  });
});

describe('leases of gateways', () => {
  const two = when(given(started('g2')), asks('s1', { gatewayId: 'g1' }), asks('s2', { gatewayId: 'g2' }));

  test('a gateway silent for longer than its lease is dead: its sessions end, the line moves up', () => {
    const before = when(two, waits('s3', { gatewayId: 'g2' }), ...living(['g2'], 15_000));
    expect(openSessions(before)).toEqual(['s1', 's2']);
    const after = when(before, 1, beats('g2'));
    expect(after.outcomes).toEqual([closed('s1', 'GATEWAY_LOST'), opened('s3')]);
  });

  test("a dead gateway's waiting clients leave the line and get no slot", () => {
    const inLine = when(two, waits('s3', { gatewayId: 'g1' }), waits('s4', { gatewayId: 'g2' }));
    const before = when(inLine, ...living(['g2'], 15_000));
    const after = when(before, 1, beats('g2'));
    expect(after.outcomes).toEqual([closed('s1', 'GATEWAY_LOST'), closed('s3', 'GATEWAY_LOST'), opened('s4')]);
  });

  test.each([
    ['a beat', beats('g1')],
    ['a request', asks('s3', { gatewayId: 'g1' })],
    ['a first message', speaks('s1')],
    ['a close', leaves('s1')],
  ])('%s of a gateway renews its lease', (_, sign) => {
    const before = when(two, asks('s9', { gatewayId: 'g1' }), ...living(['g2'], 12_000), sign);
    expect(when(before, ...living(['g2'], 15_000)).state.gateways.has('g1')).toBe(true);
    expect(when(before, ...living(['g2'], 18_000)).state.gateways.has('g1')).toBe(false);
  });

  test('while nobody can write nobody is counted out: a gap counts 6 s at most', () => {
    const before = when(two, 3_600_000, beats('g1'));
    expect(before.state.clockMs - two.state.clockMs).toBe(maxFoldGapMs);
    expect(openSessions(before)).toEqual(['s1', 's2']);
  });

  test('by the rule of earlier releases, time that runs backwards counts as none, and is not counted again when it catches up', () => {
    const after = when(two, 5_000, beats('g1'), -4_000, beats('g1'), 4_000, beats('g1'));
    expect(after.state.clockMs - two.state.clockMs).toBe(5_000);
  });

  test('a beat of a gateway that was dead revives it, not its sessions', () => {
    const after = when(two, ...living(['g2'], 18_000), beats('g1'), asks('s3', { gatewayId: 'g1' }));
    expect(openSessions(after)).toEqual(['s2', 's3']);
  });

  test('a gateway that starts again ends its former sessions and places in line at once', () => {
    const before = when(two, waits('s3', { gatewayId: 'g1' }), waits('s4', { gatewayId: 'g2' }));
    const after = when(before, started('g1'));
    const ends = ['s1', 's3'].map((id) => closed(id, 'GATEWAY_RESTARTED'));
    expect(after.outcomes).toEqual([...ends, opened('s4')]);
  });

  test('a process that is about to start under its id ends nothing, and is no sign of life', () => {
    const starting: AdmissionEvent = { type: 'GatewayStarting', gatewayId: 'g1', incarnation: 'another' };
    const after = when(two, ...living(['g2'], 12_000), starting);
    expect([after.outcomes, openSessions(after)]).toEqual([[], ['s1', 's2']]);
    expect(when(after, ...living(['g2'], 6_000)).outcomes).toEqual([closed('s1', 'GATEWAY_LOST')]);
  });

  test('a gateway that stops ends its sessions and is forgotten', () => {
    const after = when(two, stops('g1'));
    expect(after.outcomes).toEqual([closed('s1', 'DRAINING')]);
    expect([...after.state.gateways.keys()]).toEqual(['g2']);
  });

  test("the token of a dead gateway's session takes it over elsewhere before the lease is over", () => {
    const resumes = asks('s3', { clientId: 'c1', gatewayId: 'g2', resumeTokenHash: 'token-s1' });
    const after = when(two, ...living(['g2'], 6_000), resumes);
    expect(when(after, ...living(['g2'], 15_000)).outcomes).toEqual([]);
    expect(openSessions(after)).toEqual(['s2', 's3']);
  });
});

describe('signs of life of sessions', () => {
  const before = given(started('g2'), asks('s1'), asks('s2', { gatewayId: 'g2' }));

  test('a beat says which sessions were active and in which conversation', () => {
    const after = when(before, 3_000, beats('g1', { sessionId: 's1', conversationId: 'next' }));
    expect(after.state.open.get('s1')).toMatchObject({ conversationId: 'next', lastActiveMs: startMs + 3_000 });
  });

  test("a gateway has no say about another's sessions, nor about unknown ones", () => {
    const others = ['s2', 's9'].map((sessionId) => ({ sessionId, conversationId: 'x' }));
    const after = when(before, 3_000, beats('g1', ...others));
    expect(facts(after).open).toEqual(facts(before).open);
  });

  test('the first message counts as a sign of life', () => {
    const after = when(before, 3_000, speaks('s1'));
    expect(after.state.open.get('s1')).toMatchObject({ hasSpoken: true, lastActiveMs: startMs + 3_000 });
  });
});

describe('the first-message deadline', () => {
  const backstopMs = limits.firstMessageDeadlineMs + limits.gatewayLeaseMs;

  test('the fold ends a session that has not spoken a lease after its deadline', () => {
    const before = given(asks('s1'), ...living(['g1'], backstopMs));
    expect(openSessions(before)).toEqual(['s1']);
    expect(when(before, 1, beats('g1')).outcomes).toEqual([closed('s1', 'FIRST_MESSAGE_TIMEOUT')]);
  });

  test('a session that has spoken stays as long as its gateway lives', () => {
    const after = given(asks('s1'), speaks('s1'), ...living(['g1'], 2 * backstopMs));
    expect(openSessions(after)).toEqual(['s1']);
  });

  test('taking over again and again does not keep a silent slot', () => {
    const reconnects = Array.from({ length: 30 }, (_, i): Step[] => [
      3_000,
      asks(`s${i + 2}`, { clientId: 'c1', resumeTokenHash: `token-s${i + 1}` }),
    ]).flat();
    const ends = given(asks('s1'), ...reconnects).outcomes.filter((outcome) => outcome.type === 'closed');
    expect(ends.map(({ reason }) => reason)).toContain('FIRST_MESSAGE_TIMEOUT');
  });
});

describe('limits in the log', () => {
  const full = given(asks('s1'), asks('s2'), waits('s3'), waits('s4'));

  test('a lower cap closes nobody and admits nobody until enough have left', () => {
    const lowered = when(full, started('g2', { maxClients: 1 }));
    expect(lowered.outcomes).toEqual([]);
    expect(when(lowered, leaves('s1')).outcomes).toEqual([closed('s1', 'GOODBYE')]);
    expect(when(lowered, leaves('s1'), leaves('s2')).outcomes.at(-1)).toEqual(opened('s3'));
  });

  test('a higher cap opens the first in line at once', () => {
    expect(when(full, started('g2', { maxClients: 3 })).outcomes).toEqual([opened('s3')]);
  });

  test('a shorter line keeps who stands in it and takes no more', () => {
    const shortened = when(full, started('g2', { maxWaitingClients: 1 }));
    expect(line(shortened)).toEqual(['s3', 's4']);
    expect(when(shortened, leaves('s3'), waits('s5')).outcomes.at(-1)).toEqual(tooMany('s5'));
  });

  test('a shorter lease counts at once', () => {
    const after = when(full, 5_000, started('g2', { gatewayLeaseMs: 4_000 }));
    expect(after.state.gateways.has('g1')).toBe(false);
    expect(openSessions(after)).toEqual([]);
  });
});

test('a snapshot is JSON and restores to the same state', () => {
  const full = given(asks('s1'), speaks('s1'), asks('s2'), waits('s3'), asks('s4'));
  const { state } = when(full, started('g2', { maxClients: 1 }));
  const snapshot = serializeAdmission(state);
  expect(JSON.parse(JSON.stringify(snapshot))).toEqual(snapshot);
  expect(serializeAdmission(restoreAdmission(snapshot))).toEqual(snapshot);
});
