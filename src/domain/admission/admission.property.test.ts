import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assertProperty } from '../../testing/property.ts';
import type { AdmissionEvent, AdmissionLimits, ConnectionRequested } from './events.ts';
import type { AdmissionOutcome } from './evolve.ts';
import { evolve } from './evolve.ts';
import { checkAdmission } from './invariants.ts';
import type { AdmissionState } from './state.ts';
import { currentClockRule, initialAdmission, restoreAdmission, serializeAdmission } from './state.ts';

interface Entry {
  readonly event: AdmissionEvent;
  readonly timeMs: number;
}

/** What somebody tries; which event that is depends on who is connected at that moment. */
type Command =
  | { kind: 'request'; client: number; gateway: number; token: 'none' | 'own' | 'foreign' | 'wrong'; waitMs: number }
  | { kind: 'speak' | 'close'; pick: number }
  | { kind: 'stranger'; type: 'ConnectionSpoke' | 'ConnectionClosed' }
  | { kind: 'beat'; gateway: number }
  | { kind: 'start'; gateway: number; limits: AdmissionLimits; clockRule?: number | undefined }
  | { kind: 'stop'; gateway: number }
  | { kind: 'repeat'; pick: number };

const clients = fc.nat({ max: 6 });
const gateways = fc.nat({ max: 2 });
const picks = fc.nat({ max: 1_000 });

const limits: fc.Arbitrary<AdmissionLimits> = fc.record({
  maxClients: fc.integer({ min: 0, max: 4 }),
  maxWaitingClients: fc.integer({ min: 0, max: 3 }),
  gatewayLeaseMs: fc.constantFrom(15_000, 15_000, 8_000, 0),
  firstMessageDeadlineMs: fc.constantFrom(60_000, 5_000, 0),
});

/** Of this release, and of those before it. */
const rules = fc.constantFrom(undefined, currentClockRule);

const commands: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('request' as const),
      client: clients,
      gateway: gateways,
      token: fc.constantFrom('none', 'none', 'own', 'foreign', 'wrong'),
      waitMs: fc.constantFrom(0, 2_000, 30_000, 30_000),
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom('speak', 'close'), pick: picks }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('beat' as const), gateway: gateways }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('repeat' as const), pick: picks }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('start' as const), gateway: gateways, limits, clockRule: rules }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('stop' as const), gateway: gateways }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('stranger' as const),
      type: fc.constantFrom('ConnectionSpoke', 'ConnectionClosed'),
    }),
  },
);

/** Mostly busy, at times silent for longer than any lease, once in a while backwards. */
const gapsMs = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 1_500 }) },
  { weight: 3, arbitrary: fc.integer({ min: 1_500, max: 7_000 }) },
  { weight: 1, arbitrary: fc.constantFrom(-3_600_000, -1_000, 20_000, 3_600_000) },
);

/** Histories that begin with the start of a gateway, so that most are about clients. */
const histories: fc.Arbitrary<readonly Entry[]> = fc
  .tuple(limits, rules, fc.array(fc.tuple(gapsMs, commands), { maxLength: 80 }))
  .map(([first, clockRule, steps]) => play([[0, { kind: 'start', gateway: 0, limits: first, clockRule }], ...steps]));

function play(steps: readonly (readonly [number, Command])[]): readonly Entry[] {
  const entries: Entry[] = [];
  let state = initialAdmission;
  let timeMs = 1_750_000_000_000;
  for (const [gapMs, command] of steps) {
    timeMs += gapMs;
    const event = eventOf(command, state, entries);
    entries.push({ event, timeMs });
    state = evolve(state, event, timeMs).state;
  }
  return entries;
}

function eventOf(command: Command, state: AdmissionState, before: readonly Entry[]): AdmissionEvent {
  const held = [...state.open.keys(), ...state.waiting.map(({ request }) => request.sessionId)];
  switch (command.kind) {
    case 'request':
      return requestOf(command, state, `s${before.length}`);
    case 'speak':
      return { type: 'ConnectionSpoke', sessionId: held[command.pick % held.length] ?? 'nobody' };
    case 'close':
      return close(held[command.pick % held.length] ?? 'nobody');
    case 'stranger':
      return strangers(command.type, `stranger-${before.length}`);
    case 'beat': {
      const active = [...held, 'nobody'].map((sessionId) => ({ sessionId, conversationId: `v${before.length}` }));
      return { type: 'GatewayBeat', gatewayId: `g${command.gateway}`, active };
    }
    case 'start':
      return {
        type: 'GatewayStarted',
        gatewayId: `g${command.gateway}`,
        limits: command.limits,
        clockRule: command.clockRule,
      };
    case 'stop':
      return { type: 'GatewayStopped', gatewayId: `g${command.gateway}` };
    case 'repeat':
      return before[command.pick % before.length]?.event ?? close('nobody');
  }
}

function close(sessionId: string): AdmissionEvent {
  return { type: 'ConnectionClosed', sessionId, reason: 'GOODBYE', detail: '' };
}

function strangers(type: 'ConnectionSpoke' | 'ConnectionClosed', sessionId: string): AdmissionEvent {
  return type === 'ConnectionSpoke' ? { type, sessionId } : close(sessionId);
}

function requestOf(
  { client, gateway, token, waitMs }: Command & { kind: 'request' },
  state: AdmissionState,
  sessionId: string,
): ConnectionRequested {
  const clientId = `c${client}`;
  const own = state.sessionOfClient.get(clientId);
  const foreign = [...state.sessionOfClient].find(([other]) => other !== clientId)?.[1];
  const known = { none: undefined, own, foreign, wrong: 'nobody' }[token];
  return {
    type: 'ConnectionRequested',
    sessionId,
    clientId,
    gatewayId: `g${gateway}`,
    timeZone: 'Asia/Tokyo',
    conversationId: `v${client}`,
    tokenHash: `token-${sessionId}`,
    resumeTokenHash: known === undefined ? '' : `token-${known}`,
    waitMs,
  };
}

interface Step extends Entry {
  readonly before: AdmissionState;
  readonly after: AdmissionState;
  readonly outcomes: readonly AdmissionOutcome[];
}

function fold(history: readonly Entry[], from: AdmissionState = initialAdmission): readonly Step[] {
  const steps: Step[] = [];
  let before = from;
  for (const { event, timeMs } of history) {
    const { state: after, outcomes } = evolve(before, event, timeMs);
    steps.push({ event, timeMs, before, after, outcomes });
    before = after;
  }
  return steps;
}

function last(steps: readonly Step[]): AdmissionState {
  return steps.at(-1)?.after ?? initialAdmission;
}

const outcomesOf = (steps: readonly Step[]) => steps.map(({ outcomes }) => outcomes);
const facts = serializeAdmission;
/** Without the note of when to look for what has run out: that may be early, and differs by how often one looked. */
const verdicts = (state: AdmissionState) => ({ ...facts(state), nextExpiryClockMs: undefined });
const runs = { numRuns: 1_000 };
const holds = (property: (history: readonly Entry[]) => void): void => {
  assertProperty(fc.property(histories, property), runs);
};

/**
 * Who is connected and who waits, kept only from the outcomes, in plain arrays: what a gateway can know, and a witness
 * that does not trust the state.
 */
class Ledger {
  readonly open = new Map<string, string>();
  line: string[] = [];
  readonly clientOf = new Map<string, string>();

  take(outcome: AdmissionOutcome, event: AdmissionEvent): void {
    switch (outcome.type) {
      case 'opened':
        if (this.line.includes(outcome.sessionId)) expect(this.line.shift()).toBe(outcome.sessionId);
        expect([...this.open.values()]).not.toContain(outcome.clientId);
        this.open.set(outcome.sessionId, outcome.clientId);
        return;
      case 'queued':
        expect(event).toMatchObject({ type: 'ConnectionRequested', sessionId: outcome.sessionId });
        this.line.splice(outcome.place - 1, 0, outcome.sessionId);
        return;
      case 'closed':
        expect(this.open.has(outcome.sessionId) || this.line.includes(outcome.sessionId)).toBe(true);
        this.open.delete(outcome.sessionId);
        this.line = this.line.filter((sessionId) => sessionId !== outcome.sessionId);
        return;
      case 'refused':
        expect(this.open.has(outcome.sessionId)).toBe(false);
        this.line = this.line.filter((sessionId) => sessionId !== outcome.sessionId);
    }
  }
}

describe('whatever happens, in every prefix of the log', () => {
  test('no limit is broken', () => {
    holds((history) => {
      for (const { after } of fold(history)) expect(checkAdmission(after)).toBeNull();
    });
  });

  test('the outcomes alone tell who is connected and who waits: one session a client, the line in log order', () => {
    holds((history) => {
      const ledger = new Ledger();
      for (const { event, before, after, outcomes } of fold(history)) {
        for (const outcome of outcomes) ledger.take(outcome, event);
        expect([...ledger.open.keys()].sort()).toEqual([...after.open.keys()].sort());
        expect(ledger.line).toEqual(after.waiting.map(({ request }) => request.sessionId));
        expect(ledger.open.size).toBeLessThanOrEqual(Math.max(after.limits.maxClients, before.open.size));
        const holders = [...ledger.open.values(), ...after.waiting.map(({ request }) => request.clientId)];
        expect(new Set(holders).size).toBe(holders.length);
      }
    });
  });

  test('a request that was not repeated gets one verdict, and a session that ended never opens again', () => {
    holds((history) => {
      const done = new Set<string>();
      const asked = new Set<string>();
      for (const { event, outcomes } of fold(history)) {
        const sessionId = event.type === 'ConnectionRequested' ? event.sessionId : '';
        if (sessionId !== '' && !asked.has(sessionId) && !done.has(sessionId)) {
          expect(outcomes.filter((outcome) => outcome.sessionId === sessionId)).toHaveLength(1);
          asked.add(sessionId);
        }
        for (const outcome of outcomes) {
          expect(done.has(outcome.sessionId)).toBe(false);
          if (outcome.type === 'closed' || outcome.type === 'refused') done.add(outcome.sessionId);
        }
      }
    });
  });
});

describe('the fold', () => {
  test('folding every record twice equals folding it once', () => {
    holds((history) => {
      const twice = history.flatMap((entry) => [entry, entry]);
      expect(verdicts(last(fold(twice)))).toEqual(verdicts(last(fold(history))));
    });
  });

  test('a request repeated at any later time changes no session', () => {
    assertProperty(
      fc.property(histories, picks, (history, pick) => {
        const requests = history.filter(({ event }) => event.type === 'ConnectionRequested');
        const repeated = requests[pick % requests.length]?.event;
        fc.pre(repeated !== undefined);
        const state = last(fold(history));
        const after = evolve(state, repeated, state.lastRecordMs);
        expect(after.outcomes).toEqual([]);
        expect(facts(after.state).open).toEqual(facts(state).open);
        expect(after.state.waiting).toEqual(state.waiting);
      }),
      runs,
    );
  });

  test('storing and restoring the state at any point changes nothing that follows', () => {
    assertProperty(
      fc.property(histories, picks, (history, pick) => {
        const cut = pick % (history.length + 1);
        const state = last(fold(history.slice(0, cut)));
        const restored = restoreAdmission(JSON.parse(JSON.stringify(serializeAdmission(state))));
        expect(facts(restored)).toEqual(facts(state));
        const rest = history.slice(cut);
        expect(outcomesOf(fold(rest, restored))).toEqual(outcomesOf(fold(rest, state)));
      }),
      runs,
    );
  });

  test('the same history gives the same outcomes and state, and no state that was handed in changes', () => {
    holds((history) => {
      const steps = fold(history);
      const seen = steps.map(({ before }) => JSON.stringify(facts(before)));
      const again = fold(history);
      expect(outcomesOf(again)).toEqual(outcomesOf(steps));
      expect(again.map(({ before }) => JSON.stringify(facts(before)))).toEqual(seen);
      expect(steps.map(({ before }) => JSON.stringify(facts(before)))).toEqual(seen);
    });
  });

  test('looking for what has run out only when something can be due misses nothing', () => {
    holds((history) => {
      let eager = initialAdmission;
      for (const { after, event, timeMs, outcomes } of fold(history)) {
        const next = evolve({ ...eager, nextExpiryClockMs: -1 }, event, timeMs);
        eager = next.state;
        expect(next.outcomes).toEqual(outcomes);
        expect(verdicts(after)).toEqual(verdicts(eager));
      }
    });
  });
});

test('the random histories reach every kind of verdict', () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(histories, (history) => {
      for (const { event, outcomes } of fold(history)) {
        for (const outcome of outcomes) seen.add(kindOf(outcome, event));
      }
    }),
    // Always the same histories: a kind that is rare must not be missing now and then.
    { ...runs, seed: 2 },
  );
  expect([...seen].sort()).toEqual([
    'closed DRAINING',
    'closed FIRST_MESSAGE_TIMEOUT',
    'closed GATEWAY_LOST',
    'closed GATEWAY_RESTARTED',
    'closed GOODBYE',
    'closed SESSION_TAKEN_OVER',
    'opened from the line',
    'opened on request',
    'queued at 1',
    'queued at 2',
    'queued at 3',
    'refused ALREADY_CONNECTED',
    'refused TOO_MANY_CLIENTS',
  ]);
});

function kindOf(outcome: AdmissionOutcome, event: AdmissionEvent): string {
  if (outcome.type === 'queued') return `queued at ${outcome.place}`;
  if (outcome.type !== 'opened') return `${outcome.type} ${outcome.reason}`;
  const requested = event.type === 'ConnectionRequested' && event.sessionId === outcome.sessionId;
  return requested ? 'opened on request' : 'opened from the line';
}
