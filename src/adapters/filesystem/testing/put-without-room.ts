/**
 * Uploads and puts what there is no room for into the store of the folder named, then what there is room for. Prints what became of it as one
 * line of JSON. A process of its own, because a limit on the size of files holds for all that a process writes.
 */
import { execFileSync } from 'node:child_process';
import { hash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { newMediaId } from '../../../domain/media/media-id.ts';
import { systemClock } from '../../node/system-clock.ts';
import { openFolderMediaStore } from '../folder-media-store.ts';

/** What the test is told. */
export interface RoomReport {
  readonly uploadStatus: number;
  readonly uploadAnswer: unknown;
  readonly putError: string;
  readonly partialAfter: readonly string[];
  readonly reported: number;
  readonly smallStatus: number;
  /** Which of the three objects are there: the uploaded, the put, the small one. */
  readonly there: readonly boolean[];
}

const hourMs = 3_600_000;
const [folder = '', roomBytes = '', limited = ''] = process.argv.slice(2);
if (limited === 'limited') execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${roomBytes}:unlimited`]);

let reported = 0;
const server = createServer((request, response) => void store.handler(request, response));
const store = await openFolderMediaStore({
  folder,
  prefix: 'test',
  publicUrl: () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  clock: systemClock,
  maxObjectBytes: Number(roomBytes) * 10,
  onError: () => {
    reported += 1;
  },
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');

function objectOf(bytes: Uint8Array) {
  const mediaId = newMediaId(randomUUID(), systemClock.nowMs());
  const sha256 = hash('sha256', bytes, 'hex');
  return {
    mediaId,
    ownerId: 'ann',
    kind: 'voice',
    contentType: 'audio/mpeg',
    sizeBytes: bytes.length,
    sha256,
  } as const;
}

async function upload(object: ReturnType<typeof objectOf>, body: Uint8Array<ArrayBuffer>) {
  const { url, headers } = await store.uploadUrl(object, systemClock.nowMs() + hourMs);
  return fetch(url, { method: 'PUT', headers, body });
}

const large = new Uint8Array(Number(roomBytes) * 2);
const small = new Uint8Array(Number(roomBytes) / 4);
const objects = [objectOf(large), objectOf(large), objectOf(small)] as const;
const uploaded = await upload(objects[0], large);
const putError = await store.put(objects[1], large).then(
  () => 'none',
  (error: Error) => error.name,
);
const report: RoomReport = {
  uploadStatus: uploaded.status,
  uploadAnswer: await uploaded.json(),
  putError,
  partialAfter: readdirSync(join(folder, 'test', 'partial')),
  reported,
  smallStatus: (await upload(objects[2], small)).status,
  there: await Promise.all(objects.map(async ({ mediaId }) => (await store.stat(mediaId)) !== null)),
};
console.log(JSON.stringify(report));
await store[Symbol.asyncDispose]();
server.closeAllConnections();
server.close();
