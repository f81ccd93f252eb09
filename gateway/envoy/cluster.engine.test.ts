import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { shapes } from '../../src/testing/black-box-client.ts';
import { CheckingClient } from '../../src/testing/checking-client.ts';
import { Cluster } from '../../src/testing/cluster.ts';
import { ClusterTalk, unhurried } from '../../src/testing/cluster-talk.ts';
import { type EnvoyEngine, startEnvoy } from '../../src/testing/engines/envoy.ts';
import { seededRandom } from '../../src/testing/random.ts';
import { rounds } from '../../src/testing/rounds.ts';
import { TestSessions } from '../../src/testing/test-sessions.ts';

const clients = 20;
/** Each of the two gateways and Envoy once. */
const deaths = rounds({ usual: 3, long: 9 });
const longestQuietMs = 1_500;
jest.setTimeout(600_000);

let cluster: Cluster;
let envoy: EnvoyEngine;
let talk: ClusterTalk;

beforeAll(async () => {
  cluster = await Cluster.start({ env: { ...unhurried, PARLEY_MAX_CLIENTS: String(clients) } });
  envoy = await startEnvoy({ gateways: cluster.of('gateway').map(({ server }) => server) });
  const where = (index: number) => () => ({ address: envoy.address, shape: shapes[index % shapes.length] ?? 'bidi' });
  talk = new ClusterTalk(
    cluster,
    Array.from({ length: clients }, (_, index) => new CheckingClient(where(index), 1)),
  );
  await talk.begin();
});

afterAll(async () => {
  talk?.[Symbol.dispose]();
  for (const resource of [envoy, cluster]) await resource?.[Symbol.asyncDispose]();
});

// Each session was ended in the log before its client could resume it, and whoever waited got the slot.
test(`one of two gateways drains while ${clients} clients have all slots and others wait: each resumes at the other, and keeps its slot`, async () => {
  const [leaving, staying] = cluster.of('gateway');
  if (leaving === undefined || staying === undefined) throw new Error('there are two');
  await using others = new TestSessions({ address: staying.server.address }, 'bidi');
  const waiting = Array.from({ length: 3 }, () => others.dial({ waitForSlotMs: 30_000 }));
  await Promise.all(waiting.map((session) => session.find('waiting')));
  const before = talk.checkingClients.map(({ welcomes }) => welcomes);
  expect(await leaving.server.stop('SIGTERM')).toEqual({ code: 0, signal: null });
  await talk.answered();
  const moved = talk.checkingClients.filter(({ welcomes }, index) => welcomes > (before[index] ?? 0));
  console.info(`${moved.length} clients resumed at the other gateway; ${talk.interruptions().text}`);
  expect(moved.length).toBeGreaterThan(0);
  expect(waiting.flatMap((session) => session.all('welcome'))).toEqual([]);
  leaving.server = await leaving.server.restart();
});

test(`gateways and Envoy die in turn, ${deaths} times, while ${clients} clients chat through it: nothing is lost, and no limit broken`, async () => {
  const random = seededRandom();
  for (let death = 0; death < deaths; death += 1) {
    await sleep(random() * longestQuietMs);
    const streaming = talk.allHear('replyDelta');
    const gateway = [...cluster.of('gateway'), undefined][death % 3];
    if (gateway !== undefined) await cluster.restart(gateway);
    else {
      await envoy.kill();
      await envoy.start();
    }
    await streaming;
  }
  await talk.end();
  const missed = talk.checkingClients
    .flatMap(({ refusals }) => refusals)
    .filter(({ reason }) => reason === 'SESSION_NOT_FOUND');
  console.info(`${talk.interruptions().text}; ${missed.length} calls met another gateway than their session's`);
  // One each at the death of a gateway. Without affinity it would be half of all.
  expect(missed.length).toBeLessThan(talk.accepted / 10);
  expect(await talk.breaches()).toEqual([]);
});
