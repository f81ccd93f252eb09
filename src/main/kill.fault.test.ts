import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { shapes } from '../testing/black-box-client.ts';
import { CheckingClient, type Said } from '../testing/checking-client.ts';
import { conversationEntries, processingOf } from '../testing/log-oracle.ts';
import { fetchBreaches, mediaBreaches } from '../testing/media-oracle.ts';
import { historyHolds, wholeConversation, withoutLinks } from '../testing/oracle.ts';
import { percentile } from '../testing/percentile.ts';
import { seededRandom } from '../testing/random.ts';
import { rounds } from '../testing/rounds.ts';
import { mixedSayings } from '../testing/sayings.ts';
import { type ParleyServer, runParley, startServer, sweepsAfter } from '../testing/server.ts';
import { eventually } from '../testing/test-sessions.ts';

const kills = rounds({ usual: 5, long: 200 });
const clients = 50;
/** The others say nothing but text: how soon they are answered again tells nothing of media. */
const mixedClients = 25;
const longestQuietMs = 800;
const settleTimeoutMs = 60_000;
// Everybody talks on while history is looked at: on a busy machine there is more to look at, and all of it takes longer.
jest.setTimeout(300_000 + kills * 120_000);

let server: ParleyServer;
const checkingClients: CheckingClient[] = [];

beforeAll(async () => {
  server = await startServer({
    env: {
      PARLEY_SIMULATED_TEXT_DELAY_MS: '0-300',
      PARLEY_SIMULATED_VOICE_DELAY_MS: '0-300',
      PARLEY_SIMULATED_VIDEO_DELAY_MS: '0-300',
      // Short enough that what the first kills leave over is swept while the others go on.
      ...sweepsAfter(15_000),
      PARLEY_MEDIA_SWEEP_INTERVAL_MS: '500',
      PARLEY_SIMULATED_PIECES: '8',
      PARLEY_SIMULATED_PIECE_INTERVAL_MS: '20',
    },
  });
});
afterAll(async () => {
  for (const checkingClient of checkingClients) checkingClient.giveUp();
  await server?.[Symbol.asyncDispose]();
});

test(`kill -9 at ${kills} random moments while ${clients} clients chat loses nothing and breaks no limit`, async () => {
  const random = seededRandom();
  for (let index = 0; index < clients; index += 1) {
    const shape = shapes[index % shapes.length] ?? 'bidi';
    const sayings = index < clients - mixedClients ? undefined : mixedSayings(random);
    checkingClients.push(new CheckingClient({ address: server.address, shape }, 1, sayings));
  }
  const talks = checkingClients.map((checkingClient) => checkingClient.talk());
  await Promise.all(checkingClients.map((checkingClient) => checkingClient.hears('replyDelta')));
  const streamingAfterMs: number[] = [];
  const settled = new Set<Said>();
  for (let kill = 0; kill < kills; kill += 1) {
    await sleep(random() * longestQuietMs);
    const told = new Set(
      checkingClients.flatMap((checkingClient) => checkingClient.accepted).filter((said) => !settled.has(said)),
    );
    server = await server.restart();
    const ready = performance.now();
    const streaming = checkingClients.map((checkingClient) =>
      checkingClient.hears('replyDelta').then(() => performance.now() - ready),
    );
    streamingAfterMs.push(...(await Promise.all(streaming)).slice(0, clients - mixedClients));
    await historyHolds(server.address, checkingClients, { settled: told, timeoutMs: settleTimeoutMs });
    // Looked at once more at the end: what was read each time would grow with all that was said.
    for (const said of told) settled.add(said);
  }
  for (const checkingClient of checkingClients) checkingClient.stopTalking();
  await Promise.all(talks);
  await historyHolds(server.address, checkingClients);
  const accepted = checkingClients.flatMap((checkingClient) => checkingClient.accepted);
  const said = accepted.length;
  const withMedia = accepted.filter(({ enclosure }) => enclosure !== undefined).length;
  console.info(
    `${kills} kills, ${said} messages accepted, ${withMedia} of them with media; texts streaming again after p50 ${percentile(streamingAfterMs, 0.5).toFixed(0)} ms, ` +
      `p99 ${percentile(streamingAfterMs, 0.99).toFixed(0)} ms, max ${percentile(streamingAfterMs, 1).toFixed(0)} ms`,
  );

  const whole = () =>
    Promise.all(
      checkingClients.map((checkingClient) => wholeConversation(server.address, checkingClient.conversationId)),
    );
  const before = await whole();
  expect(await fetchBreaches(before.flat())).toEqual([]);
  // Nobody uploads any more: two looks after the youngest has come of age nothing is left over.
  await eventually(
    () => mediaBreaches(server.dataDir).catch((error: unknown) => [String(error)]),
    (breaches) => breaches.length === 0,
    settleTimeoutMs,
  );
  expect(await server.stop('SIGTERM')).toEqual({ code: 0, signal: null });
  const processing = processingOf(await conversationEntries(server.dataDir));
  expect(processing.breaches).toEqual([]);
  expect(await mediaBreaches(server.dataDir)).toEqual([]);
  expect(processing).toMatchObject({ messages: said, ended: said });
  const env = { PARLEY_DATA_DIR: server.dataDir };
  const audit = await runParley(['audit', '--json'], env);
  expect(audit).toMatchObject({ code: 0 });
  expect(await runParley(['rebuild', 'history'], env)).toMatchObject({ code: 0 });
  server = await server.restart();
  expect((await whole()).map(withoutLinks)).toEqual(before.map(withoutLinks));
});
