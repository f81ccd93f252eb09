import { expect, test } from '@jest/globals';
import type { AdmissionEvent } from '../../domain/admission/events.ts';
import { evolveShard, initialShard, type ShardEvent, type ShardState } from './shard.ts';

const limits = { maxClients: 1_000, maxWaitingClients: 10, gatewayLeaseMs: 15_000, firstMessageDeadlineMs: 60_000 };
const started: AdmissionEvent = { type: 'GatewayStarted', gatewayId: 'g1', limits };

function fold(quota: number, ...events: readonly ShardEvent[]): ShardState {
  return events.reduce((shard, event) => evolveShard(shard, event, 1_750_000_000_000).shard, initialShard(quota));
}

function asks(name: string, waitMs = 0): AdmissionEvent {
  return {
    type: 'ConnectionRequested',
    sessionId: name,
    clientId: name,
    gatewayId: 'g1',
    timeZone: 'UTC',
    conversationId: name,
    tokenHash: name,
    resumeTokenHash: '',
    waitMs,
  };
}

const gives = (transferId: string, slots: number): ShardEvent => ({ type: 'QuotaGiven', transferId, to: 1, slots });
const takes = (transferId: string, slots: number): ShardEvent => ({ type: 'QuotaTaken', transferId, slots });
const open = ({ admission }: ShardState) => [...admission.open.keys()].sort();

test('the quota is the limit, whatever a gateway says', () => {
  expect(open(fold(2, started, asks('a'), asks('b'), asks('c')))).toEqual(['a', 'b']);
});

test('only slots that are free can be given away, and all of them or none', () => {
  const one = fold(3, started, asks('a'), gives('t1', 2), asks('b'));
  expect([one.quota, open(one)]).toEqual([1, ['a']]);
  const none = fold(3, started, asks('a'), gives('t1', 3), asks('b'));
  expect([none.quota, open(none), none.given.size]).toEqual([3, ['a', 'b'], 0]);
  expect(fold(3, started, gives('t1', 0), gives('t2', -1)).quota).toBe(3);
});

test('a gift leaves once and arrives once, however often it is recorded', () => {
  expect(fold(3, started, gives('t1', 1), gives('t1', 1)).quota).toBe(2);
  expect(fold(3, started, takes('t1', 1), takes('t1', 1), takes('t2', 2)).quota).toBe(6);
});

test('slots that arrive are given to the line', () => {
  expect(open(fold(1, started, asks('a'), asks('b', 5_000), takes('t1', 1)))).toEqual(['a', 'b']);
});
