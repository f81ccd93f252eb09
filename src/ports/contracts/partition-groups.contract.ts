import { describe, expect, test } from '@jest/globals';
import type { GroupMember, PartitionGroups } from '../partition-groups.ts';

/** Groups to be held to their port: handles of one deployment, as separate processes would have them where that is possible. */
export interface PartitionGroupsSubject extends AsyncDisposable {
  /** That of one process. Given again, it may be another's. */
  handle(): PartitionGroups;
  /** A topic of so many partitions. */
  topic(partitions: number): Promise<string>;
}

/** Far longer than any promise of the port takes to be kept, so that a slow machine is not taken for a broken one. */
const waitTimeoutMs = 30_000;
const timeoutMs = 60_000;

let groupCount = 0;
/** A group that no other test is in, nor one of an earlier run. */
function newGroup(): string {
  groupCount += 1;
  return `contract.${Date.now()}.${groupCount}`;
}

/** The members of one group, what each of them was told, and whether two of them ever knew of having the same. */
class Members implements AsyncDisposable {
  readonly #subject: PartitionGroupsSubject;
  readonly #topic: string;
  readonly #group: string;
  readonly #joined: GroupMember[] = [];
  readonly told: (readonly number[])[][] = [];
  readonly overlaps: string[] = [];
  readonly #left = new Set<number>();

  constructor(subject: PartitionGroupsSubject, topic: string, group = newGroup()) {
    this.#subject = subject;
    this.#topic = topic;
    this.#group = group;
  }

  async join(): Promise<number> {
    const told: (readonly number[])[] = [];
    const member = this.told.push(told) - 1;
    const onAssigned = (partitions: readonly number[]) => {
      told.push([...partitions]);
      for (const [other, has] of this.now().entries()) {
        const both = has.filter((partition) => other !== member && partitions.includes(partition));
        if (both.length > 0) this.overlaps.push(`${both.join()} of ${member} and ${other}`);
      }
    };
    this.#joined.push(await this.#subject.handle().join(this.#group, this.#topic, onAssigned));
    return member;
  }

  /** What each has; nothing who leaves: its work is over, whatever it was told last. */
  now(): (readonly number[])[] {
    return this.told.map((told, member) => (this.#left.has(member) ? [] : (told.at(-1) ?? [])));
  }

  async leave(member: number): Promise<void> {
    this.#left.add(member);
    await this.#joined[member]?.[Symbol.asyncDispose]();
  }

  until(enough: (now: (readonly number[])[]) => boolean): Promise<void> {
    return until(
      () => enough(this.now()),
      () => JSON.stringify(this.told),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const member of this.#joined) await member[Symbol.asyncDispose]();
  }
}

async function until(enough: () => boolean, describeState: () => string): Promise<void> {
  const deadline = performance.now() + waitTimeoutMs;
  while (!enough()) {
    if (performance.now() > deadline) throw new Error(`not within ${waitTimeoutMs} ms: ${describeState()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function areAll(partitions: readonly number[], count: number): boolean {
  return partitions.toSorted((a, b) => a - b).join() === Array.from({ length: count }, (_, n) => n).join();
}

/** What `ports/partition-groups.ts` promises while nobody dies, of one implementation. */
export function partitionGroupsContract(name: string, make: () => Promise<PartitionGroupsSubject>): void {
  describe(`partition groups ${name}`, () => {
    test(
      'a lone member is told all partitions, ascending and once, after it has joined',
      async () => {
        await using subject = await make();
        await using members = new Members(subject, await subject.topic(12));
        const member = await members.join();
        expect(members.told[member]).toEqual([]);
        await members.until(([has = []]) => has.length === 12);
        expect(members.told).toEqual([[[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]]]);
      },
      timeoutMs,
    );

    test(
      'members of a group have every partition once, and never the same at a time',
      async () => {
        await using subject = await make();
        await using members = new Members(subject, await subject.topic(7));
        for (let joined = 0; joined < 3; joined += 1) {
          await members.join();
          await members.until((now) => areAll(now.flat(), 7) && members.told.every((told) => told.length > 0));
        }
        expect(members.overlaps).toEqual([]);
      },
      timeoutMs,
    );

    test(
      'what a member leaves goes to the others, and it is told nothing more',
      async () => {
        await using subject = await make();
        await using members = new Members(subject, await subject.topic(4));
        await members.join();
        await members.join();
        await members.until((now) => areAll(now.flat(), 4) && members.told.every((told) => told.length > 0));
        const toldBefore = members.told[0]?.length;
        await members.leave(0);
        await members.until(([, has = []]) => areAll(has, 4));
        await members.leave(0);
        expect(members.told[0]).toHaveLength(toldBefore ?? 0);
        expect(members.overlaps).toEqual([]);
      },
      timeoutMs,
    );

    test(
      'members beyond the number of partitions are told to have none, and take over from one that leaves',
      async () => {
        await using subject = await make();
        await using members = new Members(subject, await subject.topic(1));
        await members.join();
        await members.until((now) => areAll(now.flat(), 1));
        await members.join();
        await members.until(() => members.told[1]?.length === 1);
        expect(members.now()).toEqual([[0], []]);
        await members.leave(0);
        await members.until(([, has = []]) => areAll(has, 1));
        expect(members.overlaps).toEqual([]);
      },
      timeoutMs,
    );

    test(
      'a member is told when something changes, and not what it knows',
      async () => {
        await using subject = await make();
        await using members = new Members(subject, await subject.topic(3));
        for (let joined = 0; joined < 4; joined += 1) {
          await members.join();
          await members.until((now) => areAll(now.flat(), 3) && members.told.every((told) => told.length > 0));
        }
        for (const told of members.told)
          for (const [at, partitions] of told.entries()) expect(partitions).not.toEqual(told[at - 1]);
      },
      timeoutMs,
    );

    test(
      'groups have nothing to do with each other',
      async () => {
        await using subject = await make();
        const topic = await subject.topic(2);
        await using some = new Members(subject, topic);
        await using others = new Members(subject, topic);
        await some.join();
        await others.join();
        await Promise.all([some, others].map((members) => members.until((now) => areAll(now.flat(), 2))));
        await others.leave(0);
        expect(some.told).toEqual([[[0, 1]]]);
      },
      timeoutMs,
    );

    test(
      'a member may leave before it was told anything, and twice',
      async () => {
        await using subject = await make();
        const [topic, group] = [await subject.topic(2), newGroup()];
        await using hasty = new Members(subject, topic, group);
        await hasty.join();
        await Promise.all([hasty.leave(0), hasty.leave(0)]);
        await using members = new Members(subject, topic, group);
        await members.join();
        await members.until((now) => areAll(now.flat(), 2));
        expect(hasty.told).toEqual([[]]);
      },
      timeoutMs,
    );
  });
}
