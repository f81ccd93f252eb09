import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { MessageRefused, type Session, shapes } from '../testing/black-box-client.ts';
import { Cluster } from '../testing/cluster.ts';
import { ClusterTalk, rover, spread, unhurried } from '../testing/cluster-talk.ts';
import { CallRefused, type Dynamic } from '../testing/contract.ts';
import type { Engine } from '../testing/engines/engine-process.ts';
import { inlinePart, voice } from '../testing/media-samples.ts';
import { wholeConversation } from '../testing/oracle.ts';
import { promisedMs } from '../testing/promised.ts';
import { rounds } from '../testing/rounds.ts';
import { objectBreach } from '../testing/sayings.ts';
import { eventually, refusalOf, TestSessions } from '../testing/test-sessions.ts';

const kafkaKills = rounds({ usual: 2, long: 5 });
/** Longer than it takes a gateway to suspend its sessions. */
const kafkaAwayMs = rounds({ usual: 25_000, long: 60_000 });
const awayMs = Number(process.env['PARLEY_TEST_ENGINE_AWAY_MS'] ?? 10_000);
const clients = Number(process.env['PARLEY_TEST_CLIENTS'] ?? 20);
const backWithinMs = promisedMs(10_000);
/** Nobody waits for longer than 5 s to be told; the rest is the machine's. */
const toldWithinMs = 5_000 + promisedMs(2_000);
/** A gateway suspends its sessions after 12 s without the log's answer; the rest is the machine's. */
const suspendedWithinMs = 12_000 + promisedMs(6_000);
jest.setTimeout(300_000 + kafkaKills * 30_000 + kafkaAwayMs);

/** Those who wait on their streams say nothing for long. */
const noHurry = { PARLEY_FIRST_MESSAGE_DEADLINE_MS: '600000', PARLEY_STALE_AFTER_MS: '600000' };

/** A client that stays on one stream, in the conversation that it began there. */
interface TestSession {
  readonly session: Session;
  readonly welcome: Dynamic;
}

let cluster: Cluster;
let talk: ClusterTalk;
let testSessions: readonly TestSessions[];
let patient: readonly TestSession[];

beforeAll(async () => {
  cluster = await Cluster.start({ env: { ...unhurried, PARLEY_SIMULATED_VOICE_DELAY_MS: '0', ...noHurry } });
  const checkingClients = Array.from({ length: clients }, (_, index) => rover(cluster, index));
  talk = new ClusterTalk(cluster, checkingClients);
  await talk.begin();
  testSessions = cluster.of('gateway').flatMap(({ server }) => shapes.map((shape) => new TestSessions(server, shape)));
  patient = await Promise.all(testSessions.map((some) => some.connect()));
});
afterAll(async () => {
  talk?.[Symbol.dispose]();
  await Promise.all((testSessions ?? []).map((some) => some[Symbol.asyncDispose]()));
  await cluster?.[Symbol.asyncDispose]();
});

/** How long it takes, in milliseconds. */
async function timed(work: Promise<unknown>): Promise<number> {
  const sinceMs = performance.now();
  await work;
  return performance.now() - sinceMs;
}

/** What is told instead of an answer. */
async function refusalFrom(work: Promise<unknown>): Promise<MessageRefused | CallRefused> {
  const told = await work.catch((error: unknown) => error);
  if (told instanceof MessageRefused || told instanceof CallRefused) return told;
  throw new Error(`not refused: ${JSON.stringify(told)}`);
}

/** Everybody is answered again, soon after the engine answers, and nobody was left without a word meanwhile. */
async function returns(name: string, engine: Engine): Promise<void> {
  await engine.start();
  const backMs = await talk.allHear('message');
  const longestSayMs = Math.max(...talk.checkingClients.map((checkingClient) => checkingClient.longestSayMs));
  console.info(
    `${name} is back: answered again after ${spread(backMs)}; told after ${longestSayMs.toFixed(0)} ms at most`,
  );
  expect(Math.max(...backMs)).toBeLessThan(backWithinMs);
  expect(longestSayMs).toBeLessThan(toldWithinMs);
  const told = talk.checkingClients.flatMap(({ refusals }) => refusals.splice(0));
  expect(told.filter(({ retryDelayMs }) => retryDelayMs === undefined)).toEqual([]);
  for (const checkingClient of talk.checkingClients) checkingClient.longestSayMs = 0;
}

async function dies(engine: Engine): Promise<void> {
  for (const checkingClient of talk.checkingClients) checkingClient.longestSayMs = 0;
  await engine.kill();
}

/** Each says something on the stream that it has had from the beginning, and is answered. */
async function patientAsk(text: string, withinMs: number): Promise<void> {
  const took = await Promise.all(patient.map(({ session }) => timed(session.ask(text, text))));
  console.info(`${text}: answered after ${spread(took)}`);
  expect(Math.max(...took)).toBeLessThan(withinMs);
}

/** A client that nobody knew is answered, too. */
async function strangerAsks(): Promise<void> {
  await Promise.all(
    testSessions.map(async (some) => {
      const { session } = await some.connect();
      await session.ask('Is anybody there?');
      await session.goodbye();
    }),
  );
}

async function areReady(): Promise<boolean[]> {
  const answers = cluster.of('gateway').map(({ server }) => fetch(`http://${server.httpAddress}/readyz`));
  return (await Promise.all(answers)).map(({ ok }) => ok);
}

test(`Kafka killed ${kafkaKills} times is back each time, for everybody`, async () => {
  for (let kill = 0; kill < kafkaKills; kill += 1) {
    await dies(cluster.engines.kafka);
    await returns('Kafka', cluster.engines.kafka);
  }
});

test(`Kafka away for ${kafkaAwayMs} ms: sessions are suspended, whoever says something is told so, and they go on`, async () => {
  await dies(cluster.engines.kafka);
  const away = sleep(kafkaAwayMs);
  await eventually(areReady, (ready) => !ready.includes(true), suspendedWithinMs);
  for (const { session } of patient) {
    const sending = refusalFrom(session.text('Anybody?'));
    expect(await timed(sending)).toBeLessThan(toldWithinMs);
    expect(await sending).toMatchObject({ reason: 'LOG_UNAVAILABLE', retryDelayMs: expect.any(Number) });
  }
  for (const some of testSessions) {
    const applying = refusalOf(some.dial());
    expect(await timed(applying)).toBeLessThan(toldWithinMs);
    expect(await applying).toMatchObject({ reason: 'LOG_UNAVAILABLE', retryDelayMs: expect.any(Number) });
  }
  await away;
  await returns('Kafka', cluster.engines.kafka);
  await eventually(areReady, (ready) => !ready.includes(false), backWithinMs);
  await patientAsk('after Kafka', backWithinMs);
  for (const { session } of patient) expect(session.all('welcome')).toHaveLength(1);
});

test('without MongoDB live chat goes on, and history catches up', async () => {
  const { mongo } = cluster.engines;
  await dies(mongo);
  const away = sleep(awayMs);
  await patientAsk('without MongoDB', toldWithinMs);
  await strangerAsks();
  await away;
  await returns('MongoDB', mongo);
  for (const { welcome } of patient) {
    await eventually(
      () => wholeConversation(cluster.nextAddress(), welcome.conversationId).catch((): Dynamic[] => []),
      (messages) => messages.filter(({ clientMessageId }) => clientMessageId === 'without MongoDB').length === 1,
      backWithinMs,
    );
  }
});

test('without NATS replies arrive from the log', async () => {
  const { nats } = cluster.engines;
  await dies(nats);
  const away = sleep(awayMs);
  await patientAsk('without NATS', toldWithinMs);
  await strangerAsks();
  await away;
  await returns('NATS', nats);
  const piecesMs = await talk.allHear('replyDelta');
  console.info(`pieces again after ${spread(piecesMs)}`);
  expect(Math.max(...piecesMs)).toBeLessThan(backWithinMs);
});

test('without S3 text goes on, and what comes with media is refused for now', async () => {
  const { s3 } = cluster.engines;
  const said = () => patient.map(({ session }) => session.say([{ text: 'Listen' }, inlinePart(voice)], 'with a voice'));
  await dies(s3);
  const away = sleep(awayMs);
  for (const sending of said()) {
    const refused = refusalFrom(sending);
    expect(await timed(refused)).toBeLessThan(toldWithinMs);
    expect(await refused).toMatchObject({ reason: 'MEDIA_UNAVAILABLE', retryDelayMs: expect.any(Number) });
  }
  await patientAsk('without S3', toldWithinMs);
  await away;
  await returns('S3', s3);
  for (const [index, accepted] of (await Promise.all(said())).entries()) {
    const reply = await patient[index]?.session.reply(accepted.messageId, backWithinMs);
    const media = reply.parts.flatMap((part: Dynamic) => (part.value === 'media' ? [part.media] : []));
    expect(await Promise.all(media.map(objectBreach))).toEqual([undefined]);
  }
});

test('nothing that was accepted is lost, and no limit was broken', async () => {
  for (const { session } of patient) expect(session.isOver).toBe(false);
  await talk.end();
  for (const { session } of patient) await session.goodbye();
  console.info(`${talk.accepted} messages accepted`);
  expect(await talk.breaches()).toEqual([]);
});
