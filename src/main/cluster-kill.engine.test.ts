import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { Cluster, type Member } from '../testing/cluster.ts';
import { eventually } from '../testing/guests.ts';
import { historyBreaches, wholeConversation, withoutLinks } from '../testing/oracle.ts';
import { percentile } from '../testing/percentile.ts';
import { seededRandom } from '../testing/random.ts';
import { runParley } from '../testing/server.ts';
import { shapes } from '../testing/stranger.ts';
import { type Said, Talker } from '../testing/talker.ts';

/** 20 in CI, 100 by hand: `PARLEY_TEST_KILLS=100 npm run test:engines -- cluster-kill`. */
const kills = Number(process.env['PARLEY_TEST_KILLS'] ?? 20);
const clients = 50;
const longestQuietMs = 800;
/** What a dead worker left is taken up within 15 s; the rest is for a busy machine. */
const settleTimeoutMs = 45_000;
jest.setTimeout(240_000 + kills * 60_000);

const random = seededRandom();
let cluster: Cluster;
const talkers: Talker[] = [];

beforeAll(async () => {
  cluster = await Cluster.start({
    env: {
      PARLEY_SIMULATED_TEXT_DELAY_MS: '0-300',
      PARLEY_SIMULATED_PIECES: '8',
      PARLEY_SIMULATED_PIECE_INTERVAL_MS: '20',
    },
  });
});
afterAll(async () => {
  for (const talker of talkers) talker.giveUp();
  await cluster?.[Symbol.asyncDispose]();
});

const settled = new Set<Said>();

/** Everything that clients were told is accepted is where it belongs, and answered. */
async function settle(): Promise<void> {
  const told = new Set(talkers.flatMap((talker) => talker.accepted).filter((said) => !settled.has(said)));
  await eventually(
    async () => historyBreaches(cluster.nextAddress(), talkers, told).catch((error: unknown) => [String(error)]),
    (breaches) => breaches.length === 0,
    settleTimeoutMs,
  );
  for (const said of told) settled.add(said);
}

test(`kill -9 of each process in turn, ${kills} times, while ${clients} clients chat, loses nothing and breaks no limit`, async () => {
  for (let index = 0; index < clients; index += 1) {
    const shape = shapes[index % shapes.length] ?? 'bidi';
    talkers.push(new Talker(() => ({ address: cluster.nextAddress(), shape })));
  }
  const talks = talkers.map((talker) => talker.talk());
  await Promise.all(talkers.map((talker) => talker.hears('replyDelta')));
  const backAfterMs: Record<Member['role'], number[]> = { gateway: [], worker: [], projector: [] };
  for (let kill = 0; kill < kills; kill += 1) {
    await sleep(random() * longestQuietMs);
    const member = cluster.members[kill % cluster.members.length];
    if (member === undefined) throw new Error('there are members');
    const killed = performance.now();
    const streaming = talkers.map((talker) => talker.hears('replyDelta').then(() => performance.now() - killed));
    await cluster.restart(member);
    backAfterMs[member.role].push(...(await Promise.all(streaming)));
    await settle();
  }
  for (const talker of talkers) talker.stopTalking();
  await Promise.all(talks);
  await settle();
  const accepted = talkers.flatMap((talker) => talker.accepted).length;
  for (const [role, ms] of Object.entries(backAfterMs)) {
    const at = (share: number) => percentile(ms, share).toFixed(0);
    console.info(
      `after the death of a ${role} clients hear pieces again within p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms`,
    );
  }
  console.info(`${kills} kills, ${accepted} messages accepted`);

  const whole = () =>
    Promise.all(talkers.map((talker) => wholeConversation(cluster.nextAddress(), talker.conversationId)));
  const before = await whole();
  const audit = await runParley(['audit', '--json'], cluster.env);
  expect(audit).toMatchObject({ code: 0 });
  expect(JSON.parse(audit.stdout)).toMatchObject({ breaches: [], messages: { accepted, pending: 0 } });
  expect(await runParley(['rebuild', 'history'], cluster.env)).toMatchObject({ code: 0 });
  expect((await whole()).map(withoutLinks)).toEqual(before.map(withoutLinks));
});
