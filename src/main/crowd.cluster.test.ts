import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { firstOutcome, type Outcome, usageAt } from '../testing/arrivals.ts';
import { type Session, shapes } from '../testing/black-box-client.ts';
import { Cluster, type Member } from '../testing/cluster.ts';
import { promisedMs } from '../testing/promised.ts';
import { rounds } from '../testing/rounds.ts';
import { runParley } from '../testing/server.ts';
import { eventually, refusalOf, TestSessions } from '../testing/test-sessions.ts';

/** In every second one a gateway dies; in four, each of the two, and clients of either shape meet it. */
const crowds = rounds({ usual: 4, long: 20 });
const crowd = 200;
const slots = 50;
/** The lease of a dead gateway is 15 s. */
const freedWithinMs = 15_000 + promisedMs(5_000);
const waitForSlotMs = 600_000;
jest.setTimeout(180_000 + crowds * 60_000);

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

/** Those who were told to wait and still do, the first in line first. */
function inLine(sessions: readonly Session[]): readonly Session[] {
  const placeOf = (session: Session): number => session.all('waiting').at(-1)?.place;
  return sessions
    .filter((session) => !session.isOver && session.all('welcome').length === 0 && placeOf(session) > 0)
    .toSorted((one, other) => placeOf(one) - placeOf(other));
}

/** Of those who were refused, how many the log did not answer in time: on two cores that do other things as well, a crowd may be too much for it. */
async function unanswered(refused: readonly Session[]): Promise<number> {
  const reasons = (await Promise.all(refused.map(refusalOf))).map(({ reason, retryDelayMs }) => {
    expect(retryDelayMs).toEqual(expect.any(Number));
    return reason;
  });
  expect(reasons.filter((reason) => !['TOO_MANY_CLIENTS', 'LOG_UNAVAILABLE'].includes(reason))).toEqual([]);
  return reasons.filter((reason) => reason === 'LOG_UNAVAILABLE').length;
}

/** Half of the crowd at each gateway, and of either half some are willing to wait. */
function arrive(testSessions: readonly TestSessions[], mayWait: (index: number) => boolean): Session[] {
  return Array.from({ length: crowd }, (_, index) => {
    const at = testSessions[index % testSessions.length];
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

async function quietRound(testSessions: readonly TestSessions[]): Promise<void> {
  const sessions = arrive(testSessions, (index) => Math.floor(index / 2) % 2 === 0);
  const outcomes = await Promise.all(sessions.map(firstOutcome));
  const of = (outcome: Outcome) => sessions.filter((_, index) => outcomes[index] === outcome);
  // What somebody had who was not answered passes to the next in line; otherwise the first answer is the last.
  if ((await unanswered(of('refused'))) === 0) {
    expect(of('welcome')).toHaveLength(slots);
    const places = inLine(sessions).map((session) => session.all('waiting').at(-1).place);
    expect(places).toEqual(places.map((_, index) => index + 1));
  }
  await eventually(
    async () => inside(sessions).length,
    (count) => count === slots,
  );
  for (const gateway of cluster.of('gateway')) await tells(gateway, slots, inLine(sessions).length);
  // A slot that is freed at one gateway goes to the first in line, at whichever that one is.
  const [first] = inLine(sessions);
  await inside(sessions)[0]?.goodbye();
  await first?.welcome();
  expect(inside(sessions)).toHaveLength(slots);
}

/** A gateway dies while the crowd comes in. All are willing to wait, so that those at the other take what the dead one had. */
async function deadlyRound(testSessions: readonly TestSessions[], victim: Member, survivor: Member): Promise<void> {
  const sessions = arrive(testSessions, () => true);
  const those = sessions.filter((_, index) => index % 2 === cluster.of('gateway').indexOf(survivor));
  // In the middle: some have their slots.
  await eventually(
    async () => inside(sessions).length,
    (count) => count > slots / 5,
  );
  const died = performance.now();
  await victim.server.stop('SIGKILL');
  const outcomes = await Promise.all(those.map(firstOutcome));
  await unanswered(those.filter((_, index) => outcomes[index] === 'refused'));
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
  await tells(survivor, slots, inLine(those).length);
  await cluster.restart(victim);
  await tells(survivor, slots, inLine(those).length);
}

test(`of ${crowd} clients at once over two gateways, ${crowds} times, exactly ${slots} are inside, also when a gateway dies meanwhile`, async () => {
  const [first, second] = cluster.of('gateway');
  if (first === undefined || second === undefined) throw new Error('there are two gateways');
  for (let round = 0; round < crowds; round += 1) {
    const shape = shapes[Math.floor(round / 2) % shapes.length] ?? 'bidi';
    await using here = new TestSessions(first.server, shape);
    await using there = new TestSessions(second.server, shape);
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
