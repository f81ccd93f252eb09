import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { allHaveLeft, firstOutcome, type Outcome, usageAt } from '../testing/arrivals.ts';
import { type Session, shapes } from '../testing/black-box-client.ts';
import { rounds } from '../testing/rounds.ts';
import { childEnv, type ParleyServer, runParley, startServer } from '../testing/server.ts';
import { eventually, TestSessions } from '../testing/test-sessions.ts';

jest.setTimeout(300_000);

const crowd = 200;
const slots = 50;
const crowds = rounds({ usual: 4, long: 20 });
/** Half of the crowd is willing to wait, so that each round has all three outcomes. */
const willing = 100;

let server: ParleyServer;

beforeEach(async () => {
  server = await startServer({
    env: {
      PARLEY_SIMULATED_TEXT_DELAY_MS: '0',
      PARLEY_MAX_WAIT_FOR_SLOT_MS: '600000',
      PARLEY_HEARTBEAT_INTERVAL_MS: '500',
      PARLEY_STALE_AFTER_MS: '30000',
    },
  });
});
afterEach(async () => {
  await server?.[Symbol.asyncDispose]();
});

test(`of ${crowd} clients at once, ${crowds} times, exactly ${slots} are welcomed, the rest wait in order or are refused with a delay`, async () => {
  for (let round = 0; round < crowds; round += 1) {
    await using testSessions = new TestSessions(server, shapes[round % shapes.length] ?? 'bidi');
    const sessions = Array.from({ length: crowd }, (_, index) =>
      testSessions.dial({ waitForSlotMs: index % 2 === 0 ? 600_000 : 0 }),
    );
    const outcomes = await Promise.all(sessions.map(firstOutcome));
    const of = (outcome: Outcome) => sessions.filter((_, index) => outcomes[index] === outcome);
    const [inside, line, refused] = [of('welcome'), of('waiting'), of('refused')];
    expect(inside).toHaveLength(slots);
    for (const session of refused) {
      expect(await session.ended).toMatchObject({ reason: 'TOO_MANY_CLIENTS', retryDelayMs: expect.any(Number) });
    }
    const placeOf = (session: Session) => session.all('waiting')[0].place;
    const inOrder = line.toSorted((one, other) => placeOf(one) - placeOf(other));
    expect(inOrder.map(placeOf)).toEqual(Array.from({ length: line.length }, (_, index) => index + 1));
    expect(line.length + refused.length).toBe(crowd - slots);
    expect(line.length).toBeLessThanOrEqual(willing);
    await freedSlotsGoInOrder(inside, inOrder);
    await testSessions[Symbol.asyncDispose]();
    await allHaveLeft(server);
  }
  expect(await server.stop('SIGTERM')).toEqual({ code: 0, signal: null });
  expect(await runParley(['audit', '--json'], { PARLEY_DATA_DIR: server.dataDir })).toMatchObject({ code: 0 });
});

/** Each slot that is freed must go to the first in line, who alone is welcomed by it. */
async function freedSlotsGoInOrder(inside: readonly Session[], line: readonly Session[]): Promise<void> {
  const leaving = 5;
  for (let index = 0; index < leaving; index += 1) {
    await inside[index]?.goodbye();
    await line[index]?.welcome();
    expect(line.slice(index + 1).flatMap((session) => session.all('welcome'))).toEqual([]);
  }
}

test('a client whose process is stopped loses its slot in time, and the one in line takes it', async () => {
  await server[Symbol.asyncDispose]();
  server = await startServer({
    env: {
      PARLEY_MAX_CLIENTS: '1',
      PARLEY_HEARTBEAT_INTERVAL_MS: '400',
      PARLEY_STALE_AFTER_MS: '6000',
      PARLEY_SIMULATED_TEXT_DELAY_MS: '0',
    },
  });
  const script = fileURLToPath(new URL('../testing/pinging-client.ts', import.meta.url));
  const child = spawn(process.execPath, [script, server.address], {
    env: childEnv({}),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await new Promise((resolve) => child.stdout.once('data', resolve));
    await using testSessions = new TestSessions(server, 'bidi');
    const next = testSessions.dial({ waitForSlotMs: 30_000 });
    await next.find('waiting');
    child.kill('SIGSTOP');
    await next.welcome(30_000);
    expect(await usageAt(server.address)).toMatchObject({ maxClients: 1 });
  } finally {
    child.kill('SIGKILL');
  }
});

test('a client that vanishes without a word frees its slot at once', async () => {
  await using testSessions = new TestSessions(server, 'bidi');
  const sessions = await Promise.all(Array.from({ length: slots }, () => testSessions.connect()));
  await eventually(
    () => usageAt(server.address),
    (answer) => answer.activeClients === slots,
  );
  sessions[0]?.session.drop();
  await testSessions.connect({ waitForSlotMs: 30_000 });
});
