import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assertProperty } from '../../testing/property.ts';
import { gatewayBeatMs, gatewayLeaseMs, maxFoldGapMs } from '../limits.ts';
import type { AdmissionEvent, ConnectionRequested, GatewayBeat, GatewayStarted } from './events.ts';
import { evolve } from './evolve.ts';
import { type AdmissionState, currentClockRule, initialAdmission } from './state.ts';

/*
 * Cause: the fold's clock followed the newest record time. One record written while a clock was days ahead held it for days, and the
 * log itself gave all later records the same time: no lease, no deadline and no place in line ran out any more.
 */

const dayMs = 86_400_000;
const startMs = 1_750_000_000_000;
const limits = { maxClients: 2, maxWaitingClients: 5, gatewayLeaseMs, firstMessageDeadlineMs: 60_000 };

function started(gatewayId: string, clockRule?: number): GatewayStarted {
  return { type: 'GatewayStarted', gatewayId, limits, clockRule };
}

function beat(gatewayId: string): GatewayBeat {
  return { type: 'GatewayBeat', gatewayId, active: [] };
}

function request(sessionId: string, gatewayId: string, waitMs = 0): ConnectionRequested {
  const client = { clientId: `client of ${sessionId}`, timeZone: 'UTC', conversationId: 'c' };
  return { type: 'ConnectionRequested', sessionId, gatewayId, ...client, tokenHash: '', resumeTokenHash: '', waitMs };
}

/** Folds events at real times, which the log sees through a clock that is off by `offMs` of the real time. */
class Timeline {
  state: AdmissionState = initialAdmission;
  readonly verdicts: string[] = [];
  readonly #offMs: (realMs: number) => number;

  constructor(offMs: (realMs: number) => number) {
    this.#offMs = offMs;
  }

  at(realMs: number, event: AdmissionEvent): void {
    const { state, outcomes } = evolve(this.state, event, startMs + realMs + this.#offMs(realMs));
    this.state = state;
    for (const outcome of outcomes) {
      const reason = 'reason' in outcome ? ` ${outcome.reason}` : '';
      this.verdicts.push(`${realMs} ${outcome.type} ${outcome.sessionId}${reason}`);
    }
  }

  /** Beats of this gateway, all but the first instant. */
  beats(gatewayId: string, fromMs: number, toMs: number): void {
    for (let realMs = fromMs + gatewayBeatMs; realMs <= toMs; realMs += gatewayBeatMs) this.at(realMs, beat(gatewayId));
  }
}

/** For one record in between, the clock is a week ahead. */
const weekAheadOnce = (fromMs: number) => (realMs: number) =>
  realMs >= fromMs && realMs < fromMs + 1_000 ? 7 * dayMs : 0;

describe('after one record from a clock that was a week ahead', () => {
  test('a gateway that died is counted out', () => {
    const log = new Timeline(weekAheadOnce(2_000));
    log.at(0, started('living', currentClockRule));
    log.at(1_000, started('dead', currentClockRule));
    log.at(2_000, request('held', 'dead'));
    log.beats('living', 3_000, 30_000);
    expect(log.verdicts).toEqual(['2000 opened held', '24000 closed held GATEWAY_LOST']);
  });

  test('the wait in line ends', () => {
    const log = new Timeline(weekAheadOnce(3_000));
    log.at(0, started('g', currentClockRule));
    for (const [index, name] of ['one', 'two'].entries()) log.at(1_000 + index, request(name, 'g'));
    log.at(3_000, request('waits', 'g', 10_000));
    log.beats('g', 4_000, 30_000);
    expect(log.verdicts.slice(2)).toEqual(['3000 queued waits', '19000 refused waits TOO_MANY_CLIENTS']);
  });

  test('a session that never speaks ends', () => {
    const log = new Timeline(weekAheadOnce(2_000));
    log.at(0, started('g', currentClockRule));
    log.at(2_000, request('silent', 'g'));
    log.beats('g', 3_000, 90_000);
    expect(log.verdicts).toEqual(['2000 opened silent', '84000 closed silent FIRST_MESSAGE_TIMEOUT']);
  });

  test('and nobody is counted out who beats', () => {
    const log = new Timeline(weekAheadOnce(30_000));
    log.at(0, started('g', currentClockRule));
    log.at(1_000, request('held', 'g'));
    log.at(1_500, { type: 'ConnectionSpoke', sessionId: 'held' });
    log.beats('g', 3_000, 120_000);
    expect(log.verdicts).toEqual(['1000 opened held']);
  });
});

describe('whatever the steps of the log’s clock', () => {
  const steps = fc.array(
    fc.record({ atMs: fc.integer({ min: 0, max: 150_000 }), offMs: fc.integer({ min: -30 * dayMs, max: 30 * dayMs }) }),
    { maxLength: 6 },
  );
  const gaps = fc.array(fc.integer({ min: 1, max: gatewayBeatMs }), { maxLength: 100 });

  test('each of them moves the fold’s clock on by one gap at most, and holds it up for one record at most', () => {
    assertProperty(
      fc.property(steps, gaps, (changes, between) => {
        const offMs = (realMs: number) => changes.filter(({ atMs }) => atMs <= realMs).at(-1)?.offMs ?? 0;
        const log = new Timeline(offMs);
        log.at(0, started('g', currentClockRule));
        let realMs = 0;
        for (const gapMs of between) {
          const before = log.state.clockMs;
          const stepped = offMs(realMs + gapMs) !== offMs(realMs);
          realMs += gapMs;
          log.at(realMs, beat('g'));
          const passedMs = log.state.clockMs - before;
          if (!stepped) expect(passedMs).toBe(gapMs);
          expect(passedMs).toBeGreaterThanOrEqual(0);
          expect(passedMs).toBeLessThanOrEqual(maxFoldGapMs);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('a dead gateway is counted out within its lease and one record for each step', () => {
    assertProperty(
      fc.property(steps, gaps, (changes, between) => {
        const offMs = (realMs: number) => changes.filter(({ atMs }) => atMs <= realMs).at(-1)?.offMs ?? 0;
        const log = new Timeline(offMs);
        log.at(0, started('dead', currentClockRule));
        log.at(0, started('living', currentClockRule));
        log.at(0, request('held', 'dead'));
        let realMs = 0;
        let lost = 0;
        for (const gapMs of between) {
          if (offMs(realMs + gapMs) !== offMs(realMs)) lost += gatewayBeatMs;
          realMs += gapMs;
          log.at(realMs, beat('living'));
          if (realMs > gatewayLeaseMs + lost + gatewayBeatMs) expect(log.state.open.size).toBe(0);
        }
      }),
      { numRuns: 300 },
    );
  });
});

test('logs of earlier releases are refolded by their rule, until a gateway says that it goes by the next', () => {
  const log = new Timeline(weekAheadOnce(2_000));
  log.at(0, started('living'));
  log.at(1_000, started('dead'));
  log.at(2_000, request('held', 'dead'));
  log.beats('living', 3_000, 60_000);
  expect(log.verdicts).toEqual(['2000 opened held']);
  log.at(63_000, started('upgraded', currentClockRule));
  log.beats('living', 64_000, 90_000);
  expect(log.verdicts.slice(1)).toEqual(['79000 closed held GATEWAY_LOST']);
  log.at(91_000, started('old'));
  expect(log.state.clockRule).toBe(currentClockRule);
});
