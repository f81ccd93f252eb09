import { afterEach, describe, expect, test } from '@jest/globals';
import { StandingClock } from '../../../testing/standing-clock.ts';
import { systemClock } from '../../node/system-clock.ts';
import { Lease } from './lease.ts';

const lengthMs = 5_000;
const leases: Lease[] = [];
afterEach(() => {
  for (const lease of leases.splice(0)) lease[Symbol.dispose]();
});

function begun() {
  const clock = new StandingClock();
  let ends = 0;
  const lease = new Lease(clock, lengthMs, () => {
    ends += 1;
  });
  leases.push(lease);
  expect(lease.begin(clock.monotonicMs())).toBe(true);
  return { clock, lease, ends: () => ends };
}

describe('a lease', () => {
  test('holds from when the request was sent, not from its answer', () => {
    const { clock, lease, ends } = begun();
    const sentMs = clock.monotonicMs() + 1_000;
    clock.advance(4_000);
    lease.prolong(sentMs);
    clock.advance(1_999);
    expect(lease.holds()).toBe(true);
    clock.advance(1);
    expect([lease.holds(), ends()]).toEqual([false, 1]);
  });

  test('that is overdue is ended by whoever asks before its timer, once', () => {
    const { clock, lease, ends } = begun();
    clock.advance(30_000);
    lease.prolong(clock.monotonicMs());
    expect([lease.holds(), lease.holds(), ends()]).toEqual([false, false, 1]);
  });

  test('does not begin from an answer that lay there for too long, which ends the one before', () => {
    const { clock, lease, ends } = begun();
    const sentMs = clock.monotonicMs();
    clock.advance(30_000);
    expect(lease.begin(sentMs)).toBe(false);
    expect([lease.holds(), ends()]).toEqual([false, 1]);
  });

  test('that is overdue is ended before a new one begins', () => {
    const { clock, lease, ends } = begun();
    clock.advance(lengthMs);
    expect(lease.begin(clock.monotonicMs())).toBe(true);
    expect([lease.holds(), ends()]).toEqual([true, 1]);
  });

  test('is not shortened by an older answer', () => {
    const { clock, lease } = begun();
    const sentMs = clock.monotonicMs() - 3_000;
    lease.prolong(sentMs);
    clock.advance(lengthMs - 1);
    expect(lease.holds()).toBe(true);
  });

  test('ends by itself, and tells nobody when it was dropped', async () => {
    const ended = Promise.withResolvers<void>();
    const dropped = new Lease(systemClock, 20, () => ended.reject(new Error('the one that was dropped')));
    dropped.begin(systemClock.monotonicMs());
    dropped[Symbol.dispose]();
    const lease = new Lease(systemClock, 40, ended.resolve);
    lease.begin(systemClock.monotonicMs());
    await ended.promise;
    expect(lease.holds()).toBe(false);
  });
});
