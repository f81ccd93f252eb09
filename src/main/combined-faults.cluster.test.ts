import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { Habits } from '../testing/checking-client.ts';
import { Cluster } from '../testing/cluster.ts';
import { engineFaults, type Fault, type FaultTarget, processFaults } from '../testing/cluster-faults.ts';
import { ClusterTalk, noticing, rover } from '../testing/cluster-talk.ts';
import { deliveryRules } from '../testing/delivery-oracle.ts';
import { seededRandom } from '../testing/random.ts';
import { rounds } from '../testing/rounds.ts';

/** Each target leads one of five rounds. */
const wantedRounds = rounds({ usual: 5, long: 60 });
/** Rounds go on until so many are accepted. */
const wantedMessages = Number(process.env['PARLEY_TEST_MESSAGES'] ?? rounds({ usual: 2_000, long: 50_000 }));
const clients = Number(process.env['PARLEY_TEST_CLIENTS'] ?? 50);
/** The long ones outlast a worker's membership of its group (10 s) and the lease of a gateway (15 s). */
const longestFaultMs = rounds({ usual: 5_000, long: 18_000 });
const shortestFaultMs = 500;
/** Within it all faults of a round begin. */
const longestLeadMs = 1_000;
const longestQuietMs = 1_000;
/** What busy machines accept of the messages of such clients, in the middle of faults; guards against hanging. */
const slowestMessageMs = 60;
jest.setTimeout(300_000 + wantedRounds * 60_000 + wantedMessages * slowestMessageMs);

/** Short replies of a few pieces, so that many messages meet each fault. */
const brief: Readonly<Record<string, string>> = {
  PARLEY_SIMULATED_TEXT_DELAY_MS: '0-20',
  PARLEY_SIMULATED_PIECES: '5',
  PARLEY_SIMULATED_PIECE_INTERVAL_MS: '2',
};

const random = seededRandom();
/** Of clients: what faults there are does not depend on how often clients are asked. */
const randomHabit = seededRandom(Math.floor(random() * 2 ** 32));
const oneOf = <T>(things: readonly T[]): T => {
  const one = things[Math.floor(random() * things.length)];
  if (one === undefined) throw new Error('there is nothing to choose from');
  return one;
};
const habits: Habits = {
  stops: () => randomHabit() < 0.03,
  turns: () => {
    const drawn = randomHabit();
    if (drawn < 0.02) return 'new';
    return drawn < 0.1 ? 'earlier' : 'stay';
  },
  looksAway: () => randomHabit() < 0.1,
};

let cluster: Cluster;
let talk: ClusterTalk;
const suffered = new Map<string, number>();

beforeAll(async () => {
  cluster = await Cluster.start({ projectors: 2, env: brief });
  const checkingClients = Array.from({ length: clients }, (_, index) =>
    rover(cluster, index, { options: noticing, habits }),
  );
  talk = new ClusterTalk(cluster, checkingClients);
  await talk.begin();
});
afterAll(async () => {
  talk?.[Symbol.dispose]();
  await cluster?.[Symbol.asyncDispose]();
});

function targetsOf({ engines }: Cluster): readonly FaultTarget[] {
  return [
    engineFaults('NATS', engines.nats),
    engineFaults('MongoDB', engines.mongo),
    processFaults(cluster, 'projector', oneOf),
    processFaults(cluster, 'gateway', oneOf),
    processFaults(cluster, 'worker', oneOf),
  ];
}

async function suffer(fault: Fault): Promise<void> {
  suffered.set(fault.name, (suffered.get(fault.name) ?? 0) + 1);
  await sleep(random() * longestLeadMs);
  await fault.begin();
  await sleep(shortestFaultMs + random() * (longestFaultMs - shortestFaultMs));
  await fault.end();
}

/** One target after the other leads a round; in every second round any of the others fail with it. */
async function round(index: number, targets: readonly FaultTarget[]): Promise<void> {
  const lead = targets[index % targets.length];
  const failing = targets.filter((target) => target === lead || (index % 2 === 1 && random() < 0.5));
  await Promise.all(failing.map(({ faults }) => suffer(oneOf(faults))));
  // Now and then the next round meets clients that have not recovered from this one.
  await (random() < 0.5 ? talk.answered() : sleep(random() * longestQuietMs));
  expect(talk.checkingClients.flatMap(({ breaches }) => breaches)).toEqual([]);
}

test(`${clients} clients, ${wantedMessages} messages, at least ${wantedRounds} rounds of faults, in turn and together: each is sent the log, whole and in order`, async () => {
  const targets = targetsOf(cluster);
  let index = 0;
  for (; index < wantedRounds || talk.accepted < wantedMessages; index += 1) await round(index, targets);
  await talk.end();

  const breaches = await talk.deliveryBreaches();
  const broken = deliveryRules.map((rule) => `${breaches.filter((breach) => breach.rule === rule).length} ${rule}`);
  const replies = talk.checkingClients.flatMap(({ said }) => said.filter(({ reply }) => reply !== undefined)).length;
  const welcomes = talk.checkingClients.reduce((sum, checkingClient) => sum + checkingClient.welcomes, 0);
  const conversations = talk.checkingClients.flatMap(({ conversationIds }) => conversationIds).length;
  const faults = [...suffered].map(([name, count]) => `${name} ${count}`);
  console.info(
    [
      `${talk.accepted} messages accepted in ${conversations} conversations, ${replies} replies, ${index} rounds (${faults.join(', ')})`,
      `${welcomes - clients} reconnects; ${talk.interruptions().text}`,
      broken.join(', '),
    ].join('\n'),
  );
  expect(await talk.breaches()).toEqual([]);
});
