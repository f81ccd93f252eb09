import { beforeEach, expect, test } from '@jest/globals';
import { AccountStoreUnavailable } from '../../ports/account-store.ts';
import { type SecurityEvent, securityEntryMs } from '../../ports/security-log.ts';
import { StandingClock } from '../../testing/standing-clock.ts';
import { maxFailureEntriesPerMinute, SecurityRecorder } from './security-recorder.ts';

let clock: StandingClock;
let recorded: SecurityEvent[];
let complaints: object[];
let counted: string[];
let isAway: boolean;
let recorder: SecurityRecorder;
beforeEach(() => {
  clock = new StandingClock(securityEntryMs * 30_000_000);
  recorded = [];
  complaints = [];
  counted = [];
  isAway = false;
  recorder = new SecurityRecorder({
    clock,
    log: {
      async record(event) {
        if (isAway) throw new AccountStoreUnavailable('gone');
        recorded.push(event);
      },
    },
    logger: { error: (fields) => void complaints.push(fields) },
    metrics: { securityEvent: (kind) => void counted.push(kind), securityEventLost: () => void counted.push('lost') },
  });
});

const failure = (index: number) =>
  recorder.record({ kind: 'sign_in_failed', clientId: `client ${index}`, address: `address ${index}` });

test('fills in the time, and leaves empty what is not known', async () => {
  await recorder.record({ kind: 'sign_in', clientId: 'c' });
  const unknown = { userName: '', operator: '', address: '', detail: '' };
  expect(recorded).toEqual([{ kind: 'sign_in', clientId: 'c', timeMs: clock.nowMs(), ...unknown }]);
});

test('makes no more entries of failures in a minute than it may, counts the others as one, and begins anew with the next', async () => {
  for (let index = 0; index < 3 * maxFailureEntriesPerMinute; index += 1) await failure(index);
  await failure(0);
  const nobody = recorded.filter(({ clientId, address }) => clientId === '' && address === '');
  expect(nobody).toHaveLength(2 * maxFailureEntriesPerMinute);
  expect(new Set(recorded.map(({ clientId }) => clientId)).size).toBe(maxFailureEntriesPerMinute + 1);
  expect(recorded.at(-1)).toMatchObject({ clientId: 'client 0', address: 'address 0' });
  await recorder.record({ kind: 'sign_in', clientId: 'ann' });
  expect(recorded.at(-1)).toMatchObject({ clientId: 'ann' });
  clock.advance(securityEntryMs);
  await failure(1_000);
  expect(recorded.at(-1)).toMatchObject({ clientId: 'client 1000' });
});

test('goes on while the log is away, and says what is missing there', async () => {
  isAway = true;
  await recorder.record({ kind: 'role_changed', userName: 'ann' });
  expect(complaints).toEqual([{ err: expect.any(Error), event: expect.objectContaining({ userName: 'ann' }) }]);
  expect(counted).toEqual(['role_changed', 'lost']);
});

test('writes attempts that were refused down once a minute for each address, and of many addresses once', async () => {
  const refusedFrom = (address: string) => recorder.record({ kind: 'attempts_refused', address });
  for (let count = 0; count < 3; count += 1) await refusedFrom('192.0.2.1');
  expect(recorded.map(({ address }) => address)).toEqual(['192.0.2.1']);
  expect(counted).toHaveLength(3);
  for (let index = 0; index < 2 * maxFailureEntriesPerMinute; index += 1) await refusedFrom(`address ${index}`);
  expect(recorded).toHaveLength(maxFailureEntriesPerMinute + 1);
  expect(recorded.at(-1)).toMatchObject({ address: '' });
  clock.advance(securityEntryMs);
  await refusedFrom('192.0.2.1');
  expect(recorded).toHaveLength(maxFailureEntriesPerMinute + 2);
});
