import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, jest, test } from '@jest/globals';
import { objectOf, sampleBytes } from '../../ports/contracts/media-store.contract.ts';
import { seededRandom } from '../../testing/random.ts';
import { rounds } from '../../testing/rounds.ts';
import { type HostileRequest, HostileRequests, type Loot } from './testing/hostile-requests.ts';
import { RawConnection, statusesIn } from './testing/raw-connection.ts';
import { ServedStore } from './testing/served-store.ts';

jest.setTimeout(300_000);

const requests = rounds({ usual: 3_000, long: 10_000 });
const connectionsAtOnce = 32;
/** Far beyond what any answer takes, on a machine that does other things as well. */
const hangsAfterMs = 60_000;
const enoughMs = 250;
const hourMs = 3_600_000;
const victimsMark = 'what only the victim may read';
const outsideMark = 'what nobody may read';
const victimsBytes = Buffer.from(`${victimsMark} `.repeat(100));

async function plant(served: ServedStore): Promise<Loot> {
  const nowMs = served.clock.nowMs();
  const [victims, own, pending] = [objectOf(victimsBytes), objectOf(sampleBytes(1_000)), objectOf(sampleBytes(777))];
  await served.store.put(victims, victimsBytes);
  await served.store.put(own, sampleBytes(1_000));
  await writeFile(join(served.around, 'secret.txt'), outsideMark);
  return {
    ownDownload: await served.store.downloadUrl(own, nowMs + hourMs),
    ownUpload: (await served.store.uploadUrl(pending, nowMs + hourMs)).url,
    ownUploadBytes: pending.sizeBytes,
    expired: await served.store.downloadUrl(victims, nowMs),
    victims: await served.store.downloadUrl(victims, nowMs + hourMs),
    victimsId: victims.mediaId,
  };
}

/** What was answered before the connection was closed; who is owed more of a request is told soon that there is none. */
async function answerTo({ bytes }: HostileRequest, port: number): Promise<string> {
  using raw = await RawConnection.open(port);
  raw.write(bytes);
  await raw.until((received) => statusesIn(received).some((status) => status !== 100), enoughMs).catch(() => raw.end());
  return await raw.closed(hangsAfterMs);
}

/** undefined when all is well. */
function complaint(request: HostileRequest, answer: string, secrets: readonly string[]): string | undefined {
  const statuses = statusesIn(answer).filter((status) => status !== 100);
  const served = statuses.filter((status) => status < 400);
  if (secrets.some((secret) => answer.includes(secret))) return `told a secret to ${JSON.stringify(request)}`;
  if (served.length > 0 && !request.mayBeServed) return `answered ${served.join()} to ${JSON.stringify(request)}`;
  if (statuses.includes(500)) return `failed at ${JSON.stringify(request)}`;
  return undefined;
}

test(`${requests} hostile requests reach nothing, leave nothing and break nothing`, async () => {
  await using served = await ServedStore.start({ stallTimeoutMs: 2_000, lingerMs: 200 });
  const loot = await plant(served);
  const key = await readFile(join(served.folder, 'url-key'), 'latin1');
  const secrets = [victimsMark, outsideMark, key, 'root:x:0', '"owner"'];
  const hostile = new HostileRequests(seededRandom(), loot);
  const before = await served.tree();
  const tally = new Map<string, number>();
  const complaints: string[] = [];
  let begun = 0;
  const lane = async () => {
    while (begun++ < requests) {
      const request = hostile.next();
      const answer = await answerTo(request, served.port);
      const [first] = statusesIn(answer);
      const entry = `${request.what} ${first ?? 'closed'}`;
      tally.set(entry, (tally.get(entry) ?? 0) + 1);
      const wrong = complaint(request, answer, secrets);
      if (wrong !== undefined) complaints.push(wrong);
    }
  };
  await Promise.all(Array.from({ length: connectionsAtOnce }, lane));
  console.info(
    `first statuses: ${JSON.stringify(Object.fromEntries([...tally].toSorted(([a], [b]) => (a < b ? -1 : 1))), null, 1)}`,
  );
  expect(complaints.slice(0, 5)).toEqual([]);
  // The requests have come as far as they were meant to.
  for (const entry of [
    'path 404',
    'signature 403',
    'forged 403',
    'range 206',
    'range 416',
    'length 400',
    'length 413',
    'method 405',
  ])
    expect([entry, tally.has(entry)]).toEqual([entry, true]);
  await Promise.all(served.answering);
  expect(served.errors).toEqual([]);
  expect(await served.tree()).toEqual(before);

  expect(await (await fetch(loot.victims)).text()).toBe(victimsBytes.toString());
  const put = { method: 'PUT', headers: { 'content-type': 'audio/mpeg' }, body: new Uint8Array(sampleBytes(777)) };
  expect((await fetch(loot.ownUpload, put)).status).toBe(201);
});
