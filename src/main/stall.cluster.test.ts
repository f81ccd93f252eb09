import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { shapes } from '../testing/black-box-client.ts';
import { Cluster } from '../testing/cluster.ts';
import { ClusterTalk, noticing, rover, spread, unhurried } from '../testing/cluster-talk.ts';
import { claimsIn, takenUpAfterMs } from '../testing/log-oracle.ts';
import { percentile } from '../testing/percentile.ts';
import { promisedMs } from '../testing/promised.ts';
import { rounds } from '../testing/rounds.ts';
import { askUntilAnswered, eventually, TestSessions } from '../testing/test-sessions.ts';

const clients = Number(process.env['PARLEY_TEST_CLIENTS'] ?? 20);
/** Longer than the lease of a gateway and the time in which a worker's messages are taken up, 15 s each. */
const stallMs = rounds({ usual: 22_000, long: 30_000 });
const takenUpWithinMs = promisedMs(15_000);
const streamingWithinMs = promisedMs(3_000);
jest.setTimeout(300_000 + 4 * stallMs);

let cluster: Cluster;
let talk: ClusterTalk;

beforeAll(async () => {
  cluster = await Cluster.start({ env: unhurried });
  const checkingClients = Array.from({ length: clients }, (_, index) => rover(cluster, index, { options: noticing }));
  talk = new ClusterTalk(cluster, checkingClients);
  await talk.begin();
});
afterAll(async () => {
  talk?.[Symbol.dispose]();
  await cluster?.[Symbol.asyncDispose]();
});

test('what a worker that stands still has begun is taken up by the other, and it answers nothing twice when it goes on', async () => {
  const stalled = cluster.member('worker-0');
  const stalledAt = Date.now();
  stalled.server.pause();
  await sleep(stallMs);
  stalled.server.resume();
  await talk.allHear('message');
  await talk.settle();

  const entries = await cluster.entries();
  const takenUp = takenUpAfterMs(entries, stalledAt);
  console.info(
    `${takenUp.length} messages were pending when the worker stood still; taken up after ${spread(takenUp)}`,
  );
  expect(takenUp).not.toEqual([]);
  expect(Math.max(...takenUp)).toBeLessThan(takenUpWithinMs);
  // It works again, on its share.
  await eventually(
    async () => claimsIn(await cluster.entries()),
    (claims) => claims.some((one) => one.timeMs > stalledAt + stallMs && one.workerId.startsWith('worker-0-')),
  );
  expect(stalled.server.stderr()).not.toContain('fatal error');
});

test('clients of a gateway that stands still go on over the other; who waits for it is welcomed again, and no limit is broken', async () => {
  const stalled = cluster.member('gateway-0');
  await using here = new TestSessions(stalled.server, shapes[0]);
  await using alsoHere = new TestSessions(stalled.server, shapes[1]);
  const patient = await Promise.all([here.connect(), here.connect(), alsoHere.connect(), alsoHere.connect()]);
  for (const { session } of patient) await session.ask('before', 'before');

  const sinceMs = performance.now();
  stalled.server.pause();
  await sleep(stallMs);
  const { heardMs, text } = talk.interruptions(sinceMs);
  console.info(text);
  expect(heardMs.length).toBeGreaterThan(0);
  expect(percentile(heardMs, 0.99)).toBeLessThan(streamingWithinMs);
  stalled.server.resume();

  // It was counted out by then. On the same streams its clients apply again. Side by side: who says nothing meanwhile counts as gone.
  await Promise.all(patient.map(({ session }) => askUntilAnswered(session, 'after')));
  for (const { session } of patient) {
    expect(session.isOver).toBe(false);
    expect(session.all('welcome')).toHaveLength(2);
  }
  await talk.end();
  console.info(`${talk.accepted} messages accepted`);
  expect(await talk.breaches()).toEqual([]);
});
