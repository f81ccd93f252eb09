import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { firstOutcome, type Outcome, usageAt } from '../testing/arrivals.ts';
import { Cluster, type Member } from '../testing/cluster.ts';
import { eventually, Guests } from '../testing/guests.ts';
import { runParley } from '../testing/server.ts';
import { type Session, shapes } from '../testing/stranger.ts';

/** 20 by hand: `PARLEY_TEST_ROUNDS=20 npm run test:engines -- cluster-crowd`. */
const rounds = Number(process.env['PARLEY_TEST_ROUNDS'] ?? 5);
/** In every second one a gateway dies. */
const crowd = 200;
const slots = 50;
/** The lease of a dead gateway is 15 s. */
const freedWithinMs = 20_000;
const waitForSlotMs = 600_000;
jest.setTimeout(180_000 + rounds * 60_000);

let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start({
    env: {
      PARLEY_SIMULATED_TEXT_DELAY_MS: '0',
      PARLEY_MAX_WAIT_FOR_SLOT_MS: String(waitForSlotMs),
      PARLEY_FIRST_MESSAGE_DEADLINE_MS: '600000',
      PARLEY_STALE_AFTER_MS: '600000',
    },
  });
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

function inside(sessions: readonly Session[]): readonly Session[] {
  return sessions.filter((session) => !session.isOver && session.all('welcome').length > 0);
}

/** Half of the crowd at each gateway, and of either half some are willing to wait. */
function arrive(guests: readonly Guests[], mayWait: (index: number) => boolean): Session[] {
  return Array.from({ length: crowd }, (_, index) => {
    const at = guests[index % guests.length];
    if (at === undefined) throw new Error('there are gateways');
    return at.dial({ waitForSlotMs: mayWait(index) ? waitForSlotMs : 0 });
  });
}

/** Waits until this gateway has read of so many sessions and so many in line; it may never have read of more sessions than there are slots. */
async function tells({ server }: Member, sessions: number, inLine: number): Promise<void> {
  await eventually(
    async () => {
      const usage = await usageAt(server.address);
      expect(usage.activeClients).toBeLessThanOrEqual(slots);
      return usage;
    },
    ({ activeClients, waitingClients }) => activeClients === sessions && waitingClients === inLine,
    30_000,
  );
}

async function quietRound(guests: readonly Guests[]): Promise<void> {
  const sessions = arrive(guests, (index) => Math.floor(index / 2) % 2 === 0);
  const outcomes = await Promise.all(sessions.map(firstOutcome));
  const of = (outcome: Outcome) => sessions.filter((_, index) => outcomes[index] === outcome);
  expect(of('welcome')).toHaveLength(slots);
  for (const session of of('refused'))
    expect(await session.ended).toMatchObject({ reason: 'TOO_MANY_CLIENTS', retryDelayMs: expect.any(Number) });
  const places = of('waiting').map((session) => session.all('waiting')[0].place);
  expect(places.toSorted((one, other) => one - other)).toEqual(places.map((_, index) => index + 1));
  for (const gateway of cluster.of('gateway')) await tells(gateway, slots, places.length);
  // A slot that is freed at one gateway goes to the first in line, at whichever that one is.
  const first = of('waiting').find((session) => session.all('waiting')[0].place === 1);
  await of('welcome')[0]?.goodbye();
  await first?.welcome();
  expect(inside(sessions)).toHaveLength(slots);
}

/** A gateway dies while the crowd comes in. All are willing to wait, so that those at the other take what the dead one had. */
async function deadlyRound(guests: readonly Guests[], victim: Member, survivor: Member): Promise<void> {
  const sessions = arrive(guests, () => true);
  const those = sessions.filter((_, index) => index % 2 === cluster.of('gateway').indexOf(survivor));
  // In the middle: some have their slots.
  await eventually(
    async () => inside(sessions).length,
    (count) => count > slots / 5,
  );
  const died = performance.now();
  await victim.server.stop('SIGKILL');
  await Promise.all(those.map(firstOutcome));
  const atOnce = inside(those).length;
  expect(atOnce).toBeLessThanOrEqual(slots);
  await eventually(
    async () => inside(those).length,
    (count) => count >= slots,
    freedWithinMs + 10_000,
  );
  const tookMs = performance.now() - died;
  console.info(`${slots - atOnce} slots of the dead gateway had new holders after ${tookMs.toFixed(0)} ms`);
  expect(tookMs).toBeLessThan(freedWithinMs);
  expect(inside(those)).toHaveLength(slots);
  await tells(survivor, slots, those.length - slots);
  await cluster.restart(victim);
  await tells(survivor, slots, those.length - slots);
}

test(`of ${crowd} clients at once over two gateways, ${rounds} times, exactly ${slots} are inside, also when a gateway dies meanwhile`, async () => {
  const [first, second] = cluster.of('gateway');
  if (first === undefined || second === undefined) throw new Error('there are two gateways');
  for (let round = 0; round < rounds; round += 1) {
    const shape = shapes[Math.floor(round / 2) % shapes.length] ?? 'bidi';
    await using here = new Guests(first.server, shape);
    await using there = new Guests(second.server, shape);
    const [victim, survivor] = round % 4 === 1 ? [first, second] : [second, first];
    if (round % 2 === 0) await quietRound([here, there]);
    else await deadlyRound([here, there], victim, survivor);
    await here[Symbol.asyncDispose]();
    await there[Symbol.asyncDispose]();
    for (const gateway of cluster.of('gateway')) await tells(gateway, 0, 0);
  }
  const audit = await runParley(['audit', '--json'], cluster.env);
  expect(audit).toMatchObject({ code: 0 });
  expect(JSON.parse(audit.stdout)).toMatchObject({ breaches: [], connections: { mostOpen: slots, cap: slots } });
});
