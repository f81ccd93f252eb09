import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { StandingClock } from '../../testing/standing-clock.ts';
import { AccountStoreUnavailable } from '../account-store.ts';
import type { Clock } from '../clock.ts';
import { type SecurityEvent, type SecurityLog, securityEntryMs, securityEventsKeptMs } from '../security-log.ts';

/** An empty log to test. */
export interface SecurityLogUnderTest extends AsyncDisposable {
  /** Another handle on the same log. */
  open(): Promise<SecurityLog>;
}

/** What every security log must do. The clock is the log's. */
export function securityLogContract(name: string, prepare: (clock: Clock) => Promise<SecurityLogUnderTest>): void {
  describe(`security log: ${name}`, () => {
    let clock: StandingClock;
    let subject: SecurityLogUnderTest;
    let log: SecurityLog;
    /** Another server's. */
    let other: SecurityLog;

    beforeEach(async () => {
      clock = new StandingClock(securityEntryMs * 30_000_000);
      subject = await prepare(clock);
      log = await subject.open();
      other = await subject.open();
    });
    afterEach(async () => {
      await log[Symbol.asyncDispose]();
      await other[Symbol.asyncDispose]();
      await subject[Symbol.asyncDispose]();
    });

    const event = (more: Partial<SecurityEvent> = {}): SecurityEvent => ({
      kind: 'sign_in_failed',
      timeMs: clock.nowMs(),
      clientId: 'client of ann',
      userName: 'Ann',
      operator: '',
      address: '192.0.2.1',
      detail: '',
      ...more,
    });

    test('shows what was recorded, through every handle', async () => {
      const all = event({ kind: 'session_ended', operator: 'client of olga', detail: '"; DROP TABLE $where' });
      await log.record(all);
      expect(await other.list(undefined, 10)).toEqual([
        { ...all, count: 1, lastTimeMs: all.timeMs, entryId: expect.any(String) },
      ]);
    });

    test('counts what agrees in all but its time within a minute as one entry, and nothing else', async () => {
      const first = event();
      await log.record(first);
      clock.advance(securityEntryMs - 1);
      const last = event();
      await other.record(last);
      const others = [
        { kind: 'sign_in' },
        { clientId: 'another' },
        { userName: 'Bob' },
        { operator: 'olga' },
        { address: '192.0.2.2' },
        { detail: 'x' },
      ] as const;
      for (const more of others) await log.record(event(more));
      clock.advance(1);
      await log.record(event());
      const listed = await other.list(undefined, 100);
      expect(listed).toHaveLength(2 + others.length);
      expect(listed.at(-1)).toMatchObject({ count: 2, timeMs: first.timeMs, lastTimeMs: last.timeMs });
      expect(listed[0]).toMatchObject({ count: 1, timeMs: clock.nowMs() });
    });

    test('counts every event when many servers record at once', async () => {
      await Promise.all(Array.from({ length: 20 }, (_, index) => [log, other][index % 2]!.record(event())));
      const listed = await log.list(undefined, 10);
      expect(listed.map(({ count }) => count)).toEqual([20]);
    });

    test('is listed newest first, page by page, also where many have one time', async () => {
      for (let minute = 0; minute < 3; minute += 1) {
        for (const userName of ['Ann', 'Bob', 'Carl']) await log.record(event({ userName }));
        clock.advance(securityEntryMs);
      }
      const all = await log.list(undefined, 100);
      expect(all).toHaveLength(9);
      expect(all.map(({ timeMs }) => timeMs)).toEqual(all.map(({ timeMs }) => timeMs).sort((a, b) => b - a));
      const paged = [];
      for (let page = await log.list(undefined, 2); page.length > 0; page = await log.list(page.at(-1), 2))
        paged.push(...page);
      expect(paged).toEqual(all);
    });

    test('keeps an entry for its time, and not longer', async () => {
      await log.record(event());
      clock.advance(securityEventsKeptMs - 1);
      expect(await other.list(undefined, 10)).toHaveLength(1);
      clock.advance(1);
      expect(await other.list(undefined, 10)).toEqual([]);
      await log.record(event({ userName: 'Bob' }));
      expect(await other.list(undefined, 10)).toMatchObject([{ userName: 'Bob' }]);
    });

    test('that is closed rejects with AccountStoreUnavailable', async () => {
      await other[Symbol.asyncDispose]();
      await expect(other.record(event())).rejects.toThrow(AccountStoreUnavailable);
      await expect(other.list(undefined, 1)).rejects.toThrow(AccountStoreUnavailable);
    });
  });
}
