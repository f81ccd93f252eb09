import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { Cluster, type ClusterRole } from '../testing/cluster.ts';
import { ClusterTalk, rover, spread, unhurried } from '../testing/cluster-talk.ts';
import { takenUpAfterMs } from '../testing/log-oracle.ts';
import { percentile } from '../testing/percentile.ts';
import { promisedMs } from '../testing/promised.ts';
import { seededRandom } from '../testing/random.ts';
import { rounds } from '../testing/rounds.ts';

/** Each of the five processes once. */
const kills = rounds({ usual: 5, long: 100 });
/** 50 on two cores of their own; fewer on a busy machine. */
const clients = Number(process.env['PARLEY_TEST_CLIENTS'] ?? 50);
/** Replies of four seconds: the stand-in for MongoDB looks at every message for each client that comes back, so there must be few. */
const longWinded = { PARLEY_SIMULATED_PIECES: '20' };
const longestQuietMs = 800;
const takenUpWithinMs = promisedMs(15_000);
const streamingWithinMs = promisedMs(3_000);
jest.setTimeout(240_000 + kills * 60_000);

let cluster: Cluster;
let talk: ClusterTalk;

beforeAll(async () => {
  cluster = await Cluster.start({ env: { ...unhurried, ...longWinded } });
  talk = new ClusterTalk(
    cluster,
    Array.from({ length: clients }, (_, index) => rover(cluster, index)),
  );
});
afterAll(async () => {
  talk?.[Symbol.dispose]();
  await cluster?.[Symbol.asyncDispose]();
});

test(`kill -9 of each process in turn, ${kills} times, while ${clients} clients chat, loses nothing and breaks no limit`, async () => {
  const random = seededRandom();
  await talk.begin();
  const againAfterMs: Record<ClusterRole, number[]> = { gateway: [], worker: [], projector: [] };
  const workerDeaths: { readonly diedAt: number; readonly overAt: number }[] = [];
  for (let kill = 0; kill < kills; kill += 1) {
    await sleep(random() * longestQuietMs);
    const member = cluster.members[kill % cluster.members.length];
    if (member === undefined) throw new Error('there are members');
    const diedAt = Date.now();
    const streaming = talk.allHear('replyDelta');
    await cluster.restart(member);
    againAfterMs[member.role].push(...(await streaming));
    if (member.role === 'worker') workerDeaths.push({ diedAt, overAt: Date.now() });
  }
  await talk.end();
  for (const [role, ms] of Object.entries(againAfterMs))
    console.info(`pieces to everybody after the death of a ${role}: ${spread(ms)}`);
  const { heardMs, text } = talk.interruptions();
  console.info(`${kills} kills, ${talk.accepted} messages accepted; ${text}`);
  const entries = await cluster.entries();
  const takenUp = workerDeaths.flatMap(({ diedAt, overAt }) => takenUpAfterMs(entries, diedAt, overAt));
  console.info(`${takenUp.length} messages taken up from dead workers: ${spread(takenUp)}`);
  expect(await talk.breaches()).toEqual([]);
  expect(Math.max(0, ...takenUp)).toBeLessThan(takenUpWithinMs);
  expect(percentile(heardMs, 0.99)).toBeLessThan(streamingWithinMs);
});
