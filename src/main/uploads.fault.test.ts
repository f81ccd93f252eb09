import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { shapes } from '../testing/black-box-client.ts';
import { CheckingClient } from '../testing/checking-client.ts';
import { CallRefused, call, clientOf, type Dynamic, hangUp } from '../testing/contract.ts';
import { conversationEntries, processingOf } from '../testing/log-oracle.ts';
import { fetchBreaches, mediaBreaches, mediaOnDisk } from '../testing/media-oracle.ts';
import { padded, picture, type Sample, video, voice } from '../testing/media-samples.ts';
import { historyHolds, wholeConversation } from '../testing/oracle.ts';
import { seededRandom } from '../testing/random.ts';
import { rounds } from '../testing/rounds.ts';
import { Enclosure } from '../testing/sayings.ts';
import { type ParleyServer, startServer, sweepsAfter } from '../testing/server.ts';
import { eventually } from '../testing/test-sessions.ts';
import { mediaCall, putTo, reserve, type Uploader } from '../testing/uploads.ts';

const uploads = rounds({ usual: 250, long: 1_000 });
const kills = rounds({ usual: 3, long: 10 });
const clients = 10;
const longestBytes = 2 * 2 ** 20;
/** Of the uploads, those that are too short to be media at all. */
const junkShare = 0.15;
const longestQuietMs = 300;
const retryMs = 50;
/** Generous on purpose: they bound a hanging test and assert nothing. */
const killTimeoutMs = 300_000;
const settleTimeoutMs = 60_000;
jest.setTimeout(1_200_000);

let server: ParleyServer;
const checkingClients: CheckingClient[] = [];
/** Those whose conversations are not deleted. */
const staying: CheckingClient[] = [];
const complaints: string[] = [];
const tally = new Map<string, number>();
let done = 0;
/** Nothing is tried again any more. */
let isOver = false;

beforeAll(async () => {
  server = await startServer({
    env: {
      PARLEY_SIMULATED_TEXT_DELAY_MS: '0-20',
      PARLEY_SIMULATED_VOICE_DELAY_MS: '0-20',
      PARLEY_SIMULATED_VIDEO_DELAY_MS: '0-20',
      ...sweepsAfter(10_000),
      PARLEY_MEDIA_SWEEP_INTERVAL_MS: '500',
      PARLEY_ERASURE_DELAY_MS: '500',
    },
  });
});
afterAll(async () => {
  isOver = true;
  for (const checkingClient of checkingClients) checkingClient.giveUp();
  await server?.[Symbol.asyncDispose]();
});

/** Whether the server died under a call, or was not there. */
function isLost(error: unknown): boolean {
  if (error instanceof CallRefused)
    return ['UNAVAILABLE', 'CANCELLED', 'INTERNAL', 'DEADLINE_EXCEEDED'].includes(error.code);
  // Not asked by `instanceof`: what fetch throws is of another realm than the test.
  return /fetch failed|terminated/.test(String(error));
}

/** Does it again until the server has answered. */
async function persistently<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (isOver || !isLost(error)) throw error;
      await sleep(retryMs);
    }
  }
}

/** PUTs half of the bytes and is gone. Whatever becomes of it is no matter. */
function putHalf(reserved: Dynamic, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const headers = { ...reserved.uploadHeaders, 'content-length': bytes.length };
    const put = request(reserved.uploadUrl, { method: 'PUT', headers });
    put.once('error', () => {});
    put.once('close', resolve);
    put.once('response', (response) => response.resume());
    put.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => put.destroy());
  });
}

/** Of one client, with the conversation that it stays in. */
interface Customer extends Uploader {
  readonly checkingClient: CheckingClient;
}

/** What becomes of one upload. */
type Fate = (customer: Customer, sample: Sample) => Promise<unknown>;

async function expectPut(who: Uploader, sample: Sample, bytes: Buffer, expected: number): Promise<void> {
  const reserved = await persistently(() => reserve(who, sample));
  const status = await persistently(() => putTo(reserved, bytes));
  // An upload may have to wait until the next start, and then be too late.
  const isLate = status === 403 && Date.now() >= reserved.expireTime.seconds * 1_000;
  if (status !== expected && !isLate) complaints.push(`${reserved.mediaId}: ${status} instead of ${expected}`);
}

function newCheckingClient(clientId?: string): CheckingClient {
  const shape = shapes[checkingClients.length % shapes.length] ?? 'bidi';
  const checkingClient = new CheckingClient({ address: server.address, shape }, 1, undefined, clientId);
  checkingClients.push(checkingClient);
  return checkingClient;
}

async function deleteConversation(conversationId: string): Promise<void> {
  const history = clientOf('chat.v1.HistoryService', server.address);
  try {
    await persistently(() => call(history, 'DeleteConversation', { conversationId }));
  } catch (error) {
    // The call before the one that was answered has done it.
    if (!(error instanceof CallRefused) || error.code !== 'NOT_FOUND') throw error;
  } finally {
    hangUp(history);
  }
}

function upload(sample: Sample, puts?: number): Enclosure {
  return new Enclosure({ how: 'upload', sample }, puts);
}

const fates = {
  'never PUT': (who, sample) => persistently(() => reserve(who, sample)),
  'PUT by halves': async (who, sample) => putHalf(await persistently(() => reserve(who, sample)), sample.bytes),
  'PUT with a wrong byte': (who, sample) => {
    const wrong = Buffer.from(sample.bytes);
    wrong.writeUInt8(wrong.readUInt8(wrong.length - 1) ^ 1, wrong.length - 1);
    return expectPut(who, sample, wrong, 422);
  },
  'PUT with a byte too many': (who, sample) => expectPut(who, sample, padded(sample, sample.bytes.length + 1), 400),
  unused: (who, sample) => persistently(() => upload(sample).part(who)),
  named: ({ checkingClient }, sample) => checkingClient.sayOne('Look at this', upload(sample)),
  'PUT twice at once, and named': ({ checkingClient }, sample) =>
    checkingClient.sayOne('Look at this', upload(sample, 2)),
  'named twice': async ({ checkingClient }, sample) => {
    const enclosure = upload(sample);
    await checkingClient.sayOne('Look at this', enclosure);
    await checkingClient.sayOne('Look at this again', enclosure);
  },
  'of a deleted conversation': async (_who, sample) => {
    const checkingClient = newCheckingClient();
    await checkingClient.sayOne('Nobody will know', upload(sample));
    checkingClient.drop();
    await deleteConversation(checkingClient.conversationId);
    complaints.push(...checkingClient.breaches);
  },
  'of a conversation deleted while it is answered': async (_who, sample) => {
    const checkingClient = newCheckingClient();
    await checkingClient.sayOne('This will go');
    const saying = checkingClient.sayOne('And this', upload(sample)).catch((error: unknown) => {
      // What was not accepted before the deletion cannot be said any more.
      if (!(error instanceof CallRefused) || error.code !== 'NOT_FOUND') throw error;
    });
    await Promise.race([checkingClient.hears('accepted'), checkingClient.hears('replyDelta'), saying]);
    await deleteConversation(checkingClient.conversationId);
    await saying;
    checkingClient.drop();
  },
  'of two conversations, one of them deleted': async ({ checkingClient, clientId }, sample) => {
    const enclosure = upload(sample);
    await checkingClient.sayOne('Look at this', enclosure);
    checkingClient.drop();
    const other = newCheckingClient(clientId);
    await other.sayOne('Look at this', enclosure);
    other.drop();
    await deleteConversation(other.conversationId);
    complaints.push(...other.breaches);
  },
} satisfies Record<string, Fate>;

/** What is not of its type can be stored, and not be used. */
async function junk(who: Uploader, sample: Sample): Promise<void> {
  const { media } = (await persistently(() => upload(sample).part(who))) as Dynamic;
  const refused = persistently(() => mediaCall(who, 'GetMedia', { mediaId: media.mediaId }));
  const reason = await refused.then(
    () => 'none',
    (error: unknown) => (error instanceof CallRefused ? error.reason : String(error)),
  );
  if (!['MEDIA_MISMATCH', 'NOT_FOUND'].includes(reason)) complaints.push(`junk ${media.mediaId}: ${reason}`);
}

/** Of a length between 1 byte and the longest, all orders of magnitude alike; no two are equal. */
function randomSample(random: () => number): { readonly sample: Sample; readonly isJunk: boolean } {
  const like = [voice, video, picture][Math.floor(random() * 3)] ?? voice;
  const noise = Buffer.from(Array.from({ length: 8 }, () => random() * 256));
  const shortestBytes = like.bytes.length + noise.length;
  const isJunk = random() < junkShare;
  // Two bytes of chance can be the start of an MP3 frame. No format begins with a zero byte and chance.
  if (isJunk) noise.writeUInt8(0, 0);
  const [from, to] = isJunk ? [1, shortestBytes - 1] : [shortestBytes, longestBytes];
  const sizeBytes = Math.ceil(from * (to / from) ** random());
  const bytes = isJunk
    ? Buffer.alloc(sizeBytes, noise)
    : Buffer.concat([padded(like, sizeBytes - noise.length), noise]);
  return { sample: { ...like, bytes }, isJunk };
}

async function sweptSinceStart(): Promise<number> {
  const metrics = await (await fetch(`http://${server.httpAddress}/metrics`)).text();
  return Number(/^parley_media_swept_objects_total (\S+)$/m.exec(metrics)?.[1]);
}

async function live(plan: readonly { name: keyof typeof fates; sample: Sample; isJunk: boolean }[]): Promise<void> {
  const checkingClient = newCheckingClient();
  staying.push(checkingClient);
  const customer = { address: server.address, clientId: checkingClient.clientId, checkingClient };
  for (const { name, sample, isJunk } of plan) {
    const isSaid = Object.keys(fates).indexOf(name) > Object.keys(fates).indexOf('unused');
    const fate: Fate = isJunk && isSaid ? junk : fates[name];
    const what = isJunk && isSaid ? 'no media' : name;
    tally.set(what, (tally.get(what) ?? 0) + 1);
    await fate(customer, sample);
    done += 1;
  }
}

test(`${uploads} random uploads with ${kills} kills in between leave what messages name, and nothing else`, async () => {
  const random = seededRandom();
  const names = Object.keys(fates) as (keyof typeof fates)[];
  const plans = Array.from({ length: clients }, () =>
    Array.from({ length: uploads / clients }, () => {
      return { name: names[Math.floor(random() * names.length)] ?? 'unused', ...randomSample(random) };
    }),
  );
  const living = Promise.all(plans.map(live));
  for (let kill = 1; kill <= kills; kill += 1) {
    const enough = (uploads * kill) / (kills + 1);
    await Promise.race([
      living,
      eventually(
        async () => done,
        (count) => count >= enough,
        killTimeoutMs,
      ),
    ]);
    await sleep(random() * longestQuietMs);
    server = await server.restart();
  }
  await living;
  const inHistory = staying.filter(({ conversationId }) => conversationId !== '');
  expect(complaints).toEqual([]);
  await historyHolds(server.address, inHistory);
  const messages = await Promise.all(
    inHistory.map((checkingClient) => wholeConversation(server.address, checkingClient.conversationId)),
  );
  expect(await fetchBreaches(messages.flat())).toEqual([]);
  await eventually(
    () => mediaBreaches(server.dataDir).catch((error: unknown) => [String(error)]),
    (breaches) => breaches.length === 0,
    settleTimeoutMs,
  );
  const swept = await sweptSinceStart();
  expect(await server.stop('SIGTERM')).toEqual({ code: 0, signal: null });
  expect(await mediaBreaches(server.dataDir)).toEqual([]);
  expect(processingOf(await conversationEntries(server.dataDir)).breaches).toEqual([]);
  const { objects } = await mediaOnDisk(server.dataDir);
  console.info(
    `${objects.size} objects are named, ${swept} were swept since the last kill: ${JSON.stringify([...tally])}`,
  );
  expect(objects.size).toBeGreaterThan(0);
  expect(swept).toBeGreaterThan(0);
});
