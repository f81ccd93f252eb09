import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type KafkaEngine, startKafka } from '../../../testing/engines/kafka.ts';
import { promisedMs } from '../../../testing/promised.ts';
import { seededRandom } from '../../../testing/random.ts';
import { rounds } from '../../../testing/rounds.ts';
import { systemClock } from '../../node/system-clock.ts';
import { Crowd } from './testing/crowd.ts';
import { MemberProcesses, machineMs } from './testing/member-processes.ts';
import { newTopic } from './testing/new-topic.ts';

const startLimitMs = 120_000;
const testLimitMs = 300_000;
/** Of things that no promise hurries: processes start slowly on a busy machine. */
const waitTimeoutMs = 30_000;
/** Promised by the port: partitions of a member that dies pass to the others. */
const takeOverMs = promisedMs(10_000);
const comingsAndGoings = rounds({ usual: 20, long: 200 });

let engine: KafkaEngine;
beforeAll(async () => {
  engine = await startKafka();
}, startLimitMs);
afterAll(() => engine?.[Symbol.asyncDispose]());

/** So many members of a new group, until they have equal shares of a new topic: the first may have had all of it for a while. */
async function group(memberCount: number, partitionCount: number): Promise<MemberProcesses> {
  const topic = await newTopic(engine.brokers.split(','), partitionCount);
  const members = new MemberProcesses(engine.brokers, `group.${randomUUID()}`, topic);
  for (let started = 0; started < memberCount; started += 1) members.start();
  const least = Math.floor(partitionCount / memberCount);
  await members.until(
    (now) => now.flat().length === partitionCount && now.every(({ length }) => length >= least),
    waitTimeoutMs,
  );
  return members;
}

function sizes(now: readonly (readonly number[])[]): readonly number[] {
  return now.map(({ length }) => length).sort((a, b) => a - b);
}

test(
  'however members come and go, no two have the same partition, and in the end all are evenly shared',
  async () => {
    const random = seededRandom();
    const partitionCount = 10;
    await using crowd = new Crowd(engine.brokers, await newTopic(engine.brokers.split(','), partitionCount));
    const leaving: Promise<void>[] = [];
    for (let step = 0; step < comingsAndGoings; step += 1) {
      if (crowd.size < 2 || (crowd.size < 6 && random() < 0.6)) await crowd.join();
      else leaving.push(crowd.leave(Math.floor(random() * crowd.size)));
      // Some at once, some when the others have settled.
      await systemClock.sleep(random() < 0.5 ? 0 : random() * 500);
    }
    await Promise.all(leaving);
    const [least, most] = [Math.floor(partitionCount / crowd.size), Math.ceil(partitionCount / crowd.size)];
    const isSettled = () =>
      crowd.has().length === crowd.size &&
      crowd.has().flat().length === partitionCount &&
      crowd.has().every(({ length }) => length === least || length === most);
    await until(isSettled, () => JSON.stringify(crowd.has()));
    expect(crowd.overlaps).toEqual([]);
  },
  testLimitMs,
);

async function until(enough: () => boolean, describeState: () => string): Promise<void> {
  const deadlineMs = machineMs() + waitTimeoutMs;
  while (!enough()) {
    if (machineMs() > deadlineMs) throw new Error(`not within ${waitTimeoutMs} ms: ${describeState()}`);
    await systemClock.sleep(5);
  }
}

describe('partition groups on Kafka, member processes', () => {
  test(
    'a third member is given no more than its share, and nothing else moves',
    async () => {
      await using members = await group(2, 10);
      const before = members.now();
      expect(sizes(before)).toEqual([5, 5]);
      members.start();
      await members.until((now) => now[2]?.length === 3, waitTimeoutMs);
      await members.untilAllHeld(10, waitTimeoutMs);
      const after = members.now();
      expect(sizes(after)).toEqual([3, 3, 4]);
      for (const member of [0, 1])
        expect(after[member]?.filter((partition) => !before[member]?.includes(partition))).toEqual([]);
      expect(members.overlaps()).toEqual([]);
    },
    testLimitMs,
  );

  test(
    'partitions of a member that is killed pass to the others within 10 s',
    async () => {
      await using members = await group(3, 10);
      const killedMs = members.kill(0);
      const heldMs = await members.untilAllHeld(10, waitTimeoutMs);
      expect(heldMs - killedMs).toBeLessThan(takeOverMs);
      expect(sizes(members.now())).toEqual([0, 5, 5]);
      expect(members.overlaps()).toEqual([]);
    },
    testLimitMs,
  );

  test(
    'a member that is killed and started again at once takes nothing from those who live',
    async () => {
      await using members = await group(2, 10);
      const before = members.now();
      const killedMs = members.kill(0);
      members.start();
      const heldMs = await members.untilAllHeld(10, waitTimeoutMs);
      expect(heldMs - killedMs).toBeLessThan(takeOverMs);
      for (const told of members.toldSince(1, killedMs))
        expect(told).toEqual(expect.arrayContaining([...(before[1] ?? [])]));
      expect(members.overlaps()).toEqual([]);
    },
    testLimitMs,
  );

  test(
    'partitions of a member that leaves pass to the others at once',
    async () => {
      await using members = await group(2, 10);
      const left = members.leave(1);
      const leftMs = machineMs();
      const heldMs = await members.untilAllHeld(10, waitTimeoutMs);
      expect(heldMs - leftMs).toBeLessThan(promisedMs(3_000));
      await left;
      expect(members.now()[0]).toHaveLength(10);
      expect(members.overlaps()).toEqual([]);
    },
    testLimitMs,
  );

  test(
    'a member that was stopped is told to have nothing first when it goes on, and ends with its share',
    async () => {
      await using members = await group(2, 10);
      const stoppedMs = members.stop(0);
      const heldMs = await members.untilAllHeld(10, waitTimeoutMs);
      expect(heldMs - stoppedMs).toBeLessThan(takeOverMs);
      await new Promise((resolve) => setTimeout(resolve, 15_000 - (machineMs() - stoppedMs)));
      const wokenMs = members.goOn(0);
      await members.until((now) => now[0]?.length === 5 && now[1]?.length === 5, waitTimeoutMs);
      expect(members.toldSince(0, wokenMs)[0]).toEqual([]);
      expect(members.overlaps()).toEqual([]);
    },
    testLimitMs,
  );

  test(
    'while the broker is dead, members are told to have nothing; and have partitions again soon after its return',
    async () => {
      await using members = await group(3, 10);
      const diedMs = machineMs();
      await engine.kill();
      await members.until((now) => now.flat().length === 0, waitTimeoutMs);
      // The session is 6 s; who asks for less than that needs a machine that runs everything at once.
      expect(machineMs() - diedMs).toBeLessThan(promisedMs(7_000));
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      await engine.start();
      const backMs = machineMs();
      const heldMs = await members.untilAllHeld(10, waitTimeoutMs);
      expect(heldMs - backMs).toBeLessThan(takeOverMs);
      expect(members.overlaps()).toEqual([]);
    },
    testLimitMs,
  );

  test(
    'a broker that is away for less than a session costs nobody anything',
    async () => {
      await using members = await group(2, 4);
      const diedMs = machineMs();
      await engine.kill();
      await engine.start();
      const awayMs = machineMs() - diedMs;
      await new Promise((resolve) => setTimeout(resolve, 5_000));
      // On a machine that takes longer to start it, there is nothing to see.
      if (awayMs < 3_000) for (const member of [0, 1]) expect(members.toldSince(member, diedMs)).toEqual([]);
      await members.untilAllHeld(4, waitTimeoutMs);
    },
    testLimitMs,
  );

  test(
    'while the broker hangs, members are told to have nothing; and have partitions again when it goes on',
    async () => {
      await using members = await group(2, 4);
      const hungMs = machineMs();
      await engine.pause();
      await members.until((now) => now.flat().length === 0, waitTimeoutMs);
      expect(machineMs() - hungMs).toBeLessThan(promisedMs(7_000));
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      engine.resume();
      const backMs = machineMs();
      const heldMs = await members.untilAllHeld(4, waitTimeoutMs);
      expect(heldMs - backMs).toBeLessThan(takeOverMs);
      expect(members.overlaps()).toEqual([]);
    },
    testLimitMs,
  );
});
