import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Cluster, type Member } from '../testing/cluster.ts';
import { ClusterTalk, rover, unhurried } from '../testing/cluster-talk.ts';
import { type ClaimEntry, claimsIn } from '../testing/log-oracle.ts';
import { promisedMs } from '../testing/promised.ts';
import { eventually } from '../testing/test-sessions.ts';

const partitions = 2;
const clients = 8;
/** Of a death others hear when a session of 6 s has ended. */
const takenOverWithinMs = promisedMs(10_000);
/** Whoever drains says so. */
const handedOverWithinMs = promisedMs(3_000);

let cluster: Cluster;
let talk: ClusterTalk;
let dead: Member | undefined;

beforeAll(async () => {
  const env = { ...unhurried, PARLEY_PARTITIONS: String(partitions) };
  cluster = await Cluster.start({ gateways: 1, workers: 3, projectors: 1, env });
  talk = new ClusterTalk(
    cluster,
    Array.from({ length: clients }, (_, index) => rover(cluster, index)),
  );
  await talk.begin();
});
afterAll(async () => {
  talk?.[Symbol.dispose]();
  await cluster?.[Symbol.asyncDispose]();
});

/** Who has claimed each partition last. */
async function owners(): Promise<readonly ClaimEntry[]> {
  const claims = claimsIn(await cluster.entries());
  return Array.from({ length: partitions }, (_, partition) => {
    const last = claims.findLast((claim) => claim.partition === partition);
    if (last === undefined) throw new Error(`nobody has claimed ${partition}`);
    return last;
  });
}

function isOf({ workerId }: ClaimEntry, { name }: Member): boolean {
  return workerId.startsWith(`${name}-`);
}

/** Resolves when each partition has another owner, and had it all the while every client was told of five more messages: the group has formed. */
async function settledOwners(): Promise<readonly ClaimEntry[]> {
  const look = async () => {
    const before = await owners();
    const more = talk.accepted + 5 * clients;
    await eventually(
      async () => talk.accepted,
      (accepted) => accepted >= more,
    );
    return { before, now: await owners() };
  };
  const { now } = await eventually(look, (seen) => {
    const ids = seen.now.map(({ workerId }) => workerId);
    return new Set(ids).size === partitions && ids.every((id, partition) => id === seen.before[partition]?.workerId);
  });
  return now;
}

/** Resolves when none of the partitions is this worker's, with who has those that were. */
async function heirs(former: Member): Promise<readonly ClaimEntry[]> {
  const before = await owners();
  const lost = before.filter((claim) => isOf(claim, former)).map(({ partition }) => partition);
  const after = await eventually(owners, (now) => !now.some((claim) => isOf(claim, former)), 30_000);
  return after.filter(({ partition }) => lost.includes(partition));
}

test('a worker more than there are partitions has nothing to do, says nothing, and takes over from one that dies', async () => {
  const workers = cluster.of('worker');
  const first = await settledOwners();
  const [spare, ...others] = workers.filter((worker) => !first.some((claim) => isOf(claim, worker)));
  if (spare === undefined) throw new Error('two workers at most have two partitions');
  expect(others).toEqual([]);
  // While the engines started, each may have complained.
  const saidBefore = spare.server.stderr().length;
  await settledOwners();
  expect(complaintsIn(spare.server.stderr().slice(saidBefore))).toEqual([]);

  const owner = workers.find((worker) => isOf(first[0] as ClaimEntry, worker));
  if (owner === undefined) throw new Error('one of them has it');
  dead = owner;
  const diedAt = Date.now();
  const dying = heirs(owner);
  await owner.server.stop('SIGKILL');
  const [heir, ...more] = await dying;
  if (heir === undefined) throw new Error('somebody has it');
  expect(more).toEqual([]);
  expect(isOf(heir, spare)).toBe(true);
  console.info(`the spare worker took over ${heir.timeMs - diedAt} ms after the death`);
  expect(heir.timeMs - diedAt).toBeLessThan(takenOverWithinMs);
  await talk.allHear('message');
});

test('a worker that drains hands its partitions over at once', async () => {
  const leaving = cluster.of('worker').find((worker) => worker !== dead);
  if (leaving === undefined) throw new Error('two are left');
  const handing = heirs(leaving);
  expect(await leaving.server.stop('SIGTERM')).toEqual({ code: 0, signal: null });
  const leftAt = Date.now();
  for (const heir of await handing) {
    console.info(
      `partition ${heir.partition} has another worker ${heir.timeMs - leftAt} ms after the end of the former`,
    );
    expect(heir.timeMs - leftAt).toBeLessThan(handedOverWithinMs);
  }
  await talk.allHear('message');
  await talk.end();
  expect(await talk.breaches()).toEqual([]);
});

/** Its warnings and errors. */
function complaintsIn(lines: string): readonly string[] {
  return lines.split('\n').filter((line) => /"level":"(warn|error)"/.test(line));
}
