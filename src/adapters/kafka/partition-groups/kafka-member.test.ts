import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Clock } from '../../../ports/clock.ts';
import { eventually } from '../../../testing/test-sessions.ts';
import { systemClock } from '../../node/system-clock.ts';
import { KafkaMember } from './kafka-member.ts';
import { kafkaError, StandInCoordinator } from './testing/stand-in-coordinator.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

let coordinator: StandInCoordinator;
let assigned: (readonly number[])[];
let member: KafkaMember | undefined;
beforeEach(() => {
  coordinator = new StandInCoordinator(2);
  assigned = [];
});
afterEach(async () => {
  await member?.[Symbol.asyncDispose]();
});

function join(clock: Clock = systemClock): void {
  member = new KafkaMember({
    kafka: coordinator.kafka,
    logger: silent,
    clock,
    sessionTimeoutMs: 60_000,
    heartbeatMs: 5,
    group: 'group',
    topic: 'topic',
    onAssigned: (partitions) => assigned.push(partitions),
  });
}

async function assignedOften(times: number): Promise<void> {
  await eventually(
    async () => assigned.length,
    (count) => count >= times,
  );
}

// A broker that was frozen expelled a member, lost its place as coordinator, and loaded the group again as it had been stored before. The member had
// dropped its id by then, joined under a new one, and everybody waited 6 s until the session of its former self was over.
test('a member whose former id the coordinator has again does not wait for itself', async () => {
  join();
  await assignedOften(1);
  coordinator.expel('member-1');
  coordinator.refuseNextNewcomer('NOT_COORDINATOR_FOR_GROUP', () => coordinator.restore('member-1'));
  await assignedOften(3);
  expect(assigned).toEqual([[0, 1], [], [0, 1]]);
  expect(coordinator.memberIds).toEqual(['member-2']);
});

test('its former id is nobody any more once it has a share under another', async () => {
  join();
  await assignedOften(1);
  coordinator.expel('member-1');
  await assignedOften(3);
  coordinator.requests.length = 0;
  coordinator.expel('member-2');
  await assignedOften(5);
  expect(coordinator.requests.filter((request) => request.startsWith('leave'))).toEqual(['leave member-2']);
});

// It waited for a beat's interval first, and the lease, which had not been prolonged for 4 s by then, ended in it: after a freeze of 3 s partitions were
// given up, and nobody worked on them for 2 s.
test('a member that has found its coordinator again beats at once', async () => {
  const { requests, heartbeatErrors } = coordinator;
  join({
    ...systemClock,
    sleep: (ms, signal) => {
      requests.push(`pause of ${ms} ms`);
      return systemClock.sleep(ms, signal);
    },
  });
  await assignedOften(1);
  heartbeatErrors.push(kafkaError('NOT_COORDINATOR_FOR_GROUP'));
  const next = await eventually(
    async () => requests[requests.indexOf('pause of 100 ms') + 1],
    (request) => requests.includes('pause of 100 ms') && request !== undefined,
  );
  expect(next).toBe('heartbeat member-1');
});

// With waits of up to 1 s, a group whose coordinator was still being loaded when it was asked first had nobody at work for another second.
test('a coordinator that comes back is found within 250 ms, however long it was away', async () => {
  const waitsMs: number[] = [];
  const clock: Clock = {
    ...systemClock,
    sleep: async (ms, signal) => {
      if (coordinator.lookUpErrors.length > 0) waitsMs.push(ms);
      await systemClock.sleep(1, signal);
    },
  };
  for (let failures = 0; failures < 40; failures += 1)
    coordinator.lookUpErrors.push(kafkaError('GROUP_COORDINATOR_NOT_AVAILABLE'));
  join(clock);
  await assignedOften(1);
  expect(waitsMs.length).toBeGreaterThan(30);
  expect(Math.max(...waitsMs)).toBeLessThanOrEqual(250);
});
