import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { type HostileRequest, HostileRequests, type Loot } from '../adapters/filesystem/testing/hostile-requests.ts';
import { RawConnection, statusesIn } from '../adapters/filesystem/testing/raw-connection.ts';
import { dial, MessageRefused, type Session } from '../testing/black-box-client.ts';
import { CallRefused, call, clientOf, type DynamicClient, hangUp } from '../testing/contract.ts';
import { inlinePart, page, picture, type Sample, sha256, video, voice } from '../testing/media-samples.ts';
import { seededRandom } from '../testing/random.ts';
import { rounds } from '../testing/rounds.ts';
import { type ParleyServer, startServer } from '../testing/server.ts';
import { mediaCall, putTo, reserve, type Uploader, upload } from '../testing/uploads.ts';

jest.setTimeout(300_000);

const requests = rounds({ usual: 1_000, long: 3_000 });
const calls = rounds({ usual: 1_000, long: 2_000 });
const messages = rounds({ usual: 500, long: 1_000 });
const atOnce = 16;
const urlLifetimeMs = 1_000;
/** Far beyond what any answer takes, on a machine that does other things as well. */
const hangsAfterMs = 60_000;
const enoughMs = 250;
const victimsMark = 'what only the victim may read';
const victimsVoice: Sample = { ...voice, bytes: Buffer.concat([voice.bytes, Buffer.from(victimsMark)]) };
/** What the HTTP port tells anybody, wherever a path leads back to it; of the web client's files at least a header of theirs alone. */
const publicPages = /^(ok|ready|<!doctype html>|# HELP |cross-origin-opener-policy: )/im;

let server: ParleyServer;
let witness: Session;
let victimsId: string;
let loot: Loot;

beforeAll(async () => {
  // The attacker creates more uploads than a client may.
  const env = { PARLEY_SIMULATED_VOICE_DELAY_MS: '0', PARLEY_WRITES_PER_CLIENT_PER_MINUTE: '1000000' };
  server = await startServer({ env: { ...env, PARLEY_MEDIA_URL_LIFETIME_MS: `${urlLifetimeMs}` } });
  victimsId = await upload(as('victim'), victimsVoice);
  const expired = await downloadUrl('victim', victimsId);
  await sleep(urlLifetimeMs);
  // URLs outlive the process that made them, or end while it is away.
  server = await server.restart({ PARLEY_MEDIA_URL_LIFETIME_MS: '600000' });
  const own = await upload(as('attacker'), voice);
  const pending = await reserve(as('attacker'), picture);
  loot = {
    ownDownload: await downloadUrl('attacker', own),
    ownUpload: pending.uploadUrl,
    ownUploadBytes: picture.bytes.length,
    expired,
    victims: await downloadUrl('victim', victimsId),
    victimsId,
  };
  witness = dial({ address: server.address, shape: 'bidi' });
  await witness.welcome();
});
beforeEach(allIsWell);
afterAll(async () => {
  await allIsWell();
  witness.drop();
  await server?.[Symbol.asyncDispose]();
});

/** Somebody else is served as ever. */
async function allIsWell(): Promise<void> {
  const accepted = await witness.say([inlinePart(voice)], `well-${witness.events.length}`);
  expect(await witness.reply(accepted.messageId)).toMatchObject({ status: 'MESSAGE_STATUS_COMPLETED' });
  expect(Buffer.from(await (await fetch(loot.victims)).arrayBuffer()).equals(victimsVoice.bytes)).toBe(true);
}

function as(clientId: string): Uploader {
  return { address: server.address, clientId };
}

async function downloadUrl(clientId: string, mediaId: string): Promise<string> {
  return (await mediaCall(as(clientId), 'GetMedia', { mediaId })).media.url;
}

async function inLanes(count: number, one: () => Promise<void>): Promise<void> {
  let begun = 0;
  const lane = async () => {
    while (begun++ < count) await one();
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}

/** What was logged at level error or above, in either format: the server's fault, never a client's. */
function errorsLogged(): string[] {
  const lines = `${server.stdout()}${server.stderr()}`.split('\n');
  return lines.filter((line) => /"level":"(error|fatal)"|\b(ERROR|FATAL)\b/.test(line));
}

async function objectsOnDisk(): Promise<string[]> {
  return (await readdir(join(server.dataDir, 'media'), { recursive: true })).sort();
}

async function answerTo({ bytes }: HostileRequest): Promise<string> {
  using raw = await RawConnection.open(Number(server.httpAddress.split(':').at(-1)));
  raw.write(bytes);
  await raw.until((received) => statusesIn(received).some((status) => status !== 100), enoughMs).catch(() => raw.end());
  return await raw.closed(hangsAfterMs);
}

test(`${requests} hostile requests to the HTTP port reach nothing, leave nothing and break nothing`, async () => {
  const key = await readFile(join(server.dataDir, 'media', 'url-key'), 'latin1');
  const secrets = [victimsMark, key, 'root:x:0', '"owner"'];
  const hostile = new HostileRequests(seededRandom(), loot);
  const before = await objectsOnDisk();
  const complaints: string[] = [];
  await inLanes(requests, async () => {
    const request = hostile.next();
    const answer = await answerTo(request);
    const statuses = statusesIn(answer).filter((status) => status !== 100);
    if (secrets.some((secret) => answer.includes(secret))) complaints.push(`a secret: ${JSON.stringify(request)}`);
    if (statuses.includes(500)) complaints.push(`failed: ${JSON.stringify(request)}`);
    const isServed = statuses.some((status) => status < 400) && !request.mayBeServed;
    if (isServed && !publicPages.test(answer)) complaints.push(`${statuses.join()}: ${JSON.stringify(request)}`);
  });
  expect(complaints.slice(0, 5)).toEqual([]);
  expect(errorsLogged()).toEqual([]);
  expect(await objectsOnDisk()).toEqual(before);
});

/** What a field may be that nobody expects. */
function hostileValues(random: () => number) {
  const one = (...values: readonly unknown[]): unknown => values[Math.floor(random() * values.length)];
  const id = () =>
    one(
      '',
      '..',
      '../../etc/passwd',
      `${victimsId}/../${victimsId}`,
      `${victimsId}.json`,
      victimsId,
      'x'.repeat(5_000),
      '20261122-\u0000',
      '99999999-a',
      '%2e%2e',
      // As an octet that is no UTF-8 was read once; such a request is refused as a whole: invalid-text.contract.
      '\ufffd',
    );
  return {
    kind: () => one('KIND_UNSPECIFIED', 'KIND_TEXT', 'KIND_VOICE', 'KIND_VIDEO', 'KIND_IMAGE', 77),
    contentType: () =>
      one(
        '',
        'audio/mpeg',
        'image/png',
        'text/html',
        'image/svg+xml',
        'audio/mpeg\r\nx: y',
        'a'.repeat(10_000),
        'audio/mpeg; x=../..',
        '/',
      ),
    sizeBytes: () => one(0, -1, 1, 2 ** 31, Number.MAX_SAFE_INTEGER, -(2 ** 53), voice.bytes.length),
    sha256: () => one(Buffer.alloc(0), Buffer.alloc(31), Buffer.alloc(32), Buffer.alloc(100_000), sha256(voice.bytes)),
    mediaId: id,
    inlineData: () =>
      one(
        Buffer.alloc(0),
        page,
        voice.bytes,
        video.bytes.subarray(0, 12),
        picture.bytes.subarray(0, 8),
        Buffer.alloc(2 ** 20 + 1),
        Buffer.alloc(1_000, random() * 256),
      ),
    clientId: () => one('', 'attacker', 'a'.repeat(2_000), '\u0000', '../..'),
  };
}

type Values = ReturnType<typeof hostileValues>;

/** The request with one or two of these fields made hostile, so that it comes far before it is refused. */
function spoilt(request: object, fields: readonly (keyof Values)[], values: Values, random: () => number): object {
  const any = () => fields[Math.floor(random() * fields.length)] ?? 'kind';
  const [one, other] = [any(), any()];
  return { ...request, [one]: values[one](), ...(random() < 0.5 && { [other]: values[other]() }) };
}

/** The code of a refusal. */
async function codeOf(refused: Promise<unknown>): Promise<string> {
  try {
    await refused;
    return 'OK';
  } catch (error) {
    if (error instanceof CallRefused) return error.code;
    throw error;
  }
}

test(`${calls} hostile calls of MediaService are answered, and none is a fault`, async () => {
  const random = seededRandom();
  const values = hostileValues(random);
  const client: DynamicClient = clientOf('chat.v1.MediaService', server.address);
  const tally = new Map<string, number>();
  const { kind, contentType, bytes } = voice;
  const honest = { kind, contentType, sizeBytes: bytes.length, sha256: sha256(bytes), clientId: 'attacker' };
  const fields = ['kind', 'contentType', 'sizeBytes', 'sha256', 'clientId'] as const;
  await inLanes(calls, async () => {
    const created = await codeOf(call(client, 'CreateUpload', spoilt(honest, fields, values, random)));
    const read = await codeOf(call(client, 'GetMedia', { mediaId: values.mediaId() }));
    for (const each of [created, `GetMedia ${read}`]) tally.set(each, (tally.get(each) ?? 0) + 1);
  });
  hangUp(client);
  console.info(JSON.stringify([...tally]));
  const faults = [...tally.keys()].filter((code) => /INTERNAL|UNKNOWN|UNAVAILABLE|DEADLINE/.test(code));
  expect(faults).toEqual([]);
  expect(errorsLogged()).toEqual([]);
});

test(`${messages} messages with hostile media are refused or answered, and the session goes on`, async () => {
  const random = seededRandom();
  const values = hostileValues(random);
  const attacker = dial({ address: server.address, shape: 'bidi' }, { clientId: 'attacker' });
  await attacker.welcome();
  const tally = new Map<string, number>();
  const { kind, contentType, bytes } = voice;
  const inline = { kind, contentType, inlineData: bytes };
  const named = { kind, mediaId: await upload(as('attacker'), voice) };
  const fields = ['kind', 'contentType', 'sizeBytes', 'sha256'] as const;
  const part = () =>
    random() < 0.5
      ? spoilt(inline, [...fields, 'inlineData'], values, random)
      : spoilt(named, [...fields, 'mediaId'], values, random);
  for (let index = 0; index < messages; index += 1) {
    const parts = Array.from({ length: 1 + (index % 2) }, () => ({ media: part() }));
    const outcome = await attacker.say(parts, `hostile-${index}`).then(
      async ({ messageId }) => (await attacker.reply(messageId)).status,
      (error: unknown) => {
        if (error instanceof MessageRefused) return error.reason;
        throw error;
      },
    );
    tally.set(outcome, (tally.get(outcome) ?? 0) + 1);
  }
  console.info(JSON.stringify([...tally]));
  const stolen = attacker.say([{ media: { mediaId: victimsId } }], 'stolen');
  await expect(stolen).rejects.toMatchObject({ reason: 'MEDIA_NOT_FOUND' });
  const accepted = await attacker.say([inlinePart(voice)], 'honest');
  await attacker.reply(accepted.messageId);
  attacker.drop();
  expect(errorsLogged()).toEqual([]);
  expect([...tally.keys()].filter((reason) => /INTERNAL|UNAVAILABLE/.test(reason))).toEqual([]);
});

test("an upload's URL takes what it was made for, after all that", async () => {
  expect(
    await putTo({ uploadUrl: loot.ownUpload, uploadHeaders: { 'content-type': 'image/png' } }, picture.bytes),
  ).toBeLessThan(300);
});
